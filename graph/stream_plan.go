package graph

// Which each groups may begin before their producer has ended is known from the graph alone.

// tapped finds the groups that may take up the items of nodes of the graph while those run.
func (p *plan) tapped(places map[*Node]place) {
	budget, gapless := maxLook, map[*Node]bool{}
	for u, n := range p.graph.Nodes {
		if n.Kind != Each {
			continue
		}
		for k, l := range n.overs() {
			at, ok := places[l.Over.Node]
			if l.Over.Kind != FromNode || !ok || !p.holds(at, l.Over.Node) {
				continue
			}
			from := l.Over.Node
			port := from.streamPort(l.Over.Port)
			if port < 0 || (from.Kind == Task && from.Error.Values != nil) || n.needs(from) || p.waitsElsewhere(int32(u), at.index, &budget) {
				continue
			}
			if _, known := gapless[from]; !known {
				gapless[from] = from.gapless()
			}
			if p.taps == nil {
				p.taps = map[int32][]tapping{}
			}
			p.taps[at.index] = append(p.taps[at.index], tapping{int32(u), k, port, gapless[from]})
		}
	}
}

// streamPort is the number of an output of which the items come while the node runs, -1 for all others.
func (n *Node) streamPort(name string) int {
	for i := range n.Outputs {
		if n.Outputs[i].Name == name && (n.Kind == Each || n.Kind == Task && n.Outputs[i].Stream) {
			return i
		}
	}
	return -1
}

// needs reports whether a group wants more of a node than the lanes that it goes over: then it waits for the node's end.
func (n *Node) needs(of *Node) bool {
	for _, a := range n.After {
		if a == of {
			return true
		}
	}
	for _, l := range n.overs() {
		if l.Over.leads(of) && of.streamPort(l.Over.Port) < 0 {
			return true
		}
	}
	return n.If.leads(of) || n.Body.reads(of)
}

func (s *Source) leads(of *Node) bool { return s != nil && s.Kind == FromNode && s.Node == of }

// reads reports whether something in a graph, or in a group in it, is wired to a node.
func (g *Graph) reads(of *Node) bool {
	for _, n := range g.Nodes {
		if n.If.leads(of) || (n.Body != nil && n.Body.reads(of)) {
			return true
		}
		for _, l := range n.overs() {
			if l.Over.leads(of) {
				return true
			}
		}
		for i := range n.Inputs {
			for k := range n.Inputs[i].Sources {
				if n.Inputs[i].Sources[k].leads(of) {
					return true
				}
			}
		}
		if n.Repeat != nil {
			for i := range n.Repeat.Carry {
				if n.Repeat.Carry[i].From.leads(of) || n.Repeat.Carry[i].Next.leads(of) {
					return true
				}
			}
		}
	}
	for i := range g.Outputs {
		if g.Outputs[i].From.leads(of) || g.Outputs[i].Names.leads(of) {
			return true
		}
	}
	return false
}

// maxLook bounds the nodes that are looked at for a graph's taps, all together: who writes a graph that asks for more gets no more
// taps.
const maxLook = 1_000_000

// waitsElsewhere reports whether a node waits for the end of another one by a third: the other one must then end for the node to
// begin.
func (p *plan) waitsElsewhere(u, of int32, budget *int) bool {
	seen := map[int32]bool{}
	var up func(i int32) bool
	up = func(i int32) bool {
		for _, d := range p.deps.of(i) {
			if *budget--; d == of || *budget < 0 {
				return true
			}
			if !seen[d] {
				seen[d] = true
				if up(d) {
					return true
				}
			}
		}
		return false
	}
	for _, d := range p.deps.of(u) {
		if d != of && up(d) {
			return true
		}
	}
	return false
}
