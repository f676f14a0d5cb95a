package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"levee/graph/value"
)

// placed is where a node of our tree stands.
type placed struct {
	node, siblings *tree
}

// workflow makes the whole tree.
func (x *foreign) workflow(root *tree) *tree {
	t := mapAt(root.pos)
	t.add("levee", root.pos, &tree{pos: root.pos, scalar: int64(1)})
	if name, ok := literalText(x.name); ok && printable(name) == name && name != "" {
		t.add("name", x.name.pos, textAt(clipTo(name, 120), x.name.pos))
	}
	if text, ok := literalText(x.description); ok && text != "" {
		t.add("description", x.description.pos, x.description)
	}
	nodes := mapAt(root.pos)
	if inputs := x.inputsTree(nodes); len(inputs.fields) > 0 {
		t.add("inputs", root.pos, inputs)
	}
	top := x.scope(nil)
	for _, n := range top.notes {
		nodes.notes = append(nodes.notes, note{at: n.at + len(nodes.fields), text: n.text})
	}
	nodes.fields = append(nodes.fields, top.fields...)
	outputs := x.outputsTree(nodes)
	nodes.inReadingOrder()
	t.add("nodes", root.pos, nodes)
	if len(outputs.fields) > 0 {
		t.add("outputs", root.pos, outputs)
	}
	for f := range nodes.fields {
		x.place(nodes, &nodes.fields[f])
	}
	return t
}

// place remembers where the nodes of a map stand.
func (x *foreign) place(siblings *tree, f *field) {
	x.places[f.key] = placed{f.value, siblings}
	if body := f.value.get("nodes"); body != nil {
		for i := range body.fields {
			x.place(body, &body.fields[i])
		}
	}
}

// scope makes the nodes of a loop, of the top for nil.
func (x *foreign) scope(loop *foreignNode) *tree {
	nodes := mapAt(Pos{1, 1})
	if loop != nil {
		nodes.pos = loop.pos
	}
	for _, n := range x.inside[loop] {
		switch {
		case n.is(commentKind):
			x.comment(n, nodes)
		case n.is(inputKind, outputKind, previewKind, groupKind, groupInputKind, groupOutputKind):
		case n.is(loopKind):
			t := x.loopTree(n, nodes)
			nodes.add(n.name, n.pos, t)
		case n.is(foreachKind):
			t := x.foreachTree(n, nodes)
			nodes.add(n.name, n.pos, t)
		case n.rule == nil:
			t := mapAt(n.pos)
			t.add("uses", n.typePos, &tree{pos: n.typePos, scalar: "", bad: true})
			x.brokenWires(n)
			nodes.add(n.name, n.pos, t)
		case n.bypassed:
			nodes.notes = append(nodes.notes, note{at: len(nodes.fields), text: n.name + " (" + n.typ + ") is bypassed"})
		default:
			nodes.add(n.name, n.pos, x.task(n))
		}
	}
	return nodes
}

// brokenWires looks at the edges into a node of an unknown type: what they come from can be wrong all the same.
func (x *foreign) brokenWires(n *foreignNode) {
	for _, e := range n.in {
		if !e.control {
			x.wire(e, n.loop)
		}
	}
}

// task makes the node of a module.
func (x *foreign) task(n *foreignNode) *tree {
	uses := n.rule.Uses
	if uses == "" {
		uses = constantUses
	}
	t := mapAt(n.pos)
	t.add("uses", n.typePos, textAt(uses, n.typePos))
	in := x.wires(n)
	with := x.literals(n, in)
	if len(with.fields) > 0 {
		t.add("with", n.pos, with)
	}
	if len(in.fields) > 0 {
		t.add("in", n.pos, in)
	}
	if after := x.after(n); after != nil {
		t.add("after", n.pos, after)
	}
	return t
}

// wires makes what stands under in.
func (x *foreign) wires(n *foreignNode) *tree {
	in := mapAt(n.pos)
	for _, e := range n.ordered() {
		if e.control {
			continue
		}
		port, ok := n.port(e.targetHandle)
		switch {
		case n.rule.fixed(e.targetHandle):
			x.report.add(e.pos, "unknown", "%s: nothing can be wired to %s: %s needs to know its value beforehand", n.what(), quote(e.targetHandle), n.rule.Uses)
		case ok && port == "":
			x.wire(e, n.loop)
		case ok:
			if w := x.wire(e, n.loop); w != nil {
				x.collect(n, in, port, e, w)
			}
		case n.rule.Dynamic != "":
			if w := x.wire(e, n.loop); w != nil {
				x.dynamicWire(n, in, e, w)
			}
		default:
			x.report.suggest(e.pos, "unknown", x.report.near.nearest(e.targetHandle, n.properties()), "%s has no input %s (Property %s does not exist)", n.what(), quote(e.targetHandle), clip(e.targetHandle))
		}
	}
	return in
}

// ordered are the edges into a node; by property where several properties make one list.
func (n *foreignNode) ordered() []*foreignEdge {
	ports := map[string]bool{}
	for _, port := range n.rule.In {
		if port != "" && ports[port] {
			edges := slices.Clone(n.in)
			slices.SortStableFunc(edges, func(a, b *foreignEdge) int { return strings.Compare(a.targetHandle, b.targetHandle) })
			return edges
		}
		ports[port] = true
	}
	return n.in
}

// collect adds a wire to a port; several make a list, in the order of the edges.
func (x *foreign) collect(n *foreignNode, in *tree, port string, e *foreignEdge, w *tree) {
	for i := range in.fields {
		f := &in.fields[i]
		if f.key != port {
			continue
		}
		if p, ok := n.sig.Input(port); ok && p.Type.Base() != "list" {
			x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, n.what())
			return
		}
		if f.value.kind != listTree {
			f.value = &tree{kind: listTree, pos: f.pos, list: []*tree{f.value}}
		}
		f.value.list = append(f.value.list, w)
		return
	}
	if n.lone && e.targetHandle == itemHandle {
		w = &tree{kind: listTree, pos: e.pos, list: []*tree{w}}
	}
	in.add(port, e.pos, w)
}

func (x *foreign) dynamicWire(n *foreignNode, in *tree, e *foreignEdge, w *tree) {
	m := in.get(n.rule.Dynamic)
	if m == nil {
		m = mapAt(e.pos)
		in.add(n.rule.Dynamic, e.pos, m)
	}
	if m.get(e.targetHandle) != nil {
		x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, n.what())
		return
	}
	m.add(e.targetHandle, e.pos, w)
}

// literals makes what stands under with: the saved values that no edge replaces, then the defaults of the other system.
func (x *foreign) literals(n *foreignNode, in *tree) *tree {
	with := mapAt(n.pos)
	wired := func(property, port string) bool {
		return in.get(port) != nil && port != n.rule.Dynamic || slices.ContainsFunc(n.in, func(e *foreignEdge) bool {
			return !e.control && e.targetHandle == property && in.get(n.rule.Dynamic).has(property)
		})
	}
	for _, f := range n.data {
		if x.understood(n, f) {
			continue
		}
		port, ok := n.port(f.key)
		switch {
		case ok && port != "":
			if v := x.literal(n, f, port); v != nil && !wired(f.key, port) && with.get(port) == nil {
				with.add(port, f.pos, v)
			}
		case ok || slices.Contains(editorProperties, f.key):
		case n.rule.Dynamic != "":
			x.dynamicValue(n, with, f, wired)
		default:
			x.report.suggest(f.pos, "unknown", x.report.near.nearest(f.key, n.properties()), "%s: Property %s does not exist", n.what(), quote(f.key))
		}
	}
	for _, f := range n.dynamic {
		if x.understood(n, f) {
			continue
		}
		port, ok := n.port(f.key)
		switch {
		case ok && port != "":
			if v := x.literal(n, f, port); v != nil && !wired(f.key, port) && with.get(port) == nil {
				with.add(port, f.pos, v)
			}
		case ok:
		case n.rule.Dynamic != "":
			x.dynamicValue(n, with, f, wired)
		case f.value.kind == scalarTree && f.value.scalar == nil:
		default:
			x.report.add(f.pos, "unknown", "%s: Property %s does not exist", n.what(), quote(f.key))
		}
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
	if between, ok := n.rule.Split[f.key]; ok {
		if s, isText := v.text(); isText {
			return splitTree(s, between, v.pos)
		}
	}
	if texts := n.rule.Enum[f.key]; texts != nil && v.kind == scalarTree {
		key := v.plain()
		to, ok := texts[key]
		if !ok {
			var known []string
			for k := range texts {
				known = append(known, k)
			}
			slices.Sort(known)
			x.report.suggest(v.pos, "range", x.report.near.nearest(key, known), "Invalid value for property `%s`: %s (expected %s)", clip(f.key), v.describe(), orList(known))
			return nil
		}
		return goTree(to, v.pos)
	}
	return v
}

// splitTree makes a list of a text that lists, or a map where names and values stand in it.
func splitTree(s, between string, pos Pos) *tree {
	list := &tree{kind: listTree, pos: pos}
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
	var names []string
	for property := range n.rule.Defaults {
		names = append(names, property)
	}
	slices.Sort(names)
	for _, property := range names {
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
	names = names[:0]
	for port := range n.rule.With {
		names = append(names, port)
	}
	slices.Sort(names)
	for _, port := range names {
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
	}
	return t
}
