package graph_test

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// climb adds a group of which each turn adds 1 to what it carries, until that is top:
//
//	g[i]:  t.n -> up -> check (top reached?)
func climb(f *flow, start graph.Source, most int, opts ...option) *graph.Node {
	g := f.repeat("g", most, start, func(b *flow) (graph.Source, *graph.Source) {
		up := of(b.task("up", reads(b.elem("n", value.Int), value.Int)))
		check := of(b.task("check", reads(up, value.Int)))
		b.out("out", up)
		b.out("index", b.elem("index", value.Int))
		return up, &check
	}, opts...)
	f.out("out", port(g, "out"))
	f.out("index", port(g, "index"))
	return g
}

// climbing is what the tasks of climb do.
func climbing(top int64) func(context.Context, *graph.Invocation) ([]value.Value, error) {
	return func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if !strings.HasSuffix(inv.Path, "check") {
			return gave(sum(inv)), nil
		}
		if number(inv.Inputs[0]) == top {
			return gave(1), nil
		}
		return gave(0), nil
	}
}

func TestRepeat(t *testing.T) {
	f := newFlow()
	climb(f, lit(value.OfInt(10)), 9)
	res, l, err := f.execute(t, graph.Runner{Exec: climbing(14)}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 14, number(output(t, res, "out")))
	require.EqualValues(t, 3, number(output(t, res, "index")))
	require.Equal(t, 8, res.Done)
	require.Equal(t, "running, done", l.of("g[3].check"))
	require.Equal(t, "", l.of("g[4].up"))
	require.Equal(t, []int{1, 2, 3, 4}, progress(l, "g"))
	last := l.events[len(l.events)-1]
	require.Equal(t, []any{graph.Done, "g", 4, 4}, []any{last.State, last.Path, last.Total, last.Ended})

	// One turn after the other: whatever belongs to a turn lies between its nodes' events and those of the next.
	turn := 0
	for _, e := range l.events {
		var at int
		if n, _ := fmt.Sscanf(e.Path, "g[%d].", &at); n == 1 {
			require.True(t, at == turn || at == turn+1, e.Path)
			turn = at
		}
	}

	// At max it ends without a failure, and without another turn.
	res, l, err = f.execute(t, graph.Runner{Exec: climbing(-1)}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 19, number(output(t, res, "out")))
	require.Equal(t, "", l.of("g[9].up"))
}

// Two carried values that change places: Fibonacci's numbers.
func TestRepeatCarriesSeveral(t *testing.T) {
	f := newFlow()
	zero, one := lit(value.OfInt(0)), lit(value.OfInt(1))
	g := f.repeat("g", 10, zero, func(b *flow) (graph.Source, *graph.Source) {
		next := b.task("next", reads(b.elem("n", value.Int), value.Int), reads(b.elem("m", value.Int), value.Int))
		b.out("out", of(next))
		return b.elem("m", value.Int), nil
	})
	next := of(g.Body.Nodes[0])
	g.Repeat.Carry = append(g.Repeat.Carry, graph.Carry{Name: "m", From: one, Next: &next, Type: value.Int})
	f.out("out", port(g, "out"))
	res, _, err := f.execute(t, graph.Runner{Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		return gave(sum(inv) - 1), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 89, number(output(t, res, "out")))
}

func TestRepeatConvertsWhatItCarries(t *testing.T) {
	f := newFlow()
	g := f.repeat("g", 3, lit(value.OfFloat(0.5)), func(b *flow) (graph.Source, *graph.Source) {
		b.out("out", b.elem("n", value.Float))
		return of(b.task("x")), nil // an int
	})
	f.out("out", port(g, "out"))
	res, _, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, value.OfFloat(1), output(t, res, "out"))
}

func TestRepeatFails(t *testing.T) {
	f := newFlow()
	g := climb(f, lit(value.OfInt(0)), 9)
	f.task("behind", reads(port(g, "out"), value.Int))
	bad := func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "g[2].up" {
			return nil, errBoom
		}
		return climbing(-1)(ctx, inv)
	}
	_, l, err := f.execute(t, graph.Runner{Exec: bad}, graph.Inputs{})
	require.EqualError(t, err, "g[2].up: boom")
	require.Equal(t, "running, failed", l.of("g"))
	require.Equal(t, "skipped (g[2].up failed: boom)", l.of("g[2].check"))
	require.Equal(t, "", l.of("g[3].up"))
	require.Equal(t, "skipped (g[2].up failed: boom)", l.of("behind"))

	g.Error.Skip = true
	res, l, err := f.execute(t, graph.Runner{Exec: bad}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "g[2].up failed: boom", cause(res, "out"))
	require.Equal(t, "skipped (g[2].up failed: boom)", l.of("behind"))

	g.Error = graph.OnError{Values: map[string]value.Value{"out": value.OfInt(7), "index": value.OfInt(-1)}}
	res, _, err = f.execute(t, graph.Runner{Exec: bad}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 7, number(output(t, res, "out")))
	require.EqualValues(t, -1, number(output(t, res, "index")))
}

// What the next turn needs and nobody gave fails the group with the cause; in the last turn nobody asks for it.
func TestRepeatNeedsWhatItCarries(t *testing.T) {
	for most, want := range map[int]string{
		1: "", 2: "g[0]: carry n: there is nothing for the next turn: g[0].x was not taken",
	} {
		f := newFlow()
		g := f.repeat("g", most, lit(value.OfInt(0)), func(b *flow) (graph.Source, *graph.Source) {
			return of(b.task("x", when(b.elem("n", value.Int)))), nil
		})
		res, _, err := f.execute(t, graph.Runner{}, graph.Inputs{})
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, want)
		require.Len(t, res.Failures, 1)
		require.Same(t, g, res.Failures[0].Node)
	}

	f := newFlow()
	f.repeat("g", 5, lit(value.OfInt(0)), func(b *flow) (graph.Source, *graph.Source) {
		until := of(b.task("until", onErrorSkip))
		return b.elem("index", value.Int), &until
	})
	_, _, err := f.execute(t, graph.Runner{Exec: failing("g[0].until")}, graph.Inputs{})
	require.EqualError(t, err, "g[0]: until: g[0].until failed: boom")
}

// A first value that never came skips the group with the first cause.
func TestRepeatWithoutABeginning(t *testing.T) {
	f := newFlow()
	no := f.task("no", when(lit(value.OfBool(false))))
	climb(f, of(no), 5)
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "skipped (no was not taken)", l.of("g"))
	require.Equal(t, "no was not taken", cause(res, "out"))
}

// The outputs of the last turn may be missing, as those of a plain group.
func TestRepeatGivesNothingInTheEnd(t *testing.T) {
	f := newFlow()
	g := f.repeat("g", 2, lit(value.OfInt(1)), func(b *flow) (graph.Source, *graph.Source) {
		b.out("out", of(b.task("x", when(b.elem("n", value.Int)))))
		return lit(value.OfInt(0)), nil
	})
	f.out("out", port(g, "out"))
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "running, done", l.of("g[0].x"))
	require.Equal(t, "g[1].x was not taken", cause(res, "out"))
}

func TestRepeatIsCancelled(t *testing.T) {
	f := newFlow()
	climb(f, lit(value.OfInt(0)), 100)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	_, l, err := f.executeIn(ctx, t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "g[3].check" {
			cancel(why)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return climbing(-1)(ctx, inv)
	}}, graph.Inputs{})
	require.ErrorIs(t, err, why)
	require.Equal(t, "running, cancelled (the run was cancelled: enough)", l.of("g"))
	require.Equal(t, "running, cancelled (the run was cancelled: enough)", l.of("g[3].check"))
	require.Equal(t, "", l.of("g[4].up"))
}

// Turns in elements in turns: element i of turn k climbs from what both say.
func TestRepeatNests(t *testing.T) {
	f := newFlow()
	outer := f.repeat("o", 2, lit(ints(1, 10)), func(b *flow) (graph.Source, *graph.Source) {
		e := b.each("e", b.elem("n", "list<int>"), func(c *flow) {
			r := c.repeat("r", 3, c.elem("", value.Int), func(d *flow) (graph.Source, *graph.Source) {
				up := of(d.task("up", reads(d.elem("n", value.Int), value.Int)))
				d.out("out", up)
				return up, nil
			})
			c.out("out", port(r, "out"))
		})
		b.out("out", port(e, "out"))
		return port(e, "out"), nil
	})
	f.out("out", port(outer, "out"))
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{7, 16}, numbers(t, output(t, res, "out")))
	require.Equal(t, "running, done", l.of("o[1].e[1].r[2].up"))
	require.Equal(t, 12, res.Done)
}

// A hundred thousand turns hold no more than one.
func TestRepeatIsFlat(t *testing.T) {
	const n = 100_000
	f := newFlow()
	climb(f, lit(value.OfInt(0)), n)
	var before, now goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	most := uint64(0)
	res, err := graph.Run(t.Context(), f.g, graph.Inputs{}, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if strings.HasSuffix(inv.Path, "0000].up") {
			goruntime.GC()
			goruntime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		return climbing(-1)(ctx, inv)
	}})
	require.NoError(t, err)
	require.EqualValues(t, n, number(output(t, res, "out")))
	require.Less(t, most, before.HeapAlloc+4<<20)
}
