package graph

import (
	"bytes"
	"slices"
)

// Requests that are recorded keep nothing that only the sender needs.
var requestFields = []string{"type", "job_type", "graph", "params", "workflow_id", "explicit_types"}

// requestMarks are texts one of which every request holds.
var requestMarks = [][]byte{[]byte(`"graph"`), []byte("run_job_request"), []byte(`"prompt"`)}

// Redact takes out of a request what a runner does not need: tokens, the environment, chat messages. All places stay
// where they are. Any other text is returned as it is.
func Redact(text []byte) []byte {
	if start := bytes.TrimLeft(text, "\ufeff \t\r\n"); len(start) == 0 || start[0] != '{' || len(text) > MaxFileSize || !slices.ContainsFunc(requestMarks, func(mark []byte) bool { return bytes.Contains(text, mark) }) {
		return text
	}
	src := newSource(bytes.TrimPrefix(text, []byte("\ufeff")))
	found := &problems{}
	root := readJSON(src, found)
	if root == nil {
		return text
	}
	kept := requestFields
	switch formOf(root) {
	case requestForm:
	case promptForm:
		kept = []string{"prompt"}
	default:
		return text
	}
	text = slices.Clone(src.text)
	for i, f := range root.fields {
		if slices.Contains(kept, f.key) {
			continue
		}
		end := len(text)
		if i+1 < len(root.fields) {
			end = src.offset(root.fields[i+1].pos)
		}
		blank(text[src.offset(f.value.pos):end], f.value)
	}
	return text
}

// offset is the byte at a place.
func (s *source) offset(p Pos) int { return s.starts[p.Line-1] + p.Col - 1 }

// blank writes an empty value over a value and what stands behind it up to the next key.
func blank(part []byte, t *tree) {
	if t.kind == scalarTree {
		if s, ok := t.text(); !ok || s == "" {
			return // a number, a bool or nothing tells nothing
		}
	}
	depth, end, quoted, escaped := 0, 0, false, false
	for i, c := range part {
		switch {
		case quoted:
			quoted = escaped || c != '"'
			escaped = c == '\\' && !escaped
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if end = i + 1; !quoted && depth == 0 {
			break
		}
	}
	for i := range end {
		if part[i] != '\n' && part[i] != '\r' {
			part[i] = ' '
		}
	}
	switch t.kind {
	case mapTree:
		copy(part, "{}")
	case listTree:
		copy(part, "[]")
	default:
		copy(part, `""`)
	}
}
