package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"levee/graph/value"
)

// literals makes what stands under with: the saved values that no edge replaces, then the defaults of the other system.
func (x *foreign) literals(n *foreignNode, in, siblings *tree) *tree {
	with := mapAt(n.pos)
	wired := func(property, port string) bool {
		return in.get(port) != nil && port != n.rule.Dynamic || slices.ContainsFunc(n.in, func(e *foreignEdge) bool {
			return !e.control && e.targetHandle == property && in.get(n.rule.Dynamic).has(property)
		})
	}
	place := func(f field, dynamic bool) {
		if x.understood(n, f) {
			return
		}
		port, ok := n.port(f.key)
		switch {
		case ok && port != "":
			if wired(f.key, port) || with.has(port) {
				return
			}
			switch v := x.literal(n, f, port); {
			case v == nil:
			case n.rule.Make[f.key] == nil:
				with.add(port, f.pos, v)
			default:
				if w := x.makeLiteral(n, f.key, v, siblings); w != nil {
					in.add(port, f.pos, w)
				} else {
					with.add(port, f.pos, &tree{pos: f.pos, bad: true})
				}
			}
		case ok || !dynamic && slices.Contains(editorProperties, f.key):
		case n.rule.Dynamic != "":
			x.dynamicValue(n, with, f, wired)
		case dynamic && f.value.kind == scalarTree && f.value.scalar == nil:
		case dynamic:
			x.report.add(f.pos, "unknown", "%s: Property %s does not exist", n.what(), quote(f.key))
		default:
			x.report.suggest(f.pos, "unknown", x.report.near.nearest(f.key, n.properties()), "%s: Property %s does not exist", n.what(), quote(f.key))
		}
	}
	for _, f := range n.data {
		place(f, false)
	}
	for _, f := range n.dynamic {
		place(f, true)
	}
	x.defaults(n, with, in)
	return with
}

// editorProperties are kept with a node for its editor alone.
var editorProperties = []string{"label", "title", "description", "workflow_id"}

func (t *tree) has(key string) bool { return t != nil && t.get(key) != nil }

func (x *foreign) dynamicValue(n *foreignNode, with *tree, f field, wired func(string, string) bool) {
	if wired(f.key, n.rule.Dynamic) || f.value.kind == scalarTree && f.value.scalar == nil {
		return
	}
	m := with.get(n.rule.Dynamic)
	if m == nil {
		m = mapAt(f.pos)
		with.add(n.rule.Dynamic, f.pos, m)
	}
	if !m.has(f.key) {
		m.fields = append(m.fields, f)
	}
}

// literal is a saved value as the port takes it; nil when it says nothing.
func (x *foreign) literal(n *foreignNode, f field, portName string) *tree {
	port, _ := n.sig.Input(portName)
	v := f.value
	if port == nil {
		return v
	}
	if v.kind == scalarTree && v.scalar == nil {
		takes := port.Type == value.JSON || port.Type == value.Any || port.Type.IsVar()
		if _, other := n.rule.Defaults[f.key]; !takes || port.Optional || len(port.Default) > 0 || other {
			return nil
		}
		return v
	}
	if isEmptyRef(v) {
		return nil
	}
	if none, ok := n.rule.Absent[f.key]; ok && v.kind == scalarTree && v.plain() == goTree(none, v.pos).plain() {
		return nil
	}
	if between, ok := n.rule.Split[f.key]; ok {
		if s, isText := v.text(); isText {
			return splitTree(s, between, v.pos)
		}
	}
	if texts := n.rule.Enum[f.key]; texts != nil && v.kind == scalarTree {
		key := v.plain()
		to, ok := texts[key]
		if !ok {
			known := slices.Sorted(maps.Keys(texts))
			x.report.suggest(v.pos, "range", x.report.near.nearest(key, known), "Invalid value for property `%s`: %s (expected %s)", clip(f.key), v.describe(), orList(known))
			return nil
		}
		return goTree(to, v.pos)
	}
	return v
}

// splitTree makes a list of a text that lists, or a map where names and values stand in it.
func splitTree(s, between string, pos Pos) *tree {
	list := listAt(pos)
	if between == "" {
		list.list = []*tree{textAt(s, pos)}
		return list
	}
	pairs := mapAt(pos)
	for item := range strings.SplitSeq(s, between[:1]) {
		if name, v, ok := strings.Cut(item, between[1:]); len(between) == 2 && ok && !pairs.has(strings.TrimSpace(name)) {
			pairs.add(strings.TrimSpace(name), pos, textAt(strings.TrimSpace(v), pos))
		}
		list.list = append(list.list, textAt(strings.TrimSpace(item), pos))
	}
	if len(between) == 2 {
		return pairs
	}
	return list
}

// plain is a scalar as text.
func (t *tree) plain() string {
	if s, ok := t.text(); ok {
		return s
	}
	return fmt.Sprint(t.scalar)
}

// understood reports whether a saved value is the one that the table has for its property, or no value at all.
func (x *foreign) understood(n *foreignNode, f field) bool {
	only, ok := n.rule.Only[f.key]
	if !ok {
		return false
	}
	want := goTree(only, f.pos)
	null := f.value.kind == scalarTree && f.value.scalar == nil
	same := f.value.kind == want.kind && len(f.value.items()) == 0 && len(f.value.fields) == 0
	if want.kind == scalarTree {
		same = f.value.kind == scalarTree && f.value.plain() == want.plain()
	}
	if !null && !same {
		x.report.add(f.value.pos, "range", "Invalid value for property `%s`: %s (%s understands %s only)", clip(f.key), f.value.describe(), n.rule.Uses, only)
	}
	return true
}

// defaults gives ports what the other system gives them when a file says nothing.
func (x *foreign) defaults(n *foreignNode, with, in *tree) {
	for _, property := range slices.Sorted(maps.Keys(n.rule.Defaults)) {
		port, ok := n.port(property)
		if !ok || port == "" || with.has(port) || in.has(port) {
			continue
		}
		v := goTree(n.rule.Defaults[property], n.pos)
		if v.kind == scalarTree {
			if to, ok := n.rule.Enum[property][v.plain()]; ok {
				v = goTree(to, n.pos)
			}
		}
		with.add(port, n.pos, v)
	}
	for _, port := range slices.Sorted(maps.Keys(n.rule.With)) {
		if !with.has(port) && !in.has(port) {
			with.add(port, n.pos, goTree(n.rule.With[port], n.pos))
		}
	}
	if n.is(constantKind) && !with.has("value") && !in.has("value") {
		with.add("value", n.pos, zeroTree(n.rule.Type, n.pos))
	}
}

// goTree makes a tree of a literal of the table.
func goTree(doc json.RawMessage, pos Pos) *tree {
	found := &problems{}
	src := newSource(bytes.TrimSpace(doc))
	t := readJSON(src, found)
	if t == nil {
		return &tree{pos: pos}
	}
	t.move(pos)
	return t
}

// move gives all of a tree one place.
func (t *tree) move(pos Pos) {
	t.pos = pos
	for _, item := range t.list {
		item.move(pos)
	}
	for i := range t.fields {
		t.fields[i].pos = pos
		t.fields[i].value.move(pos)
	}
}

func zeroTree(typ value.Type, pos Pos) *tree {
	t := &tree{pos: pos}
	switch typ.Base() {
	case "string":
		t.scalar = ""
	case "int":
		t.scalar = int64(0)
	case "float":
		t.scalar = 0.0
	case "bool":
		t.scalar = false
	case "list":
		t.kind = listTree
	case "map", "json":
		t.kind = mapTree
	case "table":
		t.kind = mapTree
		t.add("columns", pos, listAt(pos))
		t.add("rows", pos, listAt(pos))
	}
	return t
}
