package graph

import (
	"fmt"
	"slices"
)

// plan is a graph prepared for running: nodes by number, edges both ways. It is shared by all elements that run it.
type plan struct {
	graph  *Graph
	depth  int // 0 for the workflow, 1 for the body of a group in it
	bodies map[int32]*plan
	outs   []int  // of a body: for each output port of the group, its place in graph.Outputs
	kept   []bool // nodes that the graph's outputs lead to
	deps   edges
	uses   edges // dependents
	roots  []int32
	taps   map[int32][]tapping // by producer
}

// place is where a node stands: the depth says in which of the scopes around, since a wire leads to a graph around only.
type place struct{ depth, index int32 }

// edges holds the neighbours of node i at list[from[i]:from[i+1]].
type edges struct {
	from []int32
	list []int32
}

func (e *edges) of(i int32) []int32 { return e.list[e.from[i]:e.from[i+1]] }

// newPlan prepares a graph and all bodies in it. A checked graph gives no error; a graph made otherwise may.
func newPlan(g *Graph) (*plan, map[*Node]place, error) {
	places := make(map[*Node]place, len(g.Nodes))
	p, err := planOf(g, 0, places)
	return p, places, err
}

func planOf(g *Graph, depth int, places map[*Node]place) (*plan, error) {
	p := &plan{graph: g, depth: depth, kept: make([]bool, len(g.Nodes))}
	for i, n := range g.Nodes {
		if _, twice := places[n]; twice {
			return nil, fmt.Errorf("node %s stands in the graph twice", n.Site)
		}
		places[n] = place{int32(depth), int32(i)}
	}
	if err := p.connect(places); err != nil {
		return nil, err
	}
	for i := range g.Outputs {
		for _, src := range []*Source{&g.Outputs[i].From, g.Outputs[i].Names} {
			p.keep(places, src)
		}
	}
	p.tapped(places)
	for i, n := range g.Nodes {
		if n.Kind == Task {
			continue
		}
		body, err := planOf(n.Body, depth+1, places)
		if err != nil {
			return nil, err
		}
		if err := body.expose(n); err != nil {
			return nil, err
		}
		if n.Kind == Repeat {
			body.keep(places, n.Repeat.Until)
			for k := range n.Repeat.Carry {
				body.keep(places, n.Repeat.Carry[k].Next)
			}
		}
		if p.bodies == nil {
			p.bodies = map[int32]*plan{}
		}
		p.bodies[int32(i)] = body
	}
	return p, nil
}

// keep says that what a wire leads to is read when all nodes of the graph have ended.
func (p *plan) keep(places map[*Node]place, src *Source) {
	if src == nil || src.Kind != FromNode {
		return
	}
	if at, ok := places[src.Node]; ok && p.holds(at, src.Node) {
		p.kept[at.index] = true
	}
}

// connect numbers the edges and refuses cycles, which would make a run wait for ever.
func (p *plan) connect(places map[*Node]place) error {
	nodes := p.graph.Nodes
	p.deps.from = make([]int32, len(nodes)+1)
	p.uses.from = make([]int32, len(nodes)+1)
	for i, n := range nodes {
		for _, d := range n.Deps {
			at, ok := places[d]
			if !ok || !p.holds(at, d) {
				return fmt.Errorf("node %s depends on %s, which is not in the same graph", n.Site, d.Site)
			}
			p.deps.list = append(p.deps.list, at.index)
			p.uses.from[at.index+1]++
		}
		p.deps.from[i+1] = int32(len(p.deps.list))
		if len(n.Deps) == 0 {
			p.roots = append(p.roots, int32(i))
		}
	}
	for i := range nodes {
		p.uses.from[i+1] += p.uses.from[i]
	}
	p.uses.list = make([]int32, len(p.deps.list))
	fill := append([]int32(nil), p.uses.from...)
	for i := range nodes {
		for _, d := range p.deps.of(int32(i)) {
			p.uses.list[fill[d]] = int32(i)
			fill[d]++
		}
	}
	return p.acyclic()
}

func (p *plan) acyclic() error {
	waits := make([]int32, len(p.graph.Nodes))
	for i := range waits {
		waits[i] = int32(len(p.deps.of(int32(i))))
	}
	order := append(make([]int32, 0, len(waits)), p.roots...)
	for at := 0; at < len(order); at++ {
		for _, u := range p.uses.of(order[at]) {
			if waits[u]--; waits[u] == 0 {
				order = append(order, u)
			}
		}
	}
	if len(order) == len(waits) {
		return nil
	}
	for i, w := range waits {
		if w > 0 {
			return fmt.Errorf("node %s waits for itself", p.graph.Nodes[i].Site)
		}
	}
	return nil
}

// expose matches the ports of a group with the outputs of its body.
func (p *plan) expose(group *Node) error {
	for i := range group.Outputs {
		at := slices.IndexFunc(p.graph.Outputs, func(o Output) bool { return o.Name == group.Outputs[i].Name })
		if at < 0 {
			return fmt.Errorf("group %s has no output %s in its body", group.Site, group.Outputs[i].Name)
		}
		p.outs = append(p.outs, at)
	}
	return nil
}

func (p *plan) holds(at place, n *Node) bool {
	return int(at.depth) == p.depth && int(at.index) < len(p.graph.Nodes) && p.graph.Nodes[at.index] == n
}
