package graph

import (
	"crypto/sha256"
	"fmt"

	"levee/graph/value"
)

// What becomes of the groups that go over a node's items when the node has ended.

// endStream tells the groups that have begun what became of their producer. Called with mu held.
func (x *run) endStream(s *scope, i int32) {
	m := s.states[i].stream
	if m == nil {
		return
	}
	m.signal()
	for _, t := range m.taps {
		if t.group != nil && !t.gone {
			x.settleTap(s, i, t)
		}
	}
}

// settleTap ends a tap whose producer has ended. Called with mu held.
func (x *run) settleTap(s *scope, i int32, t *tap) {
	st, g := &s.states[i], t.group
	if g.stopped != nil || g.ending || t.ended {
		return
	}
	if st.phase == held {
		x.cut(g, st.cause)
		return
	}
	if st.phase != done {
		// Half of a stream is no stream.
		g.broken = st.cause
		if g.broken == nil {
			g.broken = &Cause{Why: GaveNothing, Node: s.node(i), Path: s.pathOf(i)}
		}
		x.stopGroup(g, g.broken)
		return
	}
	if v := st.outputs[t.port]; t.maker == nil && (t.shut || t.retold || v.Size != value.ListSize(t.count, t.bytes)) {
		g.reading++
		x.steps.push(step{kind: readRest, group: g, index: int32(t.lane)})
		return
	}
	t.ended = true
	x.advance(g)
}

// readRest is the step that opens the list of a stream that was not taken up item by item to its end.
func (x *run) readRest(g *group, k int) {
	l, over := g.from.lanes[k], g.node.overs()[k].Over
	rest, cause, err := x.lane(g.scope, &over)
	if err == nil && cause == nil {
		if err = x.sameItems(g, l.tap, rest); err != nil {
			rest.close()
		}
	}
	x.mu.Lock()
	g.reading--
	switch {
	case cause != nil:
		g.broken = cause
		x.stopGroup(g, cause)
	case err != nil && ownEnd(g.scope.ctx, err):
		x.stopGroup(g, &Cause{Why: WasCancelled, Err: err})
	case err != nil:
		x.failGroup(g, x.groupFailure(g, err))
	default:
		l.rest, l.n, l.tap.ended = rest, rest.n, true
		x.advance(g)
	}
	x.maybeEndGroup(g)
}

// sameItems holds the items that a group took up against the list that the producer gave in the end.
func (x *run) sameItems(g *group, t *tap, list *lane) error {
	sum := sha256.New()
	for i := 0; i < t.count && i < list.n; i++ {
		it, err := list.at(g.scope.ctx, x, i)
		if err != nil {
			return err
		}
		v := it.whole
		if it.file != nil {
			v = fileValue(it.file)
		}
		sum.Write(v.Digest[:])
	}
	if list.n < t.count || string(sum.Sum(nil)) != string(t.sum.Sum(nil)) {
		return fmt.Errorf("%s gave other items while it ran than in the end", g.node.overs()[t.lane].Over.Node.ID)
	}
	return nil
}
