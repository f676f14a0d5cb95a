package graph

import "slices"

// Which each groups may begin before their producer has ended is known from the graph alone.

// lead is a lane of a group over items of a sibling that needs nothing else of it.
type lead struct {
	tapping
	from int32
}

// tapped finds the groups that may take up the items of nodes of the graph while those run.
func (p *plan) tapped(places map[*Node]place) {
	var leads []lead
	may := map[[2]int32]bool{}
	for u, n := range p.graph.Nodes {
		if n.Kind != Each {
			continue
		}
		for k, l := range n.overs() {
			from := l.Over.Node
			at, ok := places[from]
			if l.Over.Kind != FromNode || !ok || !p.holds(at, from) {
				continue
			}
			port := from.streamPort(l.Over.Port)
			if port < 0 || n.waitsForEnd(from) {
				continue
			}
			leads = append(leads, lead{tapping{group: int32(u), lane: k, port: port}, at.index})
			may[[2]int32{int32(u), at.index}] = true
		}
	}
	if len(leads) == 0 {
		return
	}
	p.taps = map[int32][]tapping{}
	budget, gapless := maxLook, map[int32]bool{}
	for _, l := range leads {
		from := p.graph.Nodes[l.from]
		if from.Kind == Task && p.waitsElsewhere(l.group, l.from, may, &budget) {
			continue // it would only be in the way; a group is in nobody's
		}
		if _, known := gapless[l.from]; !known {
			gapless[l.from] = from.gapless()
		}
		l.gapless = gapless[l.from]
		p.taps[l.from] = append(p.taps[l.from], l.tapping)
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

// waitsForEnd reports whether a group goes over items of a node only when that has ended: it needs more of it, or something else may stand
// for them.
func (n *Node) waitsForEnd(of *Node) bool {
	return of.Kind == Task && of.Error.Values != nil || n.needs(of)
}

// needs reports whether a group wants more of a node than the lanes that it goes over: then it waits for the node's end.
func (n *Node) needs(of *Node) bool {
	whole := func(l Lane) bool { return l.Over.leads(of) && of.streamPort(l.Over.Port) < 0 }
	return slices.Contains(n.After, of) || slices.ContainsFunc(n.overs(), whole) || n.If.leads(of) || n.Body.reads(of)
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

// waitsElsewhere reports whether a group can only begin when a node has ended that it goes over, for something else that it needs:
// then it needs no tap. may says which nodes begin with what others have given so far.
func (p *plan) waitsElsewhere(u, of int32, may map[[2]int32]bool, budget *int) bool {
	type need struct {
		node int32
		end  bool // or its beginning
	}
	seen := map[need]bool{}
	var waits func(n need) bool
	waits = func(n need) bool {
		for _, d := range p.deps.of(n.node) {
			next := need{d, n.end || !may[[2]int32{n.node, d}]}
			if *budget--; *budget < 0 || d == of && next.end {
				return true
			}
			if d != of && !seen[next] {
				seen[next] = true
				if waits(next) {
					return true
				}
			}
		}
		return false
	}
	return waits(need{u, false})
}
