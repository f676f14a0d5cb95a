package graph

import (
	"slices"
	"strings"
)

// Site finds a node by its site, the ids from the workflow down: photos.decode. Where there is none, near is what was probably meant.
func (g *Graph) Site(site string) (n *Node, near string) {
	var known []string
	g.Walk(func(m *Node) {
		if m.Site == site {
			n = m
		}
		known = append(known, m.Site)
	})
	if n == nil {
		near = new(nearBudget).nearest(site, known)
	}
	return n, near
}

// Prune returns a graph of the same nodes with only those of the top level that the sites are or lie in, and what these depend on. Of the outputs
// those stay that it still makes; besides, the outputs of the nodes that are named are outputs: NODE.PORT.
func Prune(g *Graph, sites []string) *Graph {
	keep := make(map[*Node]bool)
	var need func(n *Node)
	need = func(n *Node) {
		if keep[n] {
			return
		}
		keep[n] = true
		for _, d := range n.Deps {
			need(d)
		}
	}
	p := *g
	p.Nodes, p.Outputs = nil, nil
	var named []*Node
	for _, n := range g.Nodes {
		if slices.ContainsFunc(sites, func(s string) bool { return s == n.ID || strings.HasPrefix(s, n.ID+".") }) {
			named = append(named, n)
			need(n)
		}
	}
	for _, n := range g.Nodes {
		if keep[n] {
			p.Nodes = append(p.Nodes, n)
		}
	}
	made := func(s *Source) bool { return s == nil || s.Kind != FromNode || keep[s.Node] }
	for _, o := range g.Outputs {
		if made(&o.From) && made(o.Names) {
			p.Outputs = append(p.Outputs, o)
		}
	}
	for _, n := range named {
		for i := range n.Outputs {
			port := &n.Outputs[i]
			from := Source{Kind: FromNode, Node: n, Port: port.Name, Type: port.Type, Pos: n.Pos}
			if !slices.ContainsFunc(p.Outputs, func(o Output) bool { return o.From.Node == n && o.From.Port == port.Name }) {
				p.Outputs = append(p.Outputs, Output{Name: n.ID + "." + port.Name, From: from, Pos: n.Pos})
			}
		}
	}
	return &p
}

// Behind returns the sites of nodes and of all that hangs on them: where a site is that of a group, its whole body is meant.
func Behind(g *Graph, sites []string) map[string]bool {
	behind := make(map[string]bool, len(sites))
	for _, s := range sites {
		behind[s] = true
	}
	mark(g, behind)
	return behind
}

// mark adds the nodes of a graph that hang on marked ones, and reports whether anything in the graph is marked.
func mark(g *Graph, behind map[string]bool) (any bool) {
	changed := make(map[*Node]bool, len(g.Nodes)) // gives something else: it is marked, or something in it
	var visit func(n *Node) bool
	visit = func(n *Node) bool {
		if was, seen := changed[n]; seen {
			return was
		}
		changed[n] = false
		for _, d := range n.Deps {
			if visit(d) {
				behind[n.Site] = true
			}
		}
		inside := n.Body != nil && !behind[n.Site] && mark(n.Body, behind)
		changed[n] = behind[n.Site] || inside
		return changed[n]
	}
	for _, n := range g.Nodes {
		any = visit(n) || any
	}
	return any
}
