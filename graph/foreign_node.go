package graph

import (
	"slices"
	"strings"
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
	t.some("inputs", root.pos, x.inputsTree(nodes))
	top := x.scope(nil)
	for _, n := range top.notes {
		nodes.notes = append(nodes.notes, note{at: n.at + len(nodes.fields), text: n.text})
	}
	nodes.fields = append(nodes.fields, top.fields...)
	outputs := x.outputsTree(nodes)
	nodes.inReadingOrder()
	if allow := x.allowTree(); allow != nil {
		t.add("allow", root.pos, allow)
	}
	t.add("nodes", root.pos, nodes)
	t.some("outputs", root.pos, outputs)
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
			nodes.made(n, x.loopTree(n, nodes))
		case n.is(foreachKind):
			nodes.made(n, x.foreachTree(n, nodes))
		case n.is(zipKind):
			nodes.made(n, x.zipTree(n, nodes))
		case n.is(repeatKind):
			nodes.made(n, x.repeatTree(n, nodes))
		case n.rule == nil:
			t := mapAt(n.pos)
			t.add("uses", n.typePos, &tree{pos: n.typePos, scalar: "", bad: true})
			x.brokenWires(n)
			nodes.made(n, t)
		case n.bypassed:
			nodes.notes = append(nodes.notes, note{at: len(nodes.fields), text: n.name + " (" + n.typ + ") is bypassed"})
		default:
			nodes.made(n, x.task(n, nodes))
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
func (x *foreign) task(n *foreignNode, siblings *tree) *tree {
	if n.refers {
		return x.refTask(n, siblings)
	}
	uses := n.rule.Uses
	if uses == "" {
		uses = constantUses
	}
	t := mapAt(n.pos)
	t.add("uses", n.typePos, textAt(uses, n.typePos))
	in := x.wires(n, siblings)
	with := x.literals(n, in, siblings)
	switch {
	case n.is(saveKind):
		x.savePath(n, with)
	case n.is(folderKind):
		x.folderPath(n, in, with)
	}
	t.some("with", n.pos, with)
	t.some("in", n.pos, in)
	t.some("after", n.pos, x.after(n))
	return t
}

// wires makes what stands under in.
func (x *foreign) wires(n *foreignNode, siblings *tree) *tree {
	in := mapAt(n.pos)
	for _, e := range n.ordered() {
		if e.control {
			continue
		}
		port, ok := n.port(e.targetHandle)
		switch {
		case ok && n.rule.listed(e.targetHandle) && n.rule.Only[e.targetHandle] == nil:
			if w := x.wire(e, n.loop); w != nil {
				x.collect(n, in, port, e, x.splitWire(n, e, w, siblings))
			}
		case n.rule.fixed(e.targetHandle):
			x.report.add(e.pos, "unknown", "%s: nothing can be wired to %s: %s needs to know its value beforehand", n.what(), quote(e.targetHandle), n.rule.Uses)
		case ok && port == "":
			x.wire(e, n.loop)
		case ok:
			if w := x.wire(e, n.loop); w != nil {
				if !in.has(port) {
					w = x.translate(n, e, w, siblings)
				}
				w = x.passSteps(n, e.targetHandle, w, siblings)
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
	if f := find(in.fields, port); f != nil {
		if p, ok := n.sig.Input(port); ok && p.Type.Base() != "list" {
			x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, n.what())
			return
		}
		if f.value.kind != listTree {
			f.value = listAt(f.pos, f.value)
		}
		f.value.list = append(f.value.list, w)
		return
	}
	if n.lone && n.takesItems(e.targetHandle) {
		w = listAt(e.pos, w)
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
