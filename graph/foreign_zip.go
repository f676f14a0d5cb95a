package graph

import (
	"slices"
)

// A Zip of nodetool pairs the items of two streams, a Cross all items of one with all of the other. Here both become a group
// with each over two lists of equal length.

// zipHandles are the properties that take the streams.
var zipHandles = []string{"left", "right"}

// zipStreams is what a Zip or Cross runs in: what both of its streams run in. A side without a stream of its own has one item.
func (x *foreign) zipStreams(n *foreignNode, outside []*foreignNode, around map[*foreignNode][]*foreignNode) []*foreignNode {
	n.single = map[string]bool{}
	sides := map[string][]*foreignNode{}
	for _, e := range n.in {
		if !e.control && slices.Contains(zipHandles, e.targetHandle) {
			sides[e.targetHandle] = given(e.source, e.sourceHandle, around[e.source])
		}
	}
	common := sides["left"]
	for i, s := range sides["right"] {
		if i >= len(common) || common[i] != s {
			common = common[:i]
			break
		}
	}
	common = common[:min(len(common), len(sides["right"]))]
	if len(common) < len(outside) {
		common = outside
	}
	for _, e := range n.in {
		own := len(sides[e.targetHandle]) - len(common)
		n.single[e.targetHandle] = own <= 0
		if own > 1 && !e.control {
			x.report.add(e.pos, "stream", "%s gets the items of lists in a list: collect them first", n.what())
		}
	}
	return slices.Clone(common)
}

// zipTree makes the group of a Zip or Cross.
func (x *foreign) zipTree(n *foreignNode, siblings *tree) *tree {
	t, over, most := mapAt(n.pos), mapAt(n.pos), mapAt(n.pos)
	for _, e := range n.in {
		switch {
		case e.control:
		case slices.Contains(zipHandles, e.targetHandle):
			w := x.wire(e, n.loop)
			if over.has(e.targetHandle) {
				x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, n.what())
				continue
			}
			if w != nil && n.single[e.targetHandle] {
				one := listAt(e.pos, w)
				w = x.between(n.name+"_"+e.targetHandle, loneCollect.Uses, "items", one, nil, siblings, "list")
			}
			if w != nil {
				over.add(e.targetHandle, e.pos, w)
			}
		default:
			x.report.add(e.pos, "unknown", "%s has no input %s that can be wired", n.what(), quote(e.targetHandle))
		}
	}
	for _, handle := range zipHandles {
		if !slices.ContainsFunc(n.in, func(e *foreignEdge) bool { return e.targetHandle == handle && !e.control }) {
			x.report.add(n.pos, "missing", "Missing inputs: %s: nothing is wired to %s", handle, n.what())
		}
	}
	for property, port := range n.rule.In {
		v := n.get(property)
		if def, ok := n.rule.Defaults[property]; v == nil && ok {
			v = goTree(def, n.pos)
		}
		if port != "" && v != nil {
			most.add(port, v.pos, v)
		}
	}
	if t.bad = len(over.fields) < len(zipHandles); t.bad {
		return t
	}
	if n.rule.Uses != "" {
		over = x.pairs(n, over, most, siblings)
	}
	t.add("each", n.pos, over)
	return x.lifting(t, n)
}

// pairs adds the node that makes two lists of equal length of the two of a Cross.
func (x *foreign) pairs(n *foreignNode, over, with, siblings *tree) *tree {
	name := x.names.free(slug(n.name + "_pairs"))
	node, in, both := taskAt(n.rule.Uses, n.pos), oneAt(n.pos, "a", over.get("left")), mapAt(n.pos)
	in.add("b", n.pos, over.get("right"))
	node.add("with", n.pos, with)
	node.add("in", n.pos, in)
	siblings.add(name, n.pos, node)
	for _, handle := range zipHandles {
		both.add(handle, n.pos, textAt(name+"."+handle, n.pos))
	}
	return both
}
