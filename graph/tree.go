package graph

import (
	"bytes"
	"encoding/json"
	"sort"
	"strings"
	"unicode/utf8"
)

// The limits of a workflow file. They bound what a file from a stranger costs before anything is known about it.
const (
	MaxFileSize = 1 << 20 // bytes
	MaxDepth    = 64      // lists and maps within each other
	MaxNodes    = 10_000  // tasks and groups, those in groups included
	MaxEdges    = 100_000 // wires: in, if, after, each, out, outputs
	MaxFanOut   = 10_000  // wires that leave one node
)

type treeKind int

const (
	scalarTree treeKind = iota
	listTree
	mapTree
)

// tree is what a file says, YAML or JSON, with the place of every part.
type tree struct {
	kind   treeKind
	pos    Pos
	scalar any  // nil, bool, int64, float64, json.Number (an integer beyond 64 bits) or string
	bad    bool // it was reported: nothing more is said about it
	list   []*tree
	fields []field // of a map, in the order of the file; keys are unique
	notes  []note  // what an import says between the fields
}

// note is a comment in front of field at.
type note struct {
	at   int
	text string
}

type field struct {
	key   string
	pos   Pos
	value *tree
}

// find returns the field of a key, nil when there is none. It is meant for the maps of the format, which are short.
func find(fields []field, key string) *field {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

// get returns the value of a key, nil when there is none.
func (t *tree) get(key string) *tree {
	if f := find(t.fields, key); f != nil {
		return f.value
	}
	return nil
}

// text returns a scalar's string.
func (t *tree) text() (string, bool) {
	s, ok := t.scalar.(string)
	return s, ok && t.kind == scalarTree
}

// literal returns the Go value that value.FromGo takes.
func (t *tree) literal() any {
	switch t.kind {
	case listTree:
		list := make([]any, len(t.list))
		for i, item := range t.list {
			list[i] = item.literal()
		}
		return list
	case mapTree:
		m := make(map[string]any, len(t.fields))
		for i := range t.fields {
			m[t.fields[i].key] = t.fields[i].value.literal()
		}
		return m
	}
	return t.scalar
}

// at follows a value.LiteralError's path, such as [2].name, as far as it goes.
func (t *tree) at(path string) *tree {
	for path != "" {
		next, rest := t.step(path)
		if next == nil {
			return t
		}
		t, path = next, rest
	}
	return t
}

func (t *tree) step(path string) (next *tree, rest string) {
	if t.kind == listTree && path[0] == '[' {
		index, rest, _ := strings.Cut(path[1:], "]")
		n := 0
		for _, c := range []byte(index) {
			if n = n*10 + int(c-'0'); c < '0' || c > '9' || n >= len(t.list) {
				return nil, ""
			}
		}
		if n < len(t.list) {
			return t.list[n], rest
		}
	}
	if t.kind != mapTree || path[0] != '.' {
		return nil, ""
	}
	// A key may hold dots and brackets itself: the longest one that fits is meant.
	longest := -1
	for i := range t.fields {
		key := t.fields[i].key
		tail, ok := strings.CutPrefix(path[1:], key)
		if ok && (tail == "" || tail[0] == '.' || tail[0] == '[') && len(key) > longest {
			longest, next, rest = len(key), t.fields[i].value, tail
		}
	}
	return next, rest
}

// describe names what stands there, for messages.
func (t *tree) describe() string {
	switch t.kind {
	case listTree:
		return "a list"
	case mapTree:
		return "a map"
	}
	switch x := t.scalar.(type) {
	case nil:
		return "nothing"
	case string:
		return quote(x)
	case bool:
		if x {
			return "true"
		}
		return "false"
	}
	n, err := json.Marshal(t.scalar)
	if err != nil {
		return "a number that is not finite"
	}
	return clip(string(n))
}

// source is a file's text with an index of its lines, which end with \n, \r\n or \r.
type source struct {
	text   []byte
	starts []int // offsets of the lines' first bytes
	memo   struct{ line, col, offset int }
}

func newSource(text []byte) *source {
	s := &source{text: text, starts: []int{0}}
	for i, c := range text {
		if c == '\n' || (c == '\r' && (i+1 == len(text) || text[i+1] != '\n')) {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// line returns line n, counted from 1, without its end.
func (s *source) line(n int) []byte {
	if n < 1 || n > len(s.starts) {
		return nil
	}
	end := len(s.text)
	if n < len(s.starts) {
		end = s.starts[n]
	}
	return bytes.TrimRight(s.text[s.starts[n-1]:end], "\r\n")
}

// at returns the place of a byte offset.
func (s *source) at(offset int) Pos {
	offset = max(0, min(offset, len(s.text)))
	n := sort.SearchInts(s.starts, offset+1)
	return s.inside(Pos{Line: n, Col: offset - s.starts[n-1] + 1})
}

// inRunes returns the place of a column that was counted in runes. It goes on from the last place asked for where it can:
// a file may be one line with a hundred thousand places.
func (s *source) inRunes(line, col int) Pos {
	text := s.line(line)
	at, offset := 1, 0
	if m := &s.memo; m.line == line && m.col <= col {
		at, offset = m.col, m.offset
	}
	for ; at < col && offset < len(text); at++ {
		_, n := utf8.DecodeRune(text[offset:])
		offset += n
	}
	s.memo.line, s.memo.col, s.memo.offset = line, at, offset
	return s.inside(Pos{Line: line, Col: offset + 1})
}

// inside moves a place that lies behind the text, where parsers report a missing end, to the end of the last line that says
// something.
func (s *source) inside(p Pos) Pos {
	last := len(s.starts)
	if p.Line < 1 {
		return Pos{Line: 1, Col: 1}
	}
	if p.Line >= last {
		for last > 1 && len(bytes.TrimSpace(s.line(last))) == 0 {
			last--
		}
		if p.Line > last {
			return Pos{Line: last, Col: len(s.line(last)) + 1}
		}
	}
	return Pos{Line: p.Line, Col: max(1, min(p.Col, len(s.line(p.Line))+1))}
}
