package graph

import (
	"cmp"
	"slices"
	"strings"
)

// previewsTree makes outputs of the previews that nothing hangs on, for a workflow without outputs: they are all that it shows. In
// one without previews too the named nodes that nothing hangs on are its outputs.
func (x *foreign) previewsTree() *tree {
	t, taken, goesOn := mapAt(Pos{1, 1}), newNames(), map[*foreignNode]bool{}
	for _, e := range x.edges {
		goesOn[e.source] = true
	}
	for _, n := range x.nodes {
		if !n.is(previewKind) || goesOn[n] || n.loop != nil && !n.loop.is(foreachKind, zipKind) {
			continue
		}
		if w := x.outputWire(n); w != nil {
			given, _ := literalText(n.get("name"))
			name := taken.own(given, "preview")
			x.outputs[name] = cmp.Or(given, name)
			t.add(name, n.pos, w)
		}
	}
	if len(t.fields) > 0 {
		return t
	}
	for _, n := range x.nodes {
		given, ok := literalText(n.named)
		if !ok || given == "" || n.rule == nil || n.sig == nil || goesOn[n] || n.is(inputKind) || n.bypassed || n.loop != nil && !n.loop.is(foreachKind, zipKind) {
			continue
		}
		if _, ok := n.output("output"); !ok {
			continue
		}
		if w := x.wire(&foreignEdge{pos: n.pos, source: n, sourceHandle: "output"}, nil); w != nil {
			name := taken.own(given, "output")
			x.outputs[name] = given
			t.add(name, n.pos, w)
		}
	}
	return t
}

// outputsTree makes the outputs of the workflow. One that nothing is wired to gives its saved value, if it has one.
func (x *foreign) outputsTree(nodes *tree) *tree {
	if !slices.ContainsFunc(x.nodes, func(n *foreignNode) bool { return n.is(outputKind) }) {
		return x.previewsTree()
	}
	t, taken := mapAt(Pos{1, 1}), newNames()
	seen := map[string]*foreignNode{}
	for _, n := range x.nodes {
		if !n.is(outputKind) {
			continue
		}
		given, _ := literalText(n.get("name"))
		if other := seen[given]; given != "" && other != nil {
			x.report.add(n.get("name").pos, "duplicate", "Multiple OutputNode(s) have the same name %s, first in line %d", quote(given), other.pos.Line)
			continue
		}
		seen[given] = n
		n.name = taken.own(given, "output")
		x.outputs[n.name] = given
		w := x.outputWire(n)
		if v := n.get("value"); w == nil && v != nil && !isEmptyRef(v) && !slices.ContainsFunc(n.in, func(e *foreignEdge) bool { return !e.control }) {
			w = x.constant(v, n.name, nodes)
		}
		if w != nil {
			t.add(n.name, n.pos, w)
		}
	}
	return t
}

func (x *foreign) outputWire(n *foreignNode) (w *tree) {
	data := 0
	for _, e := range n.in {
		if e.control {
			continue
		}
		if data++; data > 1 {
			x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, n.what())
			continue
		}
		w = x.wire(e, nil)
	}
	return w
}

// comment keeps the text of a comment for an import, in front of the node that comes next.
func (x *foreign) comment(n *foreignNode, nodes *tree) {
	var b strings.Builder
	if t := n.get("comment"); t != nil {
		plainText(&b, t)
	}
	if text := strings.TrimSpace(b.String()); text != "" {
		nodes.notes = append(nodes.notes, note{at: len(nodes.fields), text: text})
	}
}

// plainText takes the words out of a text with styles, which is saved as lists of paragraphs with children.
func plainText(b *strings.Builder, t *tree) {
	switch t.kind {
	case listTree:
		for _, item := range t.list {
			plainText(b, item)
		}
	case mapTree:
		if text, ok := t.textOf("text"); ok {
			b.WriteString(text)
		}
		if children := t.get("children"); children != nil {
			plainText(b, children)
		}
		if kind, _ := t.textOf("type"); kind != "" {
			b.WriteByte('\n')
		}
	default:
		if text, ok := t.text(); ok {
			b.WriteString(text)
		}
	}
}
