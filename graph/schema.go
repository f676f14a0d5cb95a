package graph

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 7) of workflow files, for editors; people get their messages from Check.
func Schema() []byte { return append([]byte(nil), schema...) }
