package daemon

// NodeExtension is for tests that use an engine of their own.
var NodeExtension = nodeExtension
