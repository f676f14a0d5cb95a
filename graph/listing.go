package graph

import (
	"context"

	"levee/graph/value"
)

// List builds a list outside of a run as an each group builds its own: from items that come one after the other, of which it keeps
// a few long pieces.
type List struct {
	x run
	c collector
}

// NewList begins a list of items of type elem. save is as [Runner.Save].
func NewList(elem value.Type, save func(ctx context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error)) *List {
	l := &List{c: collector{elem: elem}}
	l.x.Save = save
	return l
}

// Len is how many items there are.
func (l *List) Len() int { return l.c.len() }

// Add appends an item, which must be of the list's element type.
func (l *List) Add(ctx context.Context, v value.Value) error { return l.c.add(ctx, &l.x, v) }

// End gives the list.
func (l *List) End(ctx context.Context) (value.Value, error) { return l.c.list(ctx, &l.x) }
