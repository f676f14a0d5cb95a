package graph_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

func TestEachFailureNamesItsElement(t *testing.T) {
	f, g := chain(lit(ints(1, 2, 3)), parallel(1))
	f.task("behind", reads(port(g, "out"), "list<int>"))
	res, l, err := f.execute(t, graph.Runner{Exec: failing("g[1].x")}, graph.Inputs{})
	var re *graph.RunError
	require.ErrorAs(t, err, &re)
	require.Equal(t, "g[1].x", re.Path)
	require.ErrorIs(t, err, errBoom)
	require.Equal(t, "running, done", l.of("g[0].y"))
	require.Equal(t, "running, failed", l.of("g[1].x"))
	require.Equal(t, "skipped (g[1].x failed: boom)", l.of("g[1].y"))
	require.Equal(t, "", l.of("g[2].x"))
	require.Equal(t, "running, failed", l.of("g"))
	require.Equal(t, "skipped (g[1].x failed: boom)", l.of("behind"))
	require.Len(t, res.Failures, 1)
}

// A failing element ends its siblings that run, and everything else that runs.
func TestEachFailureEndsTheRest(t *testing.T) {
	f, _ := chain(lit(ints(1, 2, 3)))
	f.task("beside")
	var running sync.WaitGroup
	running.Add(3)
	_, l, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "g[2].x" {
			running.Wait()
			return nil, errBoom
		}
		running.Done()
		<-ctx.Done()
		return nil, ctx.Err()
	}}, graph.Inputs{})
	require.EqualError(t, err, "g[2].x: boom")
	for _, p := range []string{"g[0].x", "g[1].x", "beside"} {
		require.Equal(t, "running, cancelled (g[2].x failed: boom)", l.of(p))
	}
}

// A second element that really fails while the first failure ends the group does not become the cause of it.
func TestEachKeepsTheFirstFailure(t *testing.T) {
	f, _ := chain(lit(ints(1, 2)))
	running := make(chan struct{})
	_, l, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "g[0].x" {
			<-running
			return nil, errors.New("first")
		}
		close(running)
		<-ctx.Done()
		return nil, errors.New("second")
	}}, graph.Inputs{})
	require.EqualError(t, err, "g[0].x: first")
	require.Equal(t, "running, failed", l.of("g[1].x"))
	i := slices.IndexFunc(l.events, func(e graph.Event) bool { return e.Path == "g" && e.State == graph.Failed })
	require.EqualError(t, l.events[i].Err, "first")
	require.Equal(t, "g[0].x failed: first", l.events[i].Cause.String())
}

func TestEachOnErrorSkipLeavesTheElementOut(t *testing.T) {
	f, _ := chain(lit(ints(1, 2, 3, 4)), onErrorSkip)
	res, l, err := f.execute(t, graph.Runner{Exec: failing("g[1].x", "g[3].y")}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{3, 5}, numbers(t, output(t, res, "list")))
	require.Equal(t, []int64{0, 2}, numbers(t, output(t, res, "index")))
	require.Equal(t, "skipped (g[1].x failed: boom)", l.of("g[1].y"))
	require.Len(t, res.Failures, 2)
	require.True(t, res.Failures[0].Handled && res.Failures[1].Handled)
	last := l.events[len(l.events)-1]
	require.Equal(t, []any{graph.Done, "g", 4, 4, 2}, []any{last.State, last.Path, last.Total, last.Ended, last.Lost})
}

func TestEachOnErrorValueStandsForTheElement(t *testing.T) {
	f, g := chain(lit(ints(1, 2, 3)))
	g.Error.Values = map[string]value.Value{"out": value.OfInt(-1), "index": value.OfInt(-2)}
	res, _, err := f.execute(t, graph.Runner{Exec: failing("g[1].x")}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{3, -1, 5}, numbers(t, output(t, res, "list")))
	require.Equal(t, []int64{0, -2, 2}, numbers(t, output(t, res, "index")))

	delete(g.Error.Values, "index")
	_, _, err = f.execute(t, graph.Runner{Exec: failing("g[1].x")}, graph.Inputs{})
	require.EqualError(t, err, "g: element 1: output index: on_error has no value for it")
}

// The body's own on_error comes before the group's.
func TestEachBodyOnErrorComesFirst(t *testing.T) {
	f := newFlow()
	g := f.each("g", lit(ints(1, 2)), func(b *flow) {
		x := b.task("x", reads(b.elem("", value.Int), value.Int), onError(value.OfInt(100)))
		b.out("out", of(b.task("y", reads(of(x), value.Int))))
	})
	f.out("list", port(g, "out"))
	res, _, err := f.execute(t, graph.Runner{Exec: failing("g[0].x")}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{101, 4}, numbers(t, output(t, res, "list")))
}

// Cancelled in the middle of two nested groups: all that runs ends, nothing starts.
func TestEachIsCancelled(t *testing.T) {
	rows, err := value.FromJSON("list<list<int>>", []byte("[[1,2],[3,4]]"))
	require.NoError(t, err)
	f := newFlow()
	f.each("g", lit(rows), func(b *flow) {
		b.each("h", b.elem("", "list<int>"), func(c *flow) {
			c.task("y", from(c.task("x", reads(c.elem("", value.Int), value.Int))))
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Add(4)
	go func() { running.Wait(); cancel() }()
	_, l, err := f.executeIn(ctx, t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if strings.HasSuffix(inv.Path, "y") {
			return nil, errors.New("must not run")
		}
		running.Done()
		<-ctx.Done()
		return nil, ctx.Err()
	}}, graph.Inputs{})
	require.ErrorIs(t, err, context.Canceled)
	for _, p := range []string{"g", "g[0].h", "g[1].h", "g[1].h[0].x"} {
		require.Equal(t, "running, cancelled (the run was cancelled: context canceled)", l.of(p))
	}
	require.True(t, slices.IndexFunc(l.events, func(e graph.Event) bool { return e.State == graph.Failed }) < 0)
}

// Values that cannot be stored fail the element or the group, and nothing hangs.
func TestEachSurvivesFailingSaves(t *testing.T) {
	for _, mode := range []string{"error", "panic"} {
		f := newFlow()
		g := f.each("g", lit(ints(make([]int64, 100)...)), func(b *flow) {
			b.out("out", of(b.task("x", gives(value.Bytes), reads(b.elem("", value.Int), value.Int))))
		})
		f.out("list", port(g, "out"))
		_, _, err := f.execute(t, graph.Runner{
			Exec: func(context.Context, *graph.Invocation) ([]value.Value, error) {
				return []value.Value{value.OfBytes(make([]byte, 100<<10))}, nil
			},
			Save: func(context.Context, value.Type, []byte, []value.Value) (value.Value, error) {
				if mode == "panic" {
					panic("no disk")
				}
				return value.Value{}, errors.New("no disk")
			},
		}, graph.Inputs{})
		require.ErrorContains(t, err, "no disk")
		require.ErrorContains(t, err, "g: ")
	}
}

func TestEachOfBadList(t *testing.T) {
	f, _ := chain(lit(value.Loaded("list<int>", value.Digest{}, []byte{1, 2, 3})))
	_, _, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.ErrorContains(t, err, "g: list encoding of 3 bytes")
}
