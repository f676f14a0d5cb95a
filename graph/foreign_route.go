package graph

// A route is how a value, or a stream, comes to a node: along an edge, or (nil) because the loop that the node is in comes first.
type route struct {
	from *foreignNode
	edge *foreignEdge
}

// routes are the ways to each node. What leads into a loop, at any depth, is for the whole of it: its elements run in the stream
// that it comes from. What leads into a plain group is for the inputs in it, and what leads out of one comes from its outputs.
func (x *foreign) routes() map[*foreignNode][]route {
	routes, ends := map[*foreignNode][]route{}, groupEnds{}
	for _, n := range x.nodes {
		if n.realm != nil {
			routes[n] = append(routes[n], route{n.realm, nil})
		}
		ends.add(n)
	}
	for _, e := range x.edges {
		if e.control || e.back() {
			continue
		}
		from, to := ends.find(e.source, groupOutputKind, e.sourceHandle), ends.find(e.target, groupInputKind, e.targetHandle)
		if from != nil && to != nil {
			x.route(routes, from, to, e)
		}
	}
	return routes
}

// route adds the way along an edge: to the target, if both ends are in the same loop, else to the loops that it leads into.
func (x *foreign) route(routes map[*foreignNode][]route, from, to *foreignNode, e *foreignEdge) {
	inside := map[*foreignNode]bool{}
	for depth, r := 0, from.realm; r != nil && depth <= maxLoops; depth, r = depth+1, r.realm {
		inside[r] = true
	}
	entered := false
	for depth, r := 0, to.realm; r != nil && !inside[r] && r != from && depth <= maxLoops; depth, r = depth+1, r.realm {
		routes[r] = append(routes[r], route{from, e})
		entered = true
	}
	if !entered && from != to.realm {
		routes[to] = append(routes[to], route{from, e})
	}
}

// groupEnds are the inputs and outputs of plain groups, by their names; under "" the first one.
type groupEnds map[groupEnd]*foreignNode

type groupEnd struct {
	group        *foreignNode
	kind, handle string
}

func (ends groupEnds) add(n *foreignNode) {
	if n.parent == nil || !n.parent.is(groupKind) || !n.is(groupInputKind, groupOutputKind) {
		return
	}
	name, _ := literalText(n.get("name"))
	for _, handle := range []string{name, ""} {
		if key := (groupEnd{n.parent, n.rule.Kind, handle}); ends[key] == nil {
			ends[key] = n
		}
	}
}

// find is the node that stands for a plain group at the end of an edge; the node itself if it is none.
func (ends groupEnds) find(n *foreignNode, kind, handle string) *foreignNode {
	if !n.is(groupKind) {
		return n
	}
	if end := ends[groupEnd{n, kind, handle}]; end != nil {
		return end
	}
	return ends[groupEnd{n, kind, ""}]
}

// back reports whether an edge brings a value to the next turn of a Loop.
func (e *foreignEdge) back() bool {
	return e.target.is(repeatKind) && (e.targetHandle == "next" || e.targetHandle == "condition")
}

// loopAround is the innermost loop that a node was saved in; plain groups are but frames.
func (x *foreign) loopAround(n *foreignNode) *foreignNode {
	p := n.parent
	for steps := 0; p != nil && steps <= len(x.nodes); steps++ {
		if p.is(loopKind) {
			return p
		}
		p = p.parent
	}
	return nil
}
