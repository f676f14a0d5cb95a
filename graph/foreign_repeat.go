package graph

import (
	"slices"

	"levee/graph/value"
)

// A Loop of nodetool's control family runs the nodes behind its value turn by turn: what comes back at next is the value of
// the next turn, and a false condition ends it. Here it becomes a group with repeat.

const (
	turnsDefault = 10
	turnsMost    = 1000
)

// repeatTree makes the group of a Loop. What it carries is JSON, as the value of a turn may be of another type than that of the
// turn before; values without a JSON form keep their type.
func (x *foreign) repeatTree(n *foreignNode, siblings *tree) *tree {
	t, in := mapAt(n.pos), map[string]*foreignEdge{}
	for _, e := range n.in {
		switch {
		case e.control:
		case !slices.Contains([]string{"initial", "next", "condition"}, e.targetHandle):
			x.report.add(e.pos, "unknown", "%s has no input %s that can be wired", n.what(), quote(e.targetHandle))
		case in[e.targetHandle] != nil:
			x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, n.what())
		default:
			in[e.targetHandle] = e
		}
	}
	if in["next"] == nil {
		x.report.add(n.pos, "missing", "Missing inputs: next: nothing is wired to %s", n.what())
		t.bad = true
		return t
	}
	from, typed := x.initial(n, in["initial"], siblings)
	body := x.scope(n)
	last := x.wire(in["next"], n)
	if from == nil || last == nil {
		t.bad = true
		return t
	}
	next := last
	if !typed {
		next = x.between(n.name+"_next", "json/from_any", "value", copyText(last), nil, body, "value")
	}
	carried, repeat := oneAt(n.pos, "from", from), oneAt(n.pos, "max", x.turns(n))
	carried.add("next", in["next"].pos, next)
	if e := in["condition"]; e != nil {
		if w := x.wire(e, n); w != nil {
			repeat.add("until", e.pos, x.between(n.name+"_ends", "math/not", "value", w, nil, body, "result"))
		}
	}
	repeat.add("carry", n.pos, oneAt(n.pos, "value", carried))
	t.add("repeat", n.pos, repeat)
	t.add("as", n.pos, textAt(n.as, n.pos))
	t.some("after", n.pos, x.after(n))
	t.add("nodes", n.pos, body)
	n.lifted.add("done", in["next"].pos, last)
	t.add("out", n.pos, n.lifted)
	return t
}

func copyText(t *tree) *tree {
	text, _ := t.text()
	return textAt(text, t.pos)
}

// initial is the wire to what the first turn gets; typed: its type stays.
func (x *foreign) initial(n *foreignNode, e *foreignEdge, siblings *tree) (w *tree, typed bool) {
	if e == nil {
		v := n.get("initial")
		if v == nil {
			v = &tree{pos: n.pos}
		}
		return x.literalNode(n.name+"_initial", "json/from_any", "value", v, siblings, "value"), false
	}
	if w = x.wire(e, n.loop); w == nil {
		return nil, false
	}
	if from := x.origin(e); from != nil {
		switch typ := x.declared(from); {
		case typ == value.Image, typ == value.Bytes, typ == value.Table:
			return w, true
		}
	}
	return x.between(n.name+"_initial", "json/from_any", "value", w, nil, siblings, "value"), false
}

// turns is how many turns there are at most.
func (x *foreign) turns(n *foreignNode) *tree {
	v := n.get("max_iterations")
	if v == nil || v.kind == scalarTree && v.scalar == nil {
		return &tree{pos: n.pos, scalar: int64(turnsDefault)}
	}
	if most, ok := v.scalar.(int64); !ok || most < 1 || most > turnsMost {
		x.report.add(v.pos, "range", "Invalid value for property `max_iterations`: %s (expected 1 to %d)", v.describe(), turnsMost)
		return &tree{pos: v.pos, scalar: int64(turnsDefault)}
	}
	return v
}
