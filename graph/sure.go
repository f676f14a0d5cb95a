package graph

import (
	"slices"

	"levee/graph/value"
)

// certainty finds out, from a graph alone, which wires give a value whenever the graph completes. In doubt one does not.
type certainty struct {
	inside map[*Node]bool // only these nodes are looked at: what others give is the same for all who ask; nil: all are
	runs   map[*Node]bool // which nodes are always taken
}

// Sure finds the outputs of a graph that are there after every run that completes.
func (g *Graph) Sure() []bool {
	c := certainty{runs: map[*Node]bool{}}
	list := make([]bool, len(g.Outputs))
	for i := range list {
		list[i] = c.sure(&g.Outputs[i].From)
	}
	return list
}

// gapless reports whether every element of a group that completes gives all outputs, if any does.
func (n *Node) gapless() bool {
	if n.Kind != Each || n.Error.Skip {
		return false
	}
	c := certainty{inside: map[*Node]bool{}, runs: map[*Node]bool{}}
	n.Body.Walk(func(m *Node) { c.inside[m] = true })
	return !slices.ContainsFunc(n.Body.Outputs, func(o Output) bool { return !c.sure(&o.From) })
}

func (c *certainty) sure(src *Source) bool {
	if src.Kind != FromNode || (c.inside != nil && !c.inside[src.Node]) {
		return true
	}
	n := src.Node
	sure, seen := c.runs[n]
	if !seen {
		sure = c.taken(n)
		c.runs[n] = sure
	}
	if !sure || slices.ContainsFunc(n.Outputs, func(p value.Port) bool { return p.Name == src.Port && p.Optional }) {
		return false
	}
	return n.Kind != Group || slices.ContainsFunc(n.Body.Outputs, func(o Output) bool { return o.Name == src.Port && c.sure(&o.From) })
}

// taken reports whether a node always runs, and a list for a group that makes lists is always there.
func (c *certainty) taken(n *Node) bool {
	if n.If != nil || n.Error.Skip || n.Kind == Repeat {
		return false
	}
	for i := range n.Inputs {
		if slices.ContainsFunc(n.Inputs[i].Sources, func(s Source) bool { return !c.sure(&s) }) {
			return false
		}
	}
	return !slices.ContainsFunc(n.overs(), func(l Lane) bool { return !c.sure(&l.Over) })
}
