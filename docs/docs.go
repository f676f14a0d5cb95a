// Package docs holds the pages. The program prints what it can of them.
package docs

import _ "embed"

// MessagesSchema is the JSON Schema of the messages of runs.
//
//go:embed messages.schema.json
var MessagesSchema []byte
