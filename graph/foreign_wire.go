package graph

import (
	"slices"

	"levee/graph/value"
)

// origin follows an edge back to the node that makes its value: through previews, outputs, plain groups and what is
// bypassed. It is nil when nothing comes along the edge.
func (x *foreign) origin(e *foreignEdge) *foreignEdge {
	for range len(x.edges) + 1 {
		next, through := x.before(e)
		if !through {
			return e
		}
		if e = next; e == nil {
			return nil
		}
	}
	x.report.add(e.pos, "cycle", "cycle: the edge leads back to itself, through nodes that only pass values on")
	return nil
}

// before is the edge that brings the value of an edge's source, if the source only passes it on.
func (x *foreign) before(e *foreignEdge) (next *foreignEdge, through bool) {
	n := e.source
	first := func(list []*foreignEdge) *foreignEdge {
		for _, e := range list {
			if !e.control {
				return e
			}
		}
		return nil
	}
	switch {
	case n.rule == nil:
		return nil, false
	case n.void:
		return nil, true
	case n.rule.Pass[e.sourceHandle] != "":
		return n.edgeInto(n.rule.Pass[e.sourceHandle]), true
	case n.rule.Dynamic != "" && n.rule.Out[e.sourceHandle] == "" && n.edgeInto(e.sourceHandle) != nil:
		return n.edgeInto(e.sourceHandle), true // nodes that take any name give its value on under that name
	case n.bypassed && n.sig != nil:
		return x.around(e), true
	case n.is(previewKind, outputKind), n.bypassed && !n.is(inputKind, groupInputKind):
		return first(n.in), true
	case n.is(groupInputKind) && n.parent != nil && !n.parent.is(loopKind):
		return first(n.into()), true
	case n.is(groupOutputKind) && (n.parent == nil || !n.parent.is(loopKind)):
		return first(n.in), true
	case n.is(groupKind):
		if o := n.end(groupOutputKind, e.sourceHandle); o != nil {
			return first(o.in), true
		}
		x.report.add(e.pos, "unknown", "%s has no output %s", n.what(), quote(e.sourceHandle))
		return nil, true
	}
	return nil, false
}

// edgeInto is the edge that brings the value of a property, nil when none does.
func (n *foreignNode) edgeInto(property string) *foreignEdge {
	for _, e := range n.in {
		if !e.control && e.targetHandle == property {
			return e
		}
	}
	return nil
}

// around is the first edge into a bypassed node whose type fits where the edge behind it leads.
func (x *foreign) around(e *foreignEdge) *foreignEdge {
	wanted := value.Type("")
	if t := e.target; t.rule != nil && t.sig != nil && !t.bypassed {
		if name, ok := t.port(e.targetHandle); ok {
			if p, ok := t.sig.Input(name); ok {
				wanted = p.Type
			}
		}
	}
	if name, ok := e.source.output(e.sourceHandle); ok && (wanted == "" || wanted.HasVar() || wanted == value.Any) {
		if p, ok := e.source.sig.Output(name); ok {
			wanted = p.Type
		}
	}
	for _, in := range e.source.in {
		if !in.control && fitsLoosely(x.declared(in), wanted) {
			return in
		}
	}
	return nil
}

// declared is the type that an edge's source says it gives; "" when it does not say.
func (x *foreign) declared(e *foreignEdge) value.Type {
	n := e.source
	switch {
	case n.is(inputKind, constantKind) && n.rule.Uses == "":
		return n.rule.Type
	case n.rule != nil && n.sig != nil:
		if name, ok := n.output(e.sourceHandle); ok {
			if p, ok := n.sig.Output(name); ok {
				return p.Type
			}
		}
	}
	return ""
}

func fitsLoosely(from, to value.Type) bool {
	open := func(t value.Type) bool { return t == "" || t.HasVar() || t == value.Any || t == value.JSON }
	return open(from) || open(to) || value.Assignable(from, to) || from == value.Float && to == value.Int
}

// wire is the wire of ours for an edge, seen from a place in a loop (nil: the top). It is nil when nothing comes along the
// edge, or when that is reported.
func (x *foreign) wire(e *foreignEdge, place *foreignNode) *tree {
	from := x.origin(e)
	if from == nil {
		return nil
	}
	n := from.source
	seen := n.loop // where the value can be seen
	var text string
	switch {
	case n.rule == nil:
		text = n.name + ".output"
	case n.is(commentKind):
		x.report.add(from.pos, "unknown", "%s has no outputs", n.what())
		return nil
	case n.is(inputKind):
		if seen, text = nil, x.inputWire(n, from); text == "" {
			return nil
		}
	case n.is(groupInputKind) && n.parent != nil:
		text = n.parent.as + ".item"
		if n.parent.zipped {
			text = n.parent.as + "." + n.name
		}
	case n.is(groupInputKind):
		x.report.add(n.pos, "dangling", "%s is in no group", n.what())
		return nil
	case n.opens():
		field, inside := n.gives(from.sourceHandle)
		if field == "" {
			x.report.add(from.pos, "unknown", "%s has no output %s", n.what(), quote(from.sourceHandle))
			return nil
		}
		if text = n.name + "." + field; inside {
			seen, text = n, n.as+"."+field
		}
	case n.is(groupOutputKind, loopKind):
		loop, out := n, n
		if n.is(groupOutputKind) {
			loop = n.parent
		} else if out = n.end(groupOutputKind, from.sourceHandle); out == nil {
			x.report.add(from.pos, "unknown", "%s has no output %s", n.what(), quote(from.sourceHandle))
			return nil
		}
		if within(place, loop) {
			x.report.add(from.pos, "cycle", "Group output nodes cannot be connected to another node in the same group.")
			return nil
		}
		seen, text = loop.loop, loop.name+"."+out.name
	default:
		port, ok := n.output(from.sourceHandle)
		if !ok {
			x.report.suggest(from.pos, "unknown", x.report.near.nearest(from.sourceHandle, n.handles()), "%s has no output %s", n.what(), quote(from.sourceHandle))
			return nil
		}
		text = n.name + "." + port
	}
	for seen != nil && !within(place, seen) && seen.is(foreachKind, zipKind) {
		text, seen = x.lift(text, seen), seen.loop
	}
	if seen != nil && !within(place, seen) && seen.is(repeatKind) {
		x.report.add(from.pos, "dangling", "the edge leaves %s, where its value is made anew in each turn: lead it through next and done", seen.what())
		return nil
	}
	if seen != nil && !within(place, seen) {
		x.report.add(from.pos, "dangling", "the edge leaves %s, where its value is made once for each element: lead it through a GroupOutput", seen.what())
		return nil
	}
	return textAt(text, e.pos)
}

// isEmptyRef reports whether a literal is a reference to nothing, as the editor saves for what is not set.
func isEmptyRef(t *tree) bool {
	if t.kind != mapTree {
		return false
	}
	kind, ok := t.textOf("type")
	if !ok || !slices.Contains(refTypes, kind) {
		return false
	}
	for _, key := range []string{"uri", "data", "asset_id"} {
		if v := t.get(key); v != nil && (v.kind != scalarTree || v.scalar != nil && v.scalar != "") {
			return false
		}
	}
	return true
}

var refTypes = []string{"asset", "image", "audio", "video", "dataframe", "text", "document", "folder", "model_ref", "svg", "excel", "array", "tensor", "np_array"}
