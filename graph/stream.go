package graph

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"levee/graph/value"
)

// A task may give the items of an output while it runs: Invocation.Emit. An each group over that output begins with the first
// one. What such a group has not taken up yet is bounded, and the producer waits where it is more. That is an easement and never
// a need: a tap that would make a run wait for itself, or whose producer is tried again, gives up, and the group takes the rest
// from the list when that is there.

// tapping is a lane of an each group that takes items of a sibling while that runs.
type tapping struct {
	group int32
	lane  int
	port  int // of the producer
}

// stream is what a task that runs has given so far. All of it is guarded by run.mu.
type stream struct {
	taps     []*tap
	released map[int32]bool // groups that do not wait for the producer any more
	room     chan struct{}  // closed, and made anew, when a tap may have room
	blocked  bool           // the producer waits for room
}

// tap holds the items of one lane that no element has taken up.
type tap struct {
	tapping
	group  *group // once it runs
	items  map[int]value.Value
	count  int   // items that came, taken up or not
	bytes  int64 // of those
	sum    hash.Hash
	retold bool // another attempt gives the list than gave these items
	shut   bool // no more items are taken: the rest comes with the list
	ended  bool // the list is there, and rest with it where it is needed
	gone   bool // the group has ended
}

// maxWaiting is how many items may wait for an element to take them up, beyond twice the elements that run at once.
const maxWaiting = 64

func (t *tap) full(n *Node) bool {
	return !t.shut && !t.gone && len(t.items) >= max(maxWaiting, 2*n.Parallel)
}

var errOver = errors.New("the invocation is over: it gives no items any more")

// emitter is the Emit of one attempt.
type emitter struct {
	x    *run
	s    *scope
	i    int32
	over bool // guarded by run.mu
}

// emit hands an item to the groups that go over the port, and waits while one of them has enough.
func (m *emitter) emit(ctx context.Context, port int, item value.Value) error {
	x, s := m.x, m.s
	x.mu.Lock()
	defer x.mu.Unlock()
	st := &s.states[m.i]
	switch {
	case m.over:
		return errOver
	case s.stop != nil:
		return context.Cause(s.ctx)
	case st.stream == nil:
		st.stream = newStream(s.plan.taps[m.i])
	}
	for _, t := range st.stream.taps {
		if t.port == port && !t.shut && !t.gone {
			x.take(s, m.i, t, item)
		}
	}
	x.wake()
	for {
		t := st.stream.fullTap(s)
		switch {
		case m.over:
			return errOver
		case s.stop != nil:
			return context.Cause(s.ctx)
		case t == nil:
			return nil
		case ctx.Err() != nil:
			st.stream.shut() // somebody waits for the producer who does not wait for these groups
			continue
		}
		st.stream.blocked = true
		if s.waitsForItself(m.i) {
			st.stream.blocked = false
			t.shut = true
			continue
		}
		room := st.stream.room
		x.workers-- // those who take the items may need this place
		x.wake()
		x.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		case <-s.ctx.Done():
		}
		x.mu.Lock()
		x.workers++
		st.stream.blocked = false
	}
}

func newStream(taps []tapping) *stream {
	m := &stream{released: map[int32]bool{}, room: make(chan struct{})}
	for _, t := range taps {
		m.taps = append(m.taps, &tap{tapping: t, items: map[int]value.Value{}, sum: sha256.New()})
	}
	return m
}

func (m *stream) fullTap(s *scope) *tap {
	for _, t := range m.taps {
		if t.full(s.node(t.tapping.group)) {
			return t
		}
	}
	return nil
}

// let reports whether a group does not wait for the producer any more.
func (m *stream) let(u int32) bool { return m != nil && m.released[u] }

// shut lets the groups take what is missing from the list.
func (m *stream) shut() {
	for _, t := range m.taps {
		t.shut = true
	}
	m.signal()
}

func (m *stream) signal() {
	close(m.room)
	m.room = make(chan struct{})
}

// take puts an item where the group finds it, and lets the group begin. Called with mu held.
func (x *run) take(s *scope, i int32, t *tap, item value.Value) {
	if t.count >= MaxElements {
		t.shut = true
		return
	}
	t.items[t.count] = item
	t.count++
	t.bytes += item.Size
	t.sum.Write(item.Digest[:])
	u := t.tapping.group
	if m := s.states[i].stream; !m.released[u] {
		m.released[u] = true
		if use := &s.states[u]; use.phase == waiting {
			if use.waits--; use.waits == 0 {
				use.phase = queued
				x.steps.push(step{kind: startNode, scope: s, index: u})
			}
		}
	}
	if t.group != nil {
		x.advance(t.group)
	}
}

// liveLane gives the lane of a group whose producer still runs, nil when it has ended.
func (x *run) liveLane(s *scope, u int32, k int, over *Source) *lane {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := s.tapOf(u, k, over)
	if t == nil {
		return nil
	}
	return &lane{tap: t}
}

// tapOf is the tap of lane k of group u, if its producer runs. Called with mu held.
func (s *scope) tapOf(u int32, k int, over *Source) *tap {
	if over.Kind != FromNode {
		return nil
	}
	for i := range s.plan.taps {
		m := s.states[i].stream
		if m == nil || s.node(i) != over.Node || s.states[i].phase >= done {
			continue
		}
		for _, t := range m.taps {
			if t.tapping.group == u && t.lane == k {
				return t
			}
		}
	}
	return nil
}

// tapped gives item i of a live lane, which makes room for another.
func (x *run) tapped(ctx context.Context, l *lane, i int) (it item, err error) {
	x.mu.Lock()
	v, ok := l.tap.items[i]
	delete(l.tap.items, i)
	rest := l.rest
	if ok {
		x.roomOf(l.tap)
	}
	x.mu.Unlock()
	switch {
	case ok && v.Type == value.File:
		enc, err := x.load(ctx, v)
		if err != nil {
			return it, err
		}
		f, err := value.DecodeFile(enc)
		it.file = &f
		return it, err
	case ok:
		it.whole = v
		return it, nil
	case rest == nil:
		return it, errors.New("the item is not there")
	}
	return rest.at(ctx, x, i)
}

// roomOf lets the producers that a group goes over look again whether they wait. Called with mu held.
func (x *run) roomOf(t *tap) {
	for _, d := range t.group.scope.plan.deps.of(t.group.index) {
		if m := t.group.scope.states[d].stream; m != nil && m.blocked {
			m.signal()
		}
	}
}

// advance finds out how many elements a group may begin, and whether that is all. Called with mu held.
func (x *run) advance(g *group) {
	if g.stopped != nil {
		return
	}
	n, open := -1, false
	for _, l := range g.from.lanes {
		have := l.n
		if l.tap != nil && l.rest == nil {
			have = l.tap.count
			open = open || !l.tap.ended
		}
		if n < 0 || have < n {
			n = have
		}
	}
	g.from.n, g.from.open = n, open
	if !open {
		if err := g.from.equal(g.node.overs()); err != nil {
			x.failGroup(g, x.groupFailure(g, err))
			return
		}
	}
	x.offer(g)
	x.maybeEndGroup(g)
}

// enter makes the taps of a group that begins its own; a producer that ended meanwhile is settled. Called with mu held.
func (x *run) enter(g *group) {
	live := false
	for _, l := range g.from.lanes {
		if l.tap != nil {
			live = true
			l.tap.group = g
			x.roomOf(l.tap) // what the group waits for is known only now
		}
	}
	if !live {
		return
	}
	g.from.open = true
	x.advance(g)
	for k, l := range g.from.lanes {
		if l.tap == nil {
			continue
		}
		src := g.node.overs()[k].Over
		if i := x.places[src.Node].index; g.scope.states[i].phase >= done {
			x.settleTap(g.scope, i, l.tap)
		}
	}
}

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
	if g.stopped != nil || t.ended {
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
	if v := st.outputs[t.port]; t.shut || t.retold || v.Size != value.ListSize(t.count, t.bytes) {
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
