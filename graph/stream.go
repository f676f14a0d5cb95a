package graph

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"

	"levee/graph/value"
)

// The items of a list may come while the node that makes it runs: from a task by Invocation.Emit, from an each group as its
// elements end (each_stream.go). An each group over them begins with the first one. What such a group has not taken up yet of a
// task's items is bounded, and the task waits where it is more. That is an easement and never a need: a tap that would make a
// run wait for itself, or whose producer is tried again, gives up, and the group takes the rest from the list when that is there.

// tapping is a lane of an each group that takes items of a sibling while that runs.
type tapping struct {
	group   int32
	lane    int
	port    int  // of the producer
	gapless bool // item i is element i's: the producer is a group that leaves no element out
}

// stream is what a node that runs has given so far. All of it is guarded by run.mu.
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
	maker  *group // whose list it is, if the producer is a group; then the items are there
	count  int    // items that came, taken up or not; there may be more further on if it is gapless
	bytes  int64  // of those
	sum    hash.Hash
	retold bool // another attempt gives the list than gave these items
	shut   bool // no more items are taken: the rest comes with the list
	ended  bool // the list is there, and rest with it where it is needed
	gone   bool // the group has ended
}

// maxWaiting is how many items may wait for an element to take them up, beyond twice the elements that run at once.
const maxWaiting = 64

func (t *tap) full(n *Node) bool {
	return !t.shut && !t.gone && len(t.items) >= max(maxWaiting, 2*n.Parallel) // never of a group's
}

var errNoItem = errors.New("the item is not there")

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
		s.blocked++
		if s.waitsForItself(m.i) {
			st.stream.blocked = false
			s.blocked--
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
		s.blocked--
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
	x.letBegin(s, i, t.tapping.group)
	if t.group != nil {
		x.advance(t.group)
		x.comes(t.group, t.count-1)
	}
}

// letBegin lets group u begin for what node i has given. Called with mu held.
func (x *run) letBegin(s *scope, i, u int32) {
	m := s.states[i].stream
	if m.released[u] {
		return
	}
	m.released[u] = true
	x.oneLess(s, u)
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
	t := l.tap
	x.mu.Lock()
	v, ok := t.items[i]
	delete(t.items, i)
	var list *growing
	if t.maker != nil {
		list = &t.maker.lists[t.port]
		v, ok = t.soon(i)
	}
	rest := l.rest
	t.group.scope.lookAgain()
	x.mu.Unlock()
	switch {
	case ok && list != nil: // as it will be in the list
		v, err = x.convert(ctx, v, list.c.elem)
		if err != nil {
			return it, err
		}
		return x.itemOf(ctx, v)
	case ok:
		return x.itemOf(ctx, v)
	case list != nil:
		return x.listed(ctx, l, list, i)
	case rest == nil:
		return it, errNoItem
	}
	return rest.at(ctx, x, i)
}

func (x *run) itemOf(ctx context.Context, v value.Value) (it item, err error) {
	if it.whole = v; v.Type != value.File {
		return it, nil
	}
	enc, err := x.load(ctx, v)
	if err != nil {
		return it, err
	}
	f, err := value.DecodeFile(enc)
	return item{file: &f}, err
}

// lookAgain lets producers that wait for room see whether there is some, or whether they wait for themselves now: a group has taken
// up an item, or begun, and may wait for another one. Called with mu held.
func (s *scope) lookAgain() {
	if s.blocked == 0 {
		return
	}
	for i := range s.plan.taps {
		if m := s.states[i].stream; m != nil && m.blocked {
			m.signal()
		}
	}
}

// advance finds out how many elements a group may begin, and whether that is all. Called with mu held.
func (x *run) advance(g *group) {
	if g.stopped != nil || g.ending {
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
	g.skipBegun()
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
		}
	}
	if !live {
		return
	}
	g.scope.lookAgain() // what the group waits for is known only now
	g.from.open = true
	x.advance(g)
	x.cameBefore(g)
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
