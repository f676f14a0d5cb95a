package graph

import "slices"

// Ordered reports whether one of two nodes of a graph begins only when the other has ended. An each group that goes over what another
// one gives while that runs follows it element by element: same says that the two are elements of one number.
func Ordered(a, b *Node, same bool) bool {
	if a.Level > b.Level {
		a, b = b, a
	}
	type way struct {
		to     *Node
		waited bool // for the end of something
	}
	seen := map[way]bool{}
	for open := []way{{to: b}}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for _, d := range at.to.Deps {
			next := way{d, at.waited || !at.to.follows(d)}
			switch {
			case d == a && (next.waited || same && a.Kind == Each):
				return true
			case d.Level > a.Level && !seen[next]:
				seen[next] = true
				open = append(open, next)
			}
		}
	}
	return false
}

// InTurn reports whether the elements of an each group run one after the other, by their numbers: with parallel: 1, and not over items of
// another group, which come as its elements end.
func (n *Node) InTurn() bool {
	loose := func(d *Node) bool { return d.Kind == Each && n.follows(d) && !d.InTurn() }
	return n.Parallel == 1 && !slices.ContainsFunc(n.Deps, loose)
}

// follows reports whether a node begins while another one runs, whose items it goes over. Where elements may be left out it does not
// count: which number one has is known only when those before it have ended.
func (n *Node) follows(of *Node) bool {
	if n.Kind != Each || of.Kind == Each && !of.gapless() || n.waitsForEnd(of) {
		return false
	}
	for _, l := range n.overs() {
		if l.Over.leads(of) && of.streamPort(l.Over.Port) >= 0 {
			return true
		}
	}
	return false
}
