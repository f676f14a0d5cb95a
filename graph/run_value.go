package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"levee/graph/value"
)

// onceValue is a value made when it is first asked for. A failure is not kept.
type onceValue struct {
	mu sync.Mutex
	v  value.Value
}

func (o *onceValue) get(make func() (value.Value, error)) (value.Value, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.v.IsZero() {
		return o.v, nil
	}
	v, err := make()
	if err == nil {
		o.v = v
	}
	return v, err
}

// casts remembers conversions of values that are kept elsewhere, so that an element of a large group does not store a large
// value again that its neighbour has stored. It forgets all when it is full.
type casts struct {
	mu   sync.Mutex
	made map[cast]value.Value
}

type cast struct {
	from value.Digest
	is   value.Type
	to   value.Type
}

const maxCasts = 256

func (c *casts) get(k cast) (value.Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.made[k]
	return v, ok
}

func (c *casts) put(k cast, v value.Value) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || len(c.made) >= maxCasts {
		c.made = map[cast]value.Value{}
	}
	c.made[k] = v
}

// convert makes v a value of type to. "" asks for no type.
func (x *run) convert(ctx context.Context, v value.Value, to value.Type) (value.Value, error) {
	if v.Type == to || to == "" {
		return v, nil
	}
	if !value.Assignable(v.Type, to) {
		return v, fmt.Errorf("wants %s, got %s", to, v.Type)
	}
	if v.Type.Base() == "tensor" && to.Base() == "tensor" {
		v.Type = to // the encoding is the same
		return v, nil
	}
	if enc, ok := v.Inline(); ok {
		enc, err := value.Convert(ctx, v.Type, to, enc)
		if err != nil {
			return v, err
		}
		return x.keep(ctx, to, enc)
	}
	k := cast{v.Digest, v.Type, to}
	if made, ok := x.casts.get(k); ok {
		return made, nil
	}
	made, err := x.convertStored(ctx, v, to)
	if err == nil {
		x.casts.put(k, made)
	}
	return made, err
}

func (x *run) convertStored(ctx context.Context, v value.Value, to value.Type) (value.Value, error) {
	if to == value.Any {
		return x.save(ctx, to, value.EncodeAny(v.Type, nil), []value.Value{v})
	}
	enc, err := x.load(ctx, v)
	if err != nil {
		return v, err
	}
	if enc, err = value.Convert(ctx, v.Type, to, enc); err != nil {
		return v, err
	}
	return x.keep(ctx, to, enc)
}

// keep makes a value of an encoding: one that carries it when it is small, else a stored one.
func (x *run) keep(ctx context.Context, t value.Type, enc []byte) (value.Value, error) {
	if len(enc) <= value.InlineMax {
		return loaded(t, enc), nil
	}
	return x.save(ctx, t, enc, nil)
}

// list makes a list of items, which must be of type elem.
func (x *run) list(ctx context.Context, elem value.Type, items []value.Value) (value.Value, error) {
	c := collector{elem: elem}
	for _, v := range items {
		if err := c.add(ctx, x, v); err != nil {
			return value.Value{}, err
		}
	}
	return c.list(ctx, x)
}

// dict makes a map of items, which must be of type elem, behind ascending keys: a map is encoded as a list of both in turn.
func (x *run) dict(ctx context.Context, elem value.Type, keys []string, items []value.Value) (value.Value, error) {
	c := collector{elem: elem, isMap: true}
	for i, v := range items {
		for _, part := range []value.Value{value.OfString(keys[i]), v} {
			if err := c.add(ctx, x, part); err != nil {
				return value.Value{}, err
			}
		}
	}
	return c.list(ctx, x)
}

func (x *run) save(ctx context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error) {
	if x.Save == nil {
		return value.Value{}, errors.New("there is no place for a value of this size")
	}
	v, err := x.Save(ctx, t, prefix, parts)
	if err != nil {
		return v, fmt.Errorf("storing a %s: %w", t, err)
	}
	return v, nil
}

// open gives access to a value's encoding; close must be called.
func (x *run) open(ctx context.Context, v value.Value) (r io.ReaderAt, close func(), err error) {
	if enc, ok := v.Inline(); ok {
		return bytes.NewReader(enc), func() {}, nil
	}
	if x.Open == nil {
		return nil, nil, errors.New("the value's content is not at hand")
	}
	if r, err = x.Open(ctx, v); err != nil {
		return nil, nil, fmt.Errorf("reading %s %s: %w", v.Type, v.Digest.Short(), err)
	}
	return r, func() {
		if c, ok := r.(io.Closer); ok {
			c.Close() // it was only read
		}
	}, nil
}

func (x *run) load(ctx context.Context, v value.Value) ([]byte, error) {
	r, closeValue, err := x.open(ctx, v)
	if err != nil {
		return nil, err
	}
	defer closeValue()
	return readSpan(r, value.Span{Len: v.Size})
}

func readSpan(r io.ReaderAt, s value.Span) ([]byte, error) {
	if s.Len < 0 || s.Len > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes are too many to load", s.Len)
	}
	b := make([]byte, s.Len)
	if n, err := r.ReadAt(b, s.Off); n < len(b) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}
