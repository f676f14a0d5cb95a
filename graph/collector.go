package graph

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"

	"levee/graph/value"
)

// collector builds a list while its items come in. A list's encoding starts with where its items end, so it cannot be written
// before all are known; what has come so far is kept as a few long pieces, which go to Save when they grow. An item costs 8
// bytes of memory for good, and a large one (kept elsewhere) the size of a value.
type collector struct {
	elem   value.Type
	isMap  bool    // the items are keys and values in turn
	ends   []int64 // where each item ends
	parts  []value.Value
	starts []int64 // where each part begins
	buf    []byte  // small items behind the last part
	held   int     // bytes in parts
}

// growing is a collector to which one goroutine at a time adds items, while others may read those that are there.
type growing struct {
	mu sync.Mutex
	c  collector
}

func (l *growing) add(ctx context.Context, x *run, v value.Value) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.c.add(ctx, x, v)
}

func (l *growing) find(i int) (itemPlace, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.c.find(i)
}

// A collector holds up to maxBuf bytes of small items, and saves pieces that are worth a file.
const (
	maxBuf   = 1 << 20
	minPiece = 4 << 10
)

func (c *collector) len() int { return len(c.ends) }

func (c *collector) total() int64 {
	if len(c.ends) == 0 {
		return 0
	}
	return c.ends[len(c.ends)-1]
}

func (c *collector) add(ctx context.Context, x *run, v value.Value) error {
	if len(c.ends) >= value.MaxItems {
		return fmt.Errorf("more than %d items", value.MaxItems)
	}
	if enc, ok := v.Inline(); ok {
		c.buf = append(c.buf, enc...)
		c.ends = append(c.ends, c.total()+v.Size)
		if len(c.buf) < maxBuf {
			return nil
		}
		return c.flush(ctx, x)
	}
	if err := c.flush(ctx, x); err != nil {
		return err
	}
	c.part(v, c.total())
	c.ends = append(c.ends, c.total()+v.Size)
	return nil
}

// part adds a part that begins there.
func (c *collector) part(v value.Value, start int64) {
	c.parts, c.starts = append(c.parts, v), append(c.starts, start)
}

// flush makes a part of the buffer.
func (c *collector) flush(ctx context.Context, x *run) error {
	if len(c.buf) == 0 {
		return nil
	}
	start := c.total() - int64(len(c.buf))
	if c.held+len(c.buf) > maxBuf && len(c.buf) >= minPiece {
		v, err := x.save(ctx, value.Bytes, c.buf, nil)
		if err != nil {
			return err
		}
		c.part(v, start)
		if c.buf = c.buf[:0]; hasBytes(v) {
			c.buf = nil // they may be the value's now
		}
		return nil
	}
	c.part(loaded(value.Bytes, c.buf), start)
	c.held += len(c.buf)
	c.buf = nil
	return nil
}

// itemPlace is where an item of a collector lies: in memory, or in a part that is kept elsewhere.
type itemPlace struct {
	part  int         // -1: enc is the item
	of    value.Value // the part
	whole bool        // which is the item
	span  value.Span  // else where in it the item lies
	enc   []byte
}

// find says where item i lies.
func (c *collector) find(i int) (p itemPlace, err error) {
	if i >= len(c.ends) {
		return p, errNoItem
	}
	from := int64(0)
	if i > 0 {
		from = c.ends[i-1]
	}
	size := c.ends[i] - from
	tail := c.total() - int64(len(c.buf))
	if p.part = -1; size == 0 {
		return p, nil
	}
	if from >= tail {
		p.enc = bytes.Clone(c.buf[from-tail:][:size])
		return p, nil
	}
	k := sort.Search(len(c.starts), func(k int) bool { return c.starts[k] > from }) - 1
	p.part, p.of, p.span = k, c.parts[k], value.Span{Off: from - c.starts[k], Len: size}
	if enc, ok := p.of.Inline(); ok {
		p.part, p.enc = -1, enc[p.span.Off:][:size:size]
		return p, nil
	}
	p.whole = p.of.Type == c.elem && p.of.Size == size
	return p, nil
}

// list makes the list when all items are there, which may still be read meanwhile.
func (c *collector) list(ctx context.Context, x *run) (value.Value, error) {
	t, prefix := value.ListOf(c.elem), value.ListPrefix(c.ends)
	if c.isMap {
		t = value.MapOf(c.elem)
	}
	if len(c.parts) == 0 && int64(len(prefix))+c.total() <= value.InlineMax {
		return loaded(t, append(prefix, c.buf...)), nil
	}
	// The last piece needs no file of its own.
	parts := slices.Clip(c.parts)
	if len(c.buf) > 0 {
		parts = append(parts, loaded(value.Bytes, c.buf))
	}
	return x.save(ctx, t, prefix, parts)
}

func hasBytes(v value.Value) bool {
	_, ok := v.Inline()
	return ok
}
