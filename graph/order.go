package graph

import "strings"

// sorter finds the strongly connected components of a graph (Tarjan): each comes out behind all it depends on, so the
// components in turn are an order to work in, and one of more than a node is a cycle.
type sorter struct {
	report *problems
	number map[*rawNode]int // order of the first visit, from 1
	low    map[*rawNode]int
	open   []*rawNode
	isOpen map[*rawNode]bool
	order  []*rawNode
}

// sortNodes sets g.order and the levels of its nodes, and reports cycles.
func sortNodes(g *rawGraph, report *problems) {
	s := sorter{report: report, number: map[*rawNode]int{}, low: map[*rawNode]int{}, isOpen: map[*rawNode]bool{}}
	for _, n := range g.nodes {
		if s.number[n] == 0 {
			s.visit(n)
		}
	}
	g.order = s.order
	for _, n := range g.order {
		for _, d := range n.deps {
			n.node.Level = max(n.node.Level, d.on.node.Level+1)
			n.node.Deps = append(n.node.Deps, d.on.node)
		}
	}
}

func (s *sorter) visit(n *rawNode) {
	s.number[n] = len(s.number) + 1
	s.low[n] = s.number[n]
	s.open = append(s.open, n)
	s.isOpen[n] = true
	for _, d := range n.deps {
		if s.number[d.on] == 0 {
			s.visit(d.on)
			s.low[n] = min(s.low[n], s.low[d.on])
		} else if s.isOpen[d.on] {
			s.low[n] = min(s.low[n], s.number[d.on])
		}
	}
	if s.low[n] != s.number[n] {
		return
	}
	at := len(s.open) - 1
	for s.open[at] != n {
		at--
	}
	part := s.open[at:]
	if len(part) > 1 || n.isDep[n] {
		s.reportCycle(part)
	}
	for _, m := range part {
		s.isOpen[m] = false
	}
	s.order = append(s.order, part...)
	s.open = s.open[:at]
}

// reportCycle names the shortest cycle through the node of the component that stands first in the file.
func (s *sorter) reportCycle(part []*rawNode) {
	in := make(map[*rawNode]bool, len(part))
	first := part[0]
	for _, n := range part {
		in[n] = true
		if p, q := n.node.Pos, first.node.Pos; p.Line < q.Line || (p.Line == q.Line && p.Col < q.Col) {
			first = n
		}
	}
	// Breadth first along the dependencies, against the flow of data, until first is met again.
	after := map[*rawNode]*rawNode{}
	for queue := []*rawNode{first}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		for _, d := range n.deps {
			if d.on == first {
				s.describeCycle(first, n, after)
				return
			}
			if in[d.on] && after[d.on] == nil {
				after[d.on] = n
				queue = append(queue, d.on)
			}
		}
	}
}

// mostNames bounds the names in a message about a cycle.
const mostNames = 10

// describeCycle follows the flow of data: from first to n, which waits for it, and along after back to first.
func (s *sorter) describeCycle(first, n *rawNode, after map[*rawNode]*rawNode) {
	names, last := []string{first.node.ID}, first
	for n != first {
		names, last = append(names, n.node.ID), n
		n = after[n]
	}
	names = append(names, first.node.ID)
	if len(names) > mostNames {
		names = append(append(names[:mostNames-3:mostNames-3], "..."), names[len(names)-2:]...)
	}
	pos := first.node.Pos
	for _, d := range first.deps {
		if d.on == last {
			pos = d.pos
		}
	}
	s.report.add(pos, "cycle", "cycle: %s", strings.Join(names, " -> "))
}

// Levels returns the graph's nodes by level: all that a node waits for is in levels before its own.
func (g *Graph) Levels() [][]*Node {
	var levels [][]*Node
	for _, n := range g.Nodes {
		for len(levels) <= n.Level {
			levels = append(levels, nil)
		}
		levels[n.Level] = append(levels[n.Level], n)
	}
	return levels
}

// Walk visits all nodes, a group before the nodes of its body.
func (g *Graph) Walk(visit func(*Node)) {
	for _, n := range g.Nodes {
		visit(n)
		if n.Body != nil {
			n.Body.Walk(visit)
		}
	}
}
