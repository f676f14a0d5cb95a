package graph

import (
	"cmp"
	"slices"
	"strings"

	"levee/graph/value"
)

// inputsTree makes the inputs of the workflow, and adds the nodes that make pictures of bytes.
func (x *foreign) inputsTree(nodes *tree) *tree {
	t, taken := mapAt(Pos{1, 1}), newNames()
	for _, n := range x.nodes {
		if !n.is(inputKind) {
			continue
		}
		given, _ := literalText(n.get("name"))
		switch {
		case x.system == Nodetool && strings.TrimSpace(given) == "":
			x.report.add(n.pos, "name", "All InputNode(s) must have a non-empty name: %s has none", n.what())
		case x.inputs[given] != nil:
			x.report.add(n.get("name").pos, "duplicate", "Multiple InputNode(s) have the same name %s, first in line %d", quote(given), x.inputs[given].pos.Line)
			n.name = x.inputs[given].name
			continue
		}
		x.inputs[given] = n
		n.name = taken.own(given, "input")
		t.add(n.name, n.pos, x.input(n, nodes))
	}
	x.giveParams(t)
	return t
}

func (x *foreign) input(n *foreignNode, nodes *tree) *tree {
	typ := n.rule.Type
	if typ == "" {
		typ = value.Any
	}
	literal := n.get("value")
	if literal == nil {
		literal = n.get("default")
	}
	if typ == value.Image {
		typ = value.Bytes
		if n.image = x.names.free(n.name); x.wired(n) {
			node := mapAt(n.pos)
			node.add("uses", n.typePos, textAt("image/decode", n.typePos))
			in := mapAt(n.pos)
			in.add("data", n.pos, textAt("inputs."+n.name, n.pos))
			node.add("in", n.pos, in)
			nodes.add(n.image, n.pos, node)
		}
	}
	t := mapAt(n.pos)
	t.add("type", n.typePos, textAt(string(typ), n.typePos))
	if v := x.inputValue(n, typ, literal); v != nil {
		t.add("default", v.pos, v)
	}
	doc, _ := literalText(n.get("description"))
	if label, _ := literalText(n.get("label")); doc == "" {
		doc = label
	}
	if given, _ := literalText(n.get("name")); doc == "" && given != n.name {
		doc = given
	}
	if doc != "" {
		t.add("doc", n.pos, textAt(doc, n.pos))
	}
	return t
}

func (x *foreign) wired(n *foreignNode) bool {
	return slices.ContainsFunc(x.edges, func(e *foreignEdge) bool { return e.source == n && !e.control })
}

// inputValue is the saved value of an input, or what the other system takes without one; nil when one must be given.
func (x *foreign) inputValue(n *foreignNode, typ value.Type, v *tree) *tree {
	if v == nil || v.kind == scalarTree && v.scalar == nil {
		switch typ.Base() {
		case "string", "int", "float", "bool", "list", "json":
			return zeroTree(typ, n.pos)
		}
		return nil
	}
	if _, isRef := v.textOf("type"); !isRef || typ != value.Bytes {
		return v
	}
	if data, ok := v.textOf("data"); ok && data != "" {
		return v.get("data")
	}
	if uri, ok := v.textOf("uri"); ok {
		if _, data, ok := strings.Cut(uri, ";base64,"); ok && strings.HasPrefix(uri, "data:") {
			return textAt(data, v.get("uri").pos)
		}
	}
	return nil
}

// giveParams puts the values of a request in the place of the inputs' defaults.
func (x *foreign) giveParams(inputs *tree) {
	if x.params == nil {
		return
	}
	for _, f := range x.params.fields {
		n := x.inputs[f.key]
		if n == nil {
			var known []string
			for name := range x.inputs {
				if x.report.near.left() {
					known = append(known, name)
				}
			}
			slices.Sort(known)
			x.report.suggest(f.pos, "unknown", x.report.near.nearest(f.key, known), "No input node found for param: %s", clip(f.key))
			continue
		}
		t := inputs.get(n.name)
		typ, _ := t.textOf("type")
		v := x.inputValue(n, value.Type(typ), f.value)
		if v == nil {
			continue
		}
		if at := slices.IndexFunc(t.fields, func(f field) bool { return f.key == "default" }); at >= 0 {
			t.fields[at].value = v
		} else {
			t.add("default", f.pos, v)
		}
	}
}

// previewsTree makes outputs of the previews that nothing hangs on, for a workflow without outputs: they are all that it shows.
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
			w = x.constant(v, n.name, nil, nodes)
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
