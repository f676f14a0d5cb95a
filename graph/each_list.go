package graph

import (
	"context"
	"fmt"

	"levee/graph/value"
)

// deliver hands in what element i of an each group gave; nil leaves it out of every list. Called with mu held.
func (x *run) deliver(g *group, i int, outs []value.Value) {
	g.early[i] = outs
	g.held += heldBy(outs)
	g.over++
	if x.Observe != nil && g.node.Kind != Group {
		x.Observe(Event{State: Progress, Node: g.node, Path: g.scope.pathOf(g.index), Total: g.from.n, Ended: g.over, Lost: g.lost})
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

// collect is the step that appends the values whose turn it is to the group's lists, some at a time: what is taken out of
// early no longer counts as held.
func (x *run) collect(g *group) {
	x.mu.Lock()
	from := g.turn
	var batch [][]value.Value
	for len(batch) < maxBatch {
		outs, ok := g.early[g.turn]
		if !ok {
			break
		}
		delete(g.early, g.turn)
		g.held -= heldBy(outs)
		batch = append(batch, outs)
		g.turn++
	}
	x.mu.Unlock()
	var err error
	at := from
	for k := 0; k < len(batch) && err == nil; k++ {
		at = from + k
		err = x.append(g, batch[k])
	}
	x.mu.Lock()
	g.collecting = false
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

func (x *run) append(g *group, outs []value.Value) (err error) {
	defer rescue(&err)
	if outs == nil || !g.each() {
		return nil
	}
	for k := range g.lists {
		if outs[k].IsZero() {
			return fmt.Errorf("output %s: on_error has no value for it", g.node.Outputs[k].Name)
		}
		v, err := x.convert(g.scope.ctx, outs[k], g.lists[k].elem)
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
		if outs[k], err = g.lists[k].list(g.scope.ctx, x); err != nil {
			return nil, fmt.Errorf("output %s: %w", g.node.Outputs[k].Name, err)
		}
	}
	return outs, nil
}

// collector builds a list while its items come in. A list's encoding starts with where its items end, so it cannot be written
// before all are known; what has come so far is kept as a few long pieces, which go to Save when they grow. An item costs 8
// bytes of memory for good, and a large one (kept elsewhere) the size of a value.
type collector struct {
	elem  value.Type
	isMap bool // the items are keys and values in turn
	sizes []int64
	parts []value.Value
	buf   []byte // small items behind the last part
	held  int    // bytes in parts
	total int64
}

// A collector holds up to maxBuf bytes of small items, and saves pieces that are worth a file.
const (
	maxBuf   = 1 << 20
	minPiece = 4 << 10
)

func (c *collector) add(ctx context.Context, x *run, v value.Value) error {
	if len(c.sizes) >= value.MaxItems {
		return fmt.Errorf("more than %d items", value.MaxItems)
	}
	c.sizes = append(c.sizes, v.Size)
	c.total += v.Size
	if enc, ok := v.Inline(); ok {
		c.buf = append(c.buf, enc...)
		if len(c.buf) < maxBuf {
			return nil
		}
		return c.flush(ctx, x)
	}
	if err := c.flush(ctx, x); err != nil {
		return err
	}
	c.parts = append(c.parts, v)
	return nil
}

// flush makes a part of the buffer.
func (c *collector) flush(ctx context.Context, x *run) error {
	if len(c.buf) == 0 {
		return nil
	}
	if c.held+len(c.buf) > maxBuf && len(c.buf) >= minPiece {
		v, err := x.save(ctx, value.Bytes, c.buf, nil)
		if err != nil {
			return err
		}
		c.parts = append(c.parts, v)
		if c.buf = c.buf[:0]; hasBytes(v) {
			c.buf = nil // they may be the value's now
		}
		return nil
	}
	c.parts = append(c.parts, loaded(value.Bytes, c.buf))
	c.held += len(c.buf)
	c.buf = nil
	return nil
}

func (c *collector) list(ctx context.Context, x *run) (value.Value, error) {
	t, prefix := value.ListOf(c.elem), value.ListPrefix(c.sizes)
	if c.isMap {
		t = value.MapOf(c.elem)
	}
	if len(c.parts) == 0 && int64(len(prefix))+c.total <= value.InlineMax {
		return loaded(t, append(prefix, c.buf...)), nil
	}
	// The last piece needs no file of its own.
	if len(c.buf) > 0 {
		c.parts = append(c.parts, loaded(value.Bytes, c.buf))
	}
	return x.save(ctx, t, prefix, c.parts)
}

func hasBytes(v value.Value) bool {
	_, ok := v.Inline()
	return ok
}
