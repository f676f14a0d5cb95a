package graph_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// over adds a group over the list that another gives, whose body adds one.
func (f *flow) over(id string, src graph.Source, opts ...option) *graph.Node {
	return f.each(id, src, func(b *flow) { b.out("out", of(b.task("x", reads(b.elem("value", value.Int), value.Int)))) }, opts...)
}

// stages is a group over a list and a group over that.
func stages(list graph.Source, opts ...option) (f *flow, g, h *graph.Node) {
	f = newFlow()
	g = f.over("g", list, opts...)
	h = f.over("h", of(g))
	f.out("list", of(h))
	return f, g, h
}

// waiting runs tasks as execSum does, but those that wait for the beginning of another one.
func waiting(for_ map[string]string) func(context.Context, *graph.Invocation) ([]value.Value, error) {
	begun := map[string]chan struct{}{}
	for _, path := range for_ {
		begun[path] = make(chan struct{})
	}
	return func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if c := begun[inv.Path]; c != nil {
			close(c)
		}
		if path, waits := for_[inv.Path]; waits {
			select {
			case <-begun[path]:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return gave(sum(inv)), nil
	}
}

func TestEachOverEachBeginsWithTheFirstElement(t *testing.T) {
	// The last element of the first group ends when the first one of the third has begun.
	f, _, h := stages(lit(ints(10, 20, 30)))
	f.out("again", of(f.over("k", of(h))))
	res, l, err := f.execute(t, graph.Runner{Exec: waiting(map[string]string{"g[2].x": "k[0].x"})}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{12, 22, 32}, numbers(t, output(t, res, "list")))
	require.Equal(t, []int64{13, 23, 33}, numbers(t, output(t, res, "again")))
	require.Equal(t, "running, done", l.of("h"))
	require.Equal(t, []int{1, 2, 3}, progress(l, "h"))
	last := l.events[len(l.events)-1]
	require.Equal(t, []any{"k", 3, 3}, []any{last.Path, last.Total, last.Ended})
}

// Element i of the second group waits for element i of the first alone, if it is known which that is.
func TestEachOverEachWaitsForItsElementOnly(t *testing.T) {
	f, _, h := stages(lit(ints(10, 20, 30)))
	f.out("again", of(f.over("k", of(h))))
	order := map[string]string{"g[0].x": "k[2].x", "h[1].x": "k[2].x"}
	res, _, err := f.execute(t, graph.Runner{Exec: waiting(order)}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{13, 23, 33}, numbers(t, output(t, res, "again")))
}

// Elements that are left out have no item, so what comes behind them waits until they are known to be; and no longer.
func TestEachOverEachThatLeavesOut(t *testing.T) {
	f := newFlow()
	g := f.each("g", lit(ints(10, 0, 30, 0, 50)), func(b *flow) {
		y := b.task("y", reads(b.elem("value", value.Int), value.Int), when(b.elem("value", value.Int)))
		b.out("out", of(b.task("x", reads(of(y), value.Int))))
	})
	h := f.each("h", of(g), func(b *flow) {
		b.out("out", of(b.task("x", reads(b.elem("value", value.Int), value.Int))))
		b.out("index", b.elem("index", value.Int))
	})
	f.out("list", of(h))
	f.out("index", port(h, "index"))
	order := map[string]string{"g[0].x": "g[2].x", "g[2].x": "g[4].x", "g[4].x": "g[0].y", "h[2].x": "h[0].x"}
	res, l, err := f.execute(t, graph.Runner{Exec: waiting(order)}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{13, 33, 53}, numbers(t, output(t, res, "list")))
	require.Equal(t, upTo(0, 3), numbers(t, output(t, res, "index")))
	require.Less(t, l.at("g[0].x", graph.Done), l.at("h[0].x", graph.Running))

	// The first item is there when the first element has ended.
	res, _, err = f.execute(t, graph.Runner{Exec: waiting(map[string]string{"g[4].x": "h[1].x"})}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{13, 33, 53}, numbers(t, output(t, res, "list")))

	// Elements that fail are left out in the same way, and those that values stand for are not.
	f, g, _ = stages(lit(ints(10, 20, 30)), onErrorSkip)
	res, _, err = f.execute(t, graph.Runner{Exec: failing("g[1].x")}, graph.Inputs{})
	require.NoError(t, err)
	require.Len(t, numbers(t, output(t, res, "list")), 2)
	g.Error = graph.OnError{Values: map[string]value.Value{"out": value.OfInt(7)}}
	res, _, err = f.execute(t, graph.Runner{Exec: failing("g[1].x")}, graph.Inputs{})
	require.NoError(t, err)
	require.Len(t, numbers(t, output(t, res, "list")), 3)
}

// Results stand beside what they were made of: neither waits for the other's end.
func TestEachOverEachAndWhatThatGoesOver(t *testing.T) {
	f := newFlow()
	p := f.source("p")
	g := f.over("g", of(p))
	h := f.zip("h", of(p), of(g))
	f.out("list", of(f.zip("k", of(g), of(h), of(p))))
	begun := make(chan struct{})
	res, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "p":
			for i := range int64(2) {
				if err := inv.Emit(ctx, 0, value.OfInt(i)); err != nil {
					return nil, err
				}
			}
			<-begun // with what it has given so far
			return []value.Value{ints(0, 1, 2), ints(), value.OfInt(0)}, nil
		case "k[1].x":
			close(begun)
		}
		return gave(sum(inv)), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{4, 8, 12}, numbers(t, output(t, res, "list")))
}

// Lists that are not all the same length in the end fail the group, however far it is.
func TestEachOverEachSideBySide(t *testing.T) {
	build := func(second graph.Source) (*flow, *graph.Node) {
		f := newFlow()
		g, h := f.over("g", lit(ints(10, 20, 30, 40))), f.over("h", second)
		k := f.zip("k", of(g), of(h), lit(ints(1, 2, 3, 4)))
		f.out("list", of(k))
		return f, k
	}
	f, _ := build(lit(ints(1000, 2000, 3000, 4000)))
	order := map[string]string{"g[0].x": "k[3].x", "h[1].x": "k[3].x", "h[0].x": "g[1].x"}
	res, _, err := f.execute(t, graph.Runner{Exec: waiting(order)}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{1014, 2025, 3036, 4047}, numbers(t, output(t, res, "list")), "item i of each belongs together")

	f, _ = build(lit(ints(1000, 2000, 3000)))
	_, l, err := f.execute(t, graph.Runner{Exec: waiting(map[string]string{"g[3].x": "k[2].x"})}, graph.Inputs{})
	require.ErrorContains(t, err, "Input data must be of equal length. l0 has 4, l1 has 3, l2 has 4")
	require.Equal(t, "running, failed", l.of("k"))
}

// What a group needs besides the items it waits for as before.
func TestEachOverEachThatNeedsTheWholeList(t *testing.T) {
	for name, build := range map[string]func(f *flow, g *graph.Node){
		"in its body": func(f *flow, g *graph.Node) {
			f.out("list", of(f.each("h", of(g), func(b *flow) { b.out("out", of(b.task("x", reads(of(g), "list<int>")))) })))
		},
		"by another node": func(f *flow, g *graph.Node) {
			a := f.task("a", reads(of(g), "list<int>"))
			f.out("list", of(f.each("h", of(g), func(b *flow) { b.out("out", of(b.task("x", from(a)))) })))
		},
		"to begin":    func(f *flow, g *graph.Node) { f.out("list", of(f.over("h", of(g), when(of(g))))) },
		"to be ended": func(f *flow, g *graph.Node) { f.out("list", of(f.over("h", of(g), after(g)))) },
	} {
		f := newFlow()
		g := f.over("g", lit(ints(10, 20, 30)))
		build(f, g)
		res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
		require.NoError(t, err, name)
		require.Len(t, numbers(t, output(t, res, "list")), 3)
		require.Less(t, l.at("g", graph.Done), l.at("h", graph.Running), name)
	}
}

// at is when a path came to a state.
func (l *trace) at(path string, state graph.State) int {
	for i, e := range l.events {
		if e.Path == path && e.State == state {
			return i
		}
	}
	return -1
}

func TestEachOverEachThatFails(t *testing.T) {
	boom, began := errors.New("boom"), make(chan struct{})
	exec := func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "h[0].x":
			<-began
			return nil, boom
		case "g[2].x":
			close(began)
			<-ctx.Done() // it would never end
			return nil, ctx.Err()
		}
		return gave(sum(inv)), nil
	}
	f, _, _ := stages(lit(ints(10, 20, 30)))
	_, l, err := f.execute(t, graph.Runner{Exec: exec}, graph.Inputs{})
	require.EqualError(t, err, "h[0].x: boom")
	require.Contains(t, l.of("g"), "running, cancelled")
	require.Contains(t, l.of("g[2].x"), "running, cancelled")

	// The other way round: what runs on half of a list ends when the rest cannot come.
	f, g, _ := stages(lit(ints(10, 20, 30)))
	began = make(chan struct{})
	exec = func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "h[0].x":
			close(began)
			<-ctx.Done()
			return nil, ctx.Err()
		case "g[2].x":
			<-began
			return nil, boom
		}
		return gave(sum(inv)), nil
	}
	_, l, err = f.execute(t, graph.Runner{Exec: exec}, graph.Inputs{})
	require.EqualError(t, err, "g[2].x: boom")
	require.Equal(t, "running, cancelled (g[2].x failed: boom)", l.of("h[0].x"))
	require.Equal(t, "running, failed", l.of("g"))
	require.Empty(t, g.Error)
}

// An element that waits for a person: what hangs on the others goes on, and the second group waits with the first.
func TestEachOverEachThatSuspends(t *testing.T) {
	f := newFlow()
	g := f.each("g", lit(ints(10, 20, 30)), func(b *flow) {
		b.out("out", of(b.task("y", from(b.task("ask", reads(b.elem("value", value.Int), value.Int))))))
	})
	f.out("list", of(f.over("h", of(g))))
	f.task("z", from())
	_, l, err := f.execute(t, asks(map[string]int64{"g[0].ask": 1, "g[2].ask": 3}), graph.Inputs{})
	var waits *graph.SuspendedError
	require.ErrorAs(t, err, &waits)
	require.Equal(t, 1, waits.Total)
	require.Equal(t, "running, done", l.of("h[0].x"))
	require.Equal(t, "", l.of("h[1].x"))
	require.Equal(t, "running, done", l.of("h[2].x"), "its number is known")
	require.Equal(t, "running, suspended", l.of("g"))
	require.Equal(t, "running, suspended", l.of("h"))

	// Where elements may be left out, what comes behind has no number yet.
	g.Error.Skip = true
	_, l, err = f.execute(t, asks(map[string]int64{"g[0].ask": 1, "g[2].ask": 3}), graph.Inputs{})
	require.ErrorAs(t, err, &waits)
	require.Equal(t, "running, done", l.of("h[0].x"))
	require.Equal(t, "", l.of("h[1].x"))
	require.Equal(t, "running, suspended", l.of("h"))

	res, _, err := f.execute(t, asks(map[string]int64{"g[0].ask": 1, "g[1].ask": 2, "g[2].ask": 3}), graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{3, 4, 5}, numbers(t, output(t, res, "list")))
}
