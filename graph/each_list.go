package graph

import (
	"errors"
	"fmt"

	"levee/graph/value"
)

// deliver hands in what element i of an each group gave; nil leaves it out of every list. Called with mu held.
func (x *run) deliver(g *group, i int, outs []value.Value) {
	g.early[i] = outs
	g.held += heldBy(outs)
	g.over++
	x.hand(g, i, outs)
	if x.Observe != nil && g.node.Kind != Group {
		x.Observe(Event{State: Progress, Node: g.node, Path: g.scope.pathOf(g.index), Total: g.total(), Ended: g.over, Lost: g.lost})
	}
	x.collectNext(g)
}

func (x *run) collectNext(g *group) {
	if _, ok := g.early[g.turn]; ok && !g.collecting && g.stopped == nil {
		g.collecting = true
		x.steps.push(step{kind: collect, group: g})
	}
}

// heldBy is about how much memory values take.
func heldBy(outs []value.Value) int64 {
	var n int64
	for i := range outs {
		enc, _ := outs[i].Inline()
		n += 96 + int64(len(enc))
	}
	return n
}

const maxBatch = 64

// collect is the step that appends the values whose turn it is to the group's lists, some at a time.
func (x *run) collect(g *group) {
	x.mu.Lock()
	from := g.turn
	var batch [][]value.Value
	for len(batch) < maxBatch {
		outs, ok := g.turnOf(from + len(batch))
		if !ok {
			break
		}
		batch = append(batch, outs)
	}
	x.mu.Unlock()
	var err error
	at := from
	for k := 0; k < len(batch) && err == nil; k++ {
		at = from + k
		err = x.append(g, at, batch[k])
	}
	x.mu.Lock()
	for k := range batch {
		g.held -= heldBy(g.early[from+k])
		delete(g.early, from+k)
	}
	g.turn += len(batch)
	g.collecting = false
	x.grown(g)
	if err != nil && g.stopped == nil {
		if ownEnd(g.scope.ctx, err) {
			x.stopGroup(g, &Cause{Why: WasCancelled, Err: err})
		} else {
			x.failGroup(g, x.groupFailure(g, fmt.Errorf("element %d: %w", at, err)))
		}
	}
	x.collectNext(g)
	x.offer(g)
	x.maybeEndGroup(g)
}

// turnOf is what goes into the lists for element i. The lists of a group that waits for somebody are not made: they serve readers
// that know their items by number.
func (g *group) turnOf(i int) (outs []value.Value, ok bool) {
	outs, ok = g.early[i]
	switch {
	case g.asleep == nil:
	case g.gapless && g.asleep[i]:
		outs = make([]value.Value, len(g.lists))
		for k := range outs {
			outs[k] = loaded(g.lists[k].c.elem, nil)
		}
	case !g.gapless && i > g.sleeper:
		outs = nil
	}
	return outs, ok
}

func (x *run) append(g *group, i int, outs []value.Value) (err error) {
	defer rescue(&err)
	switch {
	case outs == nil || !g.each():
		return nil
	case g.gapless && g.lists[0].c.len() != i:
		return errors.New("an element before it gave nothing, of a group in which all or none give something")
	}
	for k := range g.lists {
		if outs[k].IsZero() {
			return fmt.Errorf("output %s: on_error has no value for it", g.node.Outputs[k].Name)
		}
		v, err := x.convert(g.scope.ctx, outs[k], g.lists[k].c.elem)
		if err == nil {
			err = g.lists[k].add(g.scope.ctx, x, v)
		}
		if err != nil {
			return fmt.Errorf("output %s: %w", g.node.Outputs[k].Name, err)
		}
	}
	return nil
}

// outsOf resolves what the body of a group gives. A cause says why one is missing: an element of an each group then gives
// nothing at all, so that the group's lists stay equally long and item i of each comes from the same element.
func (x *run) outsOf(s *scope) (outs []value.Value, missing *Cause, err error) {
	defer rescue(&err)
	g := s.group
	outs = make([]value.Value, len(g.node.Outputs))
	for k, at := range s.plan.outs {
		v, cause, err := x.resolve(s, &s.plan.graph.Outputs[at].From)
		if err == nil && cause == nil {
			want := g.node.Outputs[k].Type
			if g.each() {
				want = want.Elem()
			}
			v, err = x.convert(s.ctx, v, want)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("output %s: %w", g.node.Outputs[k].Name, err)
		}
		if cause != nil {
			missing = cause
		}
		outs[k] = v
	}
	return outs, missing, nil
}

// listsOf ends the lists of an each group.
func (x *run) listsOf(g *group) (outs []value.Value, err error) {
	defer rescue(&err)
	outs = make([]value.Value, len(g.lists))
	for k := range outs {
		if outs[k], err = g.lists[k].c.list(g.scope.ctx, x); err != nil {
			return nil, fmt.Errorf("output %s: %w", g.node.Outputs[k].Name, err)
		}
	}
	return outs, nil
}
