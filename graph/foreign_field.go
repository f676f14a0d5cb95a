package graph

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Code of nodetool has outputs of any name: the fields of the object that it returns. Here that is one JSON output, and a node
// behind it takes each field that edges begin at.

// wholeHandle is the output that has a result which is no object.
const wholeHandle = "output"

// splitFields puts a node behind each field of a JSON output that is wanted.
func (x *foreign) splitFields() {
	type place struct {
		node   *foreignNode
		handle string
	}
	made := map[place]*foreignNode{}
	for _, e := range slices.Clone(x.edges) {
		n := e.source
		if e.control || n.bypassed || n.rule == nil || n.rule.Fields == "" {
			continue
		}
		at := place{n, e.sourceHandle}
		if made[at] == nil {
			made[at] = x.fieldOf(n, e)
		}
		e.source = made[at]
	}
}

// fieldOf makes the node that takes the field which an edge begins at.
func (x *foreign) fieldOf(n *foreignNode, e *foreignEdge) *foreignNode {
	_, last := cutLast(n.typ, ".")
	path, err := json.Marshal(e.sourceHandle)
	if err != nil {
		path = []byte(`""`) // cannot be: a text has a JSON form
	}
	f := &foreignNode{id: n.id, typ: n.typ, pos: n.pos, typePos: n.typePos, title: cmp.Or(n.title, last) + " " + e.sourceHandle, parent: n.parent,
		rule: &rule{Uses: "json/get", Out: map[string]string{e.sourceHandle: "value"}, With: map[string]json.RawMessage{"path": path, "literal": json.RawMessage("true")}}}
	if f.sig, err = x.resolve(f.rule.Uses); err != nil || f.sig == nil {
		x.report.add(n.typePos, "uses", "%s needs %s here: %v", clip(n.typ), f.rule.Uses, err)
		f.rule = nil
	}
	x.nodes = append(x.nodes, f)
	targets := []string{"value"}
	if e.sourceHandle == wholeHandle {
		targets = append(targets, "default") // what has no such field is the value itself
	}
	for _, target := range targets {
		in := &foreignEdge{pos: n.pos, source: n, target: f, sourceHandle: n.rule.Fields, targetHandle: target}
		f.in = append(f.in, in)
		x.edges = append(x.edges, in)
	}
	return f
}
