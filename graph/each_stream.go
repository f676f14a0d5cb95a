package graph

import (
	"context"
	"maps"
	"slices"

	"levee/graph/value"
)

// An each group gives the items of its lists while it runs: to each groups over them, which begin with the first one. It never
// waits for them. What they have not taken up lies in its lists, which it makes anyway, in memory or behind Save.
//
// The lists hold what the elements gave in their order, and which item an element gives is known only when all before it have
// ended: each of them may yet be left out. Where none ever is (the group is gapless) element i gives item i, and who reads the
// list may begin with it at once, whatever is not there yet before it: ahead.

// ahead are elements of a group that may start, or have, before all of those in front of them are there.
type ahead struct {
	ready queue[int]
	begun map[int]bool // of those from group.next on
	top   int          // behind the last one that has begun
}

// any reports whether an element from n on is ready.
func (a *ahead) any(n int) bool {
	for !a.ready.empty() {
		if i := a.ready.first(); i >= n && !a.begun[i] {
			return true
		}
		a.ready.pop() // it has started, or it starts in its turn
	}
	return false
}

func (a *ahead) take() int {
	i := a.ready.pop()
	if a.begun == nil {
		a.begun = map[int]bool{}
	}
	a.begun[i] = true
	a.top = max(a.top, i+1)
	return i
}

// skipBegun goes on to the first element that has not started. Called with mu held.
func (g *group) skipBegun() {
	for g.next < g.from.n && g.ahead.begun[g.next] {
		delete(g.ahead.begun, g.next)
		g.next++
	}
}

// offerItems lets the groups that go over a group's lists find them. Called with mu held.
func (x *run) offerItems(g *group) {
	taps := g.scope.plan.taps[g.index]
	if taps == nil {
		return
	}
	m := newStream(taps)
	for _, t := range m.taps {
		t.maker = g
	}
	g.gapless = taps[0].gapless
	g.scope.states[g.index].stream = m
}

// hand lets readers begin with what element i of g has given, where they know which item it is. Called with mu held.
func (x *run) hand(g *group, i int, outs []value.Value) {
	if !g.gapless || outs == nil {
		return
	}
	s := g.scope
	for _, t := range s.states[g.index].stream.taps {
		if x.letBegin(s, g.index, t.tapping.group); t.group != nil && !t.gone {
			x.comes(t.group, i)
		}
	}
}

// grown lets readers begin with what was put into g's lists. What comes behind an element that waits for somebody does so too, as
// its item has no number yet. Called with mu held.
func (x *run) grown(g *group) {
	s := g.scope
	m := s.states[g.index].stream
	if m == nil || g.stopped != nil {
		return
	}
	for _, t := range m.taps {
		if t.gone {
			continue
		}
		for t.count < g.lists[t.port].c.len() && !(g.gapless && g.asleep[t.count]) {
			t.count++
		}
		if t.count > 0 {
			x.letBegin(s, g.index, t.tapping.group)
		}
		if t.group != nil {
			x.advance(t.group)
		}
	}
}

// sleeps takes note of an element that waits for somebody. Called with mu held.
func (x *run) sleeps(g *group, i int, why *Cause) {
	if g.waits == nil {
		g.waits = why
	}
	if g.asleep == nil {
		g.asleep, g.sleeper = map[int]bool{}, i
	}
	g.asleep[i] = true
	g.sleeper = min(g.sleeper, i)
}

// comes is called when item i of a lane of g is there, maybe before others in front of it. Called with mu held.
func (x *run) comes(g *group, i int) {
	if g.stopped != nil || g.ending || i < g.from.n {
		return
	}
	for _, l := range g.from.lanes {
		if !l.has(i) {
			return
		}
	}
	g.ahead.ready.push(i)
	x.offer(g)
}

// cameBefore finds the items that came before g began. Called with mu held.
func (x *run) cameBefore(g *group) {
	for _, l := range g.from.lanes {
		if l.tap == nil || !l.tap.gapless {
			continue
		}
		maker := l.tap.maker
		for i := g.from.n; i < maker.turn; i++ {
			x.comes(g, i)
		}
		for _, i := range slices.Sorted(maps.Keys(maker.early)) {
			x.comes(g, i)
		}
		return // another lane has them too, or they cannot begin
	}
}

// has reports whether item i of a lane is there.
func (l *lane) has(i int) bool {
	t := l.tap
	switch {
	case t == nil || l.rest != nil:
		return i < l.n
	case i < t.count:
		return true
	case !t.gapless || t.maker == nil || t.maker.asleep[i]:
		return false
	case i < t.maker.turn:
		return true
	}
	return t.maker.early[i] != nil
}

// soon is an item that is not in its list yet. Called with mu held.
func (t *tap) soon(i int) (value.Value, bool) {
	if outs := t.maker.early[i]; t.gapless && outs != nil {
		return outs[t.port], true
	}
	return value.Value{}, false
}

// listed reads item i of a list that is being made. Pieces of it that are kept elsewhere are read nearly in order.
func (x *run) listed(ctx context.Context, l *lane, list *growing, i int) (it item, err error) {
	p, err := list.find(i)
	switch {
	case err != nil:
		return it, err
	case p.whole:
		return x.itemOf(ctx, p.of)
	case p.part >= 0:
		if p.enc, err = x.pieceOf(ctx, l, &p); err != nil {
			return it, err
		}
	}
	v, err := x.keep(ctx, list.c.elem, p.enc)
	if err != nil {
		return it, err
	}
	return x.itemOf(ctx, v)
}

// pieceOf reads from a part of a list, which stays open for the next item.
func (x *run) pieceOf(ctx context.Context, l *lane, p *itemPlace) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut == nil || l.part != p.part {
		r, shut, err := x.open(ctx, p.of)
		if err != nil {
			return nil, err
		}
		if l.shut != nil {
			l.shut()
		}
		l.r, l.shut, l.part = r, shut, p.part
	}
	return readSpan(l.r, p.span)
}

// cut ends a group of which no more elements come in this run: it waits for what its producer waits for, once what came has
// ended. Called with mu held.
func (x *run) cut(g *group, why *Cause) {
	if g.waits == nil {
		g.waits = why
	}
	g.short = true
	x.maybeEndGroup(g)
}
