package graph

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"levee/graph/value"
)

// inputsTree makes the inputs of the workflow, and adds the nodes that make what they stand for of what is given: pictures of
// bytes, numbers within their bounds.
func (x *foreign) inputsTree(nodes *tree) *tree {
	t, taken := mapAt(Pos{1, 1}), newNames()
	handles := map[*foreignNode]map[string]bool{} // that something is wired to
	for _, e := range x.edges {
		if e.source.is(inputKind) && !e.control {
			if handles[e.source] == nil {
				handles[e.source] = map[string]bool{}
			}
			handles[e.source][e.sourceHandle] = true
		}
	}
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
		if len(handles[n]) > 0 {
			x.inputNode(n, handles[n], nodes)
		}
		t.add(n.name, n.pos, x.input(n))
	}
	x.giveParams(t)
	return t
}

// givenAs is the type of the workflow's input of an input node: pictures are given as files.
func (n *foreignNode) givenAs() value.Type {
	switch typ := cmp.Or(n.rule.Type, value.Any); {
	case typ == value.Image:
		return value.Bytes
	case typ.Elem() == value.Image:
		return value.ListOf(value.Bytes)
	default:
		return typ
	}
}

func (x *foreign) input(n *foreignNode) *tree {
	literal := n.get("value")
	if literal == nil {
		literal = n.get("default")
	}
	typ := n.givenAs()
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

// inputNode adds the node that stands between an input and what takes its value, if there must be one.
func (x *foreign) inputNode(n *foreignNode, handles map[string]bool, nodes *tree) {
	in, with := mapAt(n.pos), mapAt(n.pos)
	uses, port := n.rule.Uses, cmp.Or(n.rule.In["value"], "value")
	text := n.get("max_length")
	switch typ := n.rule.Type; {
	case uses != "" && !n.makes(handles):
		return
	case uses != "":
		for _, name := range slices.Sorted(maps.Keys(n.rule.With)) {
			with.add(name, n.pos, goTree(n.rule.With[name], n.pos))
		}
		if strings.HasPrefix(uses, "file/") {
			x.grants.read = grant(x.grants.read, ".", n.pos)
		}
	case typ == value.Image:
		uses, port = "image/decode", "data"
	case typ.Elem() == value.Image:
		x.pictures(n, nodes)
		return
	case typ == value.Int || typ == value.Float:
		for _, bound := range []struct{ property, port string }{{"min", "low"}, {"max", "high"}} {
			v := n.get(bound.property)
			if v == nil || v.kind != scalarTree || v.scalar == nil {
				return // its versions differ in what they take then
			}
			if whole, ok := v.scalar.(int64); ok && typ == value.Float {
				v = &tree{pos: v.pos, scalar: float64(whole)}
			}
			with.add(bound.port, v.pos, v)
		}
		uses = "math/clamp"
	case typ == value.String && text != nil && text.kind == scalarTree && text.scalar != nil && text.scalar != int64(0):
		uses, port = "text/slice", "text"
		with.add("end", text.pos, text)
	default:
		return
	}
	n.behind = x.names.free(n.name)
	node := mapAt(n.pos)
	node.add("uses", n.typePos, textAt(uses, n.typePos))
	node.some("with", n.pos, with)
	in.add(port, n.pos, textAt("inputs."+n.name, n.pos))
	node.add("in", n.pos, in)
	nodes.add(n.behind, n.pos, node)
}

// makes reports whether the node behind an input gives the value of one of these handles.
func (n *foreignNode) makes(handles map[string]bool) bool {
	for h := range handles {
		if n.rule.Out[h] != "" {
			return true
		}
	}
	return false
}

// pictures adds the group that makes pictures of the files of a list.
func (x *foreign) pictures(n *foreignNode, nodes *tree) {
	n.behind = x.names.free(n.name)
	picture, as := x.names.free(n.name+"_picture"), x.names.free("element")
	decode, group := mapAt(n.pos), mapAt(n.pos)
	decode.add("uses", n.typePos, textAt("image/decode", n.typePos))
	decode.add("in", n.pos, oneAt(n.pos, "data", textAt(as+".value", n.pos)))
	group.add("each", n.pos, textAt("inputs."+n.name, n.pos))
	group.add("as", n.pos, textAt(as, n.pos))
	group.add("nodes", n.pos, oneAt(n.pos, picture, decode))
	group.add("out", n.pos, oneAt(n.pos, "list", textAt(picture+".image", n.pos)))
	nodes.add(n.behind, n.pos, group)
}

// inputWire is the wire to what an input gives at a handle; "" when it has none of that name, which is reported.
func (x *foreign) inputWire(n *foreignNode, e *foreignEdge) string {
	port, ok := "value", e.sourceHandle == "output" || e.sourceHandle == "value"
	if n.rule.Uses != "" {
		port, ok = n.rule.Out[e.sourceHandle]
	}
	switch typ := n.rule.Type; {
	case !ok:
		x.report.suggest(e.pos, "unknown", x.report.near.nearest(e.sourceHandle, append(n.handles(), "output")), "%s has no output %s", n.what(), quote(e.sourceHandle))
		return ""
	case n.rule.Uses != "":
	case typ == value.Image:
		port = "image"
	case typ.Elem() == value.Image:
		port = "list"
	case typ == value.String:
		port = "text"
	}
	if n.behind == "" || port == "" {
		return "inputs." + n.name
	}
	return n.behind + "." + port
}

// inputValue is the saved value of an input, or what the other system takes without one; nil when one must be given.
func (x *foreign) inputValue(n *foreignNode, typ value.Type, v *tree) *tree {
	null := v == nil || v.kind == scalarTree && v.scalar == nil
	_, isRef := v.textOf("type")
	switch {
	case null:
		if def, ok := n.rule.Defaults["value"]; ok {
			return goTree(def, n.pos)
		}
		switch typ.Base() {
		case "string", "int", "float", "bool", "list", "json", "table":
			return zeroTree(typ, n.pos)
		}
		return nil
	case typ == value.Table:
		return x.tableValue(n, v)
	case typ == value.ListOf(value.Bytes) && v.kind == listTree:
		list := listAt(v.pos)
		for _, item := range v.list {
			data := savedBytes(item)
			if data == nil {
				return nil
			}
			list.list = append(list.list, data)
		}
		return list
	case typ == value.String && isRef:
		return savedText(v)
	case typ == value.Bytes && isRef:
		return savedBytes(v)
	}
	return v
}

// savedBytes is the data that a reference holds, as base64 text; nil when it only names a place.
func savedBytes(v *tree) *tree {
	if data, ok := v.textOf("data"); ok && data != "" {
		return v.get("data")
	}
	if uri, ok := v.textOf("uri"); ok {
		if _, data, ok := strings.Cut(uri, ";base64,"); ok && strings.HasPrefix(uri, "data:") {
			return textAt(data, v.get("uri").pos)
		}
	}
	if v.kind == scalarTree {
		return v
	}
	return nil
}

// savedText is the path or the text that a map around it holds; nil when it only names a place where the text is.
func savedText(v *tree) *tree {
	for _, key := range []string{"path", "data", "value"} {
		if _, ok := v.textOf(key); ok {
			return v.get(key)
		}
	}
	if uri, _ := v.textOf("uri"); uri != "" {
		return nil
	}
	return textAt("", v.pos)
}

// tableValue is a saved dataframe as the literal of a table; one without rows is empty, of one that lies elsewhere there is none.
func (x *foreign) tableValue(n *foreignNode, v *tree) *tree {
	if columns, data := v.get("columns"), v.get("data"); v.kind == mapTree && columns != nil && data != nil && columns.kind == listTree && data.kind == listTree {
		t := mapAt(v.pos)
		t.add("columns", columns.pos, columns)
		t.add("rows", data.pos, data)
		return t
	}
	if kind, ok := v.textOf("type"); !ok || kind != "dataframe" {
		return v
	}
	if uri, _ := v.textOf("uri"); uri != "" {
		return nil
	}
	return zeroTree(value.Table, n.pos)
}

// giveParams puts the values of a request in the place of the inputs' defaults.
func (x *foreign) giveParams(inputs *tree) {
	if x.params == nil {
		return
	}
	unknown := map[string]bool{}
	for _, n := range x.nodes {
		if name, ok := literalText(n.get("name")); ok && n.rule == nil {
			unknown[name] = true
		}
	}
	for _, f := range x.params.fields {
		n := x.inputs[f.key]
		if n == nil {
			if unknown[f.key] {
				continue // the node that it is for is reported
			}
			var known []string
			for _, name := range slices.Sorted(maps.Keys(x.inputs)) {
				if x.report.near.left() {
					known = append(known, name)
				}
			}
			x.report.suggest(f.pos, "unknown", x.report.near.nearest(f.key, known), "No input node found for param: %s", clip(f.key))
			continue
		}
		t := inputs.get(n.name)
		typ, _ := t.textOf("type")
		v := x.inputValue(n, value.Type(typ), f.value)
		if v == nil {
			continue
		}
		if def := find(t.fields, "default"); def != nil {
			def.value = v
		} else {
			t.add("default", f.pos, v)
		}
	}
}
