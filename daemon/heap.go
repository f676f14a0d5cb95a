package daemon

import "sync"

// leastHeap is how much garbage there is at least before it is collected. The heap of a daemon that runs tiny nodes is 3 MB, so without it
// garbage would be collected for every 3 MB, fifty times a second: a seventh of all that a node costs.
const leastHeap = 8 << 20

// ballast is what the collector counts and nobody touches: it takes addresses and no memory.
var ballast = sync.OnceValue(func() []byte { return make([]byte, leastHeap) })
