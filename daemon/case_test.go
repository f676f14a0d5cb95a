package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// A nodeCase is a test of one node type: these inputs, that result. A pack of nodes keeps its cases beside its sources, as one
// file cases.json, a JSON list of objects:
//
//	[{"node": "text/format",                 full name of the node type
//	  "name": "two places",                  optional; for messages
//	  "in":   {"template": "{a}", "n": 3},   an argument for each port that is given; a port left out has its default, or is absent
//	  "files": {"in/a.txt": "text"},         optional: what the node may read; the folder is empty otherwise
//	  "want": {"text": "3"},                 what each output must be; outputs not named here are not looked at
//	  "want_files": {"out/b.txt": "text"},   optional: files that the node must have written
//	  "want_error": "no such place",         instead of want: the node must fail with a message that holds this text
//	  "tolerance": 1e-9}]                    optional: how far numbers may be off, as a part of the wanted number (at least 1)
//
// An argument is a literal as in a workflow file, or an object with one key that starts with $ (a literal object whose first key
// starts with $ cannot be written):
//
//	{"$text": "abc"}         these bytes, as the encoding of the port's type: for string, bytes and json ports
//	{"$base64": "AAEC"}      these bytes
//	{"$file": "a.jpg"}       the bytes of a file, relative to the folder of cases.json
//	{"$list": [arg, ...]}    a list of arguments, for list<bytes>, list<image>, ...
//	{"$as": {"type": "list<int>", "value": [1, 2]}}    a literal of this type; for ports whose type has a variable (else T is any)
//	{"$table": {"columns": [["name", "string"], ["n", "int"]], "rows": [["a", 1], ["b", null]]}}
//	{"$node": {"node": "image/decode", "in": {...}, "out": "image"}}    an output of another node of the same pack
//
// A wanted output is the JSON that value.ToJSON renders (bytes: base64; an image: {"type":"image","width":..}; a table:
// {"columns":[..],"rows":[[..]],"count":n}), or one of
//
//	{"$text": ...}, {"$base64": ...}, {"$file": ...}   the output's exact encoding
//	{"$absent": true}                                  nothing: the output stays unwritten
//
// The values of files and want_files are texts, or {"$base64"}, {"$file"}.
type nodeCase struct {
	Node      string
	Name      string
	Inputs    map[string]json.RawMessage `json:"in"`
	Files     map[string]json.RawMessage
	Want      map[string]json.RawMessage
	WantFiles map[string]json.RawMessage `json:"want_files"`
	WantError string                     `json:"want_error"`
	Tolerance float64
}

// readCases reads the cases.json of a folder.
func readCases(t *testing.T, dir string) []nodeCase {
	doc, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	doc, err = value.CanonicalJSON(doc)
	require.NoError(t, err, dir)
	var cases []nodeCase
	require.NoError(t, decodeStrictly(doc, &cases), dir)
	require.NotEmpty(t, cases, dir)
	for _, c := range cases {
		require.NotEqual(t, c.WantError == "", c.Want == nil && c.WantFiles == nil, "%s %s %s: want and want_files, or want_error", dir, c.Node, c.Name)
	}
	return cases
}

func decodeStrictly(doc []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	return dec.Decode(into)
}

// special is an object that stands for what JSON cannot say; one field is set.
type special struct {
	Text   *string           `json:"$text"`
	Base64 []byte            `json:"$base64"`
	File   string            `json:"$file"`
	List   []json.RawMessage `json:"$list"`
	As     *typedLiteral     `json:"$as"`
	Table  *tableLiteral     `json:"$table"`
	Node   *otherNode        `json:"$node"`
	Absent bool              `json:"$absent"`
}

type typedLiteral struct {
	Type  string
	Value json.RawMessage
}

type tableLiteral struct {
	Columns [][2]string
	Rows    [][]any
}

type otherNode struct {
	Node string
	In   map[string]json.RawMessage
	Out  string
}

// specialOf reads such an object; nil when doc is anything else.
func specialOf(doc json.RawMessage) (*special, error) {
	if !bytes.HasPrefix(doc, []byte(`{"$`)) {
		return nil, nil
	}
	s := new(special)
	return s, decodeStrictly(doc, s)
}

// content is the bytes that the object stands for.
func (s *special) content(dir string) ([]byte, error) {
	switch {
	case s.Text != nil:
		return []byte(*s.Text), nil
	case s.File != "":
		return os.ReadFile(filepath.Join(dir, s.File))
	case s.Base64 != nil:
		return s.Base64, nil
	}
	return nil, errors.New("no $text, $file or $base64")
}

// fileContent is the content of a file of a case.
func fileContent(t *testing.T, dir string, doc json.RawMessage) []byte {
	s, err := specialOf(doc)
	require.NoError(t, err)
	if s == nil {
		s = new(special)
		require.NoError(t, json.Unmarshal(doc, &s.Text))
	}
	data, err := s.content(dir)
	require.NoError(t, err)
	return data
}

// argument makes the value of an argument for a port of type t; its type may be closer than t (value.Convert widens it). call
// gives the output of another node.
func argument(dir string, doc json.RawMessage, t value.Type, call func(*otherNode) (value.Value, error)) (value.Value, error) {
	s, err := specialOf(doc)
	switch {
	case err != nil:
		return value.Value{}, err
	case s == nil:
		return value.FromJSON(t.Subst(nil), doc)
	case s.Node != nil:
		return call(s.Node)
	case s.List != nil:
		return listArgument(dir, s.List, t, call)
	case s.As != nil:
		as, err := value.ParseType(s.As.Type)
		if err != nil {
			return value.Value{}, err
		}
		return value.FromJSON(as, s.As.Value)
	case s.Table != nil:
		return s.Table.value()
	}
	data, err := s.content(dir)
	if err != nil {
		return value.Value{}, err
	}
	return value.New(context.Background(), t.Subst(nil), data)
}

// listArgument collects items. Their type is the port's; where that is a variable or any, the items' own, which must be one.
func listArgument(dir string, items []json.RawMessage, t value.Type, call func(*otherNode) (value.Value, error)) (value.Value, error) {
	want := t.Elem()
	if want == "" {
		want = value.Any
	}
	elem, encs := want, make([][]byte, len(items))
	for i, item := range items {
		v, err := argument(dir, item, want, call)
		if err != nil {
			return value.Value{}, fmt.Errorf("item %d: %w", i, err)
		}
		if want.HasVar() && i == 0 {
			elem = v.Type
		}
		enc, ok := v.Inline()
		if !ok {
			return value.Value{}, fmt.Errorf("item %d is not at hand", i)
		}
		if encs[i], err = value.Convert(context.Background(), v.Type, elem, enc); err != nil {
			return value.Value{}, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return value.New(context.Background(), value.ListOf(elem), value.EncodeList(encs))
}

func (l *tableLiteral) value() (value.Value, error) {
	var names []string
	var kinds []value.Type
	for _, column := range l.Columns {
		names, kinds = append(names, column[0]), append(kinds, value.Type(column[1]))
	}
	cells := make([][]any, len(names))
	for _, row := range l.Rows {
		if len(row) != len(names) {
			return value.Value{}, errors.New("a row has other columns than its table")
		}
		for c, cell := range row {
			var err error
			if n, ok := cell.(json.Number); ok && kinds[c] == value.Int {
				cell, err = n.Int64()
			} else if ok {
				cell, err = n.Float64()
			}
			if err != nil {
				return value.Value{}, err
			}
			cells[c] = append(cells[c], cell)
		}
	}
	enc, err := value.EncodeTable(names, kinds, cells)
	if err != nil {
		return value.Value{}, err
	}
	return value.New(context.Background(), value.Table, enc)
}

// checkOutput compares an output with what a case wants of it. Numbers may be off by tolerance times the wanted number, or by
// tolerance when that is below 1.
func checkOutput(t *testing.T, dir, port string, want json.RawMessage, got value.Value, tolerance float64) {
	s, err := specialOf(want)
	require.NoError(t, err)
	if s != nil && s.Absent {
		require.True(t, got.IsZero(), "an output %s", port)
		return
	}
	require.False(t, got.IsZero(), "no output %s", port)
	enc, ok := got.Inline()
	require.True(t, ok)
	if s != nil {
		data, err := s.content(dir)
		require.NoError(t, err)
		require.Equal(t, string(data), string(enc), "output %s", port)
		return
	}
	js, err := value.ToJSON(got.Type, enc, -1)
	require.NoError(t, err)
	var gotTree, wantTree any
	require.NoError(t, decodeStrictly(js, &gotTree))
	require.NoError(t, decodeStrictly(want, &wantTree))
	if !alike(gotTree, wantTree, tolerance) {
		require.Equal(t, wantTree, gotTree, "output %s, tolerance %g", port, tolerance)
	}
}

func alike(got, want any, tolerance float64) bool {
	switch w := want.(type) {
	case json.Number:
		g, ok := got.(json.Number)
		return ok && (g == w || near(g, w, tolerance))
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !alike(g[i], w[i], tolerance) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if x, ok := g[k]; !ok || !alike(x, w[k], tolerance) {
				return false
			}
		}
		return true
	}
	return got == want
}

func near(got, want json.Number, tolerance float64) bool {
	x, err1 := got.Float64()
	y, err2 := want.Float64()
	return err1 == nil && err2 == nil && math.Abs(x-y) <= tolerance*math.Max(1, math.Abs(y))
}
