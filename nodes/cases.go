package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"levee/graph/value"
)

// A case is a test of one node type: these inputs, that result. A pack of nodes keeps its cases beside its sources, as one
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
// An argument is a literal as in a workflow file, or an object with one key that starts with $ (a literal object whose only key
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
//	{"$digest": "hex"}                                 its digest
//	{"$absent": true}                                  nothing: the output stays unwritten
//
// The values of files and want_files are texts, or {"$text"}, {"$base64"}, {"$file"}.
type Case struct {
	Node      string
	Name      string
	Inputs    map[string]Arg
	Files     map[string][]byte
	Want      map[string]Want
	WantFiles map[string][]byte
	WantError string
	Tolerance float64
}

// Arg is one argument of a case: how to make the value of a port.
type Arg struct {
	literal json.RawMessage // a literal, in JSON
	as      value.Type      // the type of literal or raw, "" for the port's own
	raw     []byte          // the encoding itself, when it is not nil
	list    []Arg           // the items, when it is not nil
	Call    *Call           // another node's output
}

// Call asks for an output of another node, as an argument.
type Call struct {
	Node   string
	Inputs map[string]Arg
	Out    string
}

// Want is what an output must be.
type Want struct {
	json   json.RawMessage
	raw    []byte
	digest string
	Absent bool // there must be no such output
}

// Value makes the argument's value for a port of type t; its type may be closer than t (value.Convert widens it). call runs Call and
// returns a value with its bytes; it may be nil when the argument has none.
func (a Arg) Value(t value.Type, call func(*Call) (value.Value, error)) (value.Value, error) {
	switch {
	case a.Call != nil:
		if call == nil {
			return value.Value{}, errors.New("$node cannot stand here")
		}
		return call(a.Call)
	case a.raw != nil && a.as != "":
		return value.New(a.as, a.raw)
	case a.raw != nil:
		return value.New(t.Subst(nil), a.raw)
	case a.list != nil:
		return a.listValue(t, call)
	case a.as != "":
		return value.FromJSON(a.as, a.literal)
	}
	return value.FromJSON(t.Subst(nil), a.literal)
}

// listValue collects items. Their type is the port's; where that is a variable or any, the items' own, which must be one.
func (a Arg) listValue(t value.Type, call func(*Call) (value.Value, error)) (value.Value, error) {
	want := t.Elem()
	if want == "" {
		want = value.Any
	}
	elem, encs := want, make([][]byte, len(a.list))
	for i, item := range a.list {
		v, err := item.Value(want, call)
		if err != nil {
			return value.Value{}, fmt.Errorf("item %d: %v", i, err)
		}
		enc, ok := v.Inline()
		if !ok {
			return value.Value{}, fmt.Errorf("item %d is not at hand", i)
		}
		if want.HasVar() && i == 0 {
			elem = v.Type
		}
		if encs[i] = enc; v.Type != elem {
			if encs[i], err = value.Convert(v.Type, elem, enc); err != nil {
				return value.Value{}, fmt.Errorf("item %d: %v", i, err)
			}
		}
	}
	return value.New(value.ListOf(elem), value.EncodeList(encs))
}

// Check compares an output with what is wanted. Numbers may be off by tolerance times the wanted number, or by tolerance when
// that is below 1.
func (w Want) Check(t value.Type, enc []byte, tolerance float64) error {
	switch {
	case w.digest != "":
		if d := value.Sum(enc).String(); d != w.digest {
			return fmt.Errorf("digest %s, want %s", d, w.digest)
		}
		return nil
	case w.raw != nil:
		if !bytes.Equal(enc, w.raw) {
			return fmt.Errorf("got %s, want %s", brief(enc), brief(w.raw))
		}
		return nil
	}
	got, err := value.ToJSON(t, enc, -1)
	if err != nil {
		return err
	}
	if bytes.Equal(got, w.json) {
		return nil
	}
	gotTree, err := parseTree(got)
	if err != nil {
		return err
	}
	wantTree, err := parseTree(w.json)
	if err != nil {
		return err
	}
	if at := differ(gotTree, wantTree, tolerance, ""); at != "" {
		return fmt.Errorf("got %s, want %s (first difference: %s)", brief(got), brief(w.json), at)
	}
	return nil
}

func brief(b []byte) string {
	const most = 300
	if len(b) > most {
		return fmt.Sprintf("%q... (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}

func parseTree(doc []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var tree any
	err := dec.Decode(&tree)
	return tree, err
}

// differ returns where and how got is not want, "" when it is.
func differ(got, want any, tolerance float64, at string) string {
	switch w := want.(type) {
	case json.Number:
		if g, ok := got.(json.Number); ok && (g == w || near(g, w, tolerance)) {
			return ""
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: %d items, want %d", cmpAt(at), len(g), len(w))
		}
		for i := range w {
			if d := differ(g[i], w[i], tolerance, fmt.Sprintf("%s[%d]", at, i)); d != "" {
				return d
			}
		}
		return ""
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return cmpAt(at) + ": no object"
		}
		return differKeys(g, w, tolerance, at)
	default:
		if got == want {
			return ""
		}
	}
	return fmt.Sprintf("%s: %v, want %v", cmpAt(at), got, want)
}

func differKeys(g, w map[string]any, tolerance float64, at string) string {
	for _, k := range slices.Sorted(maps.Keys(w)) {
		x, ok := g[k]
		if !ok {
			return fmt.Sprintf("%s: no %q", cmpAt(at), k)
		}
		if d := differ(x, w[k], tolerance, at+"."+k); d != "" {
			return d
		}
	}
	for _, k := range slices.Sorted(maps.Keys(g)) {
		if _, ok := w[k]; !ok {
			return fmt.Sprintf("%s: %q is there too", cmpAt(at), k)
		}
	}
	return ""
}

func cmpAt(at string) string {
	if at == "" {
		return "the value"
	}
	return at
}

func near(g, w json.Number, tolerance float64) bool {
	x, err1 := g.Float64()
	y, err2 := w.Float64()
	return err1 == nil && err2 == nil && math.Abs(x-y) <= tolerance*math.Max(1, math.Abs(y))
}
