package graph_test

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// diamond:
//
//	  a
//	 / \
//	b   c
//	 \ /
//	  d
func diamond() (f *flow, a, b, c, d *graph.Node) {
	f = newFlow()
	a = f.task("a")
	b = f.task("b", from(a))
	c = f.task("c", from(a))
	d = f.task("d", from(b, c))
	f.out("sum", of(d))
	return f, a, b, c, d
}

func TestRunGivesOutputs(t *testing.T) {
	f, _, _, _, _ := diamond()
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 5, number(output(t, res, "sum")))
	require.Equal(t, 4, res.Done)
	require.Equal(t, "running, done", l.of("d"))
	require.Equal(t, "running, done", l.of("a"))
}

func TestRunOverlapsNodesOfALevel(t *testing.T) {
	f, _, _, _, _ := diamond()
	meet := make(chan string) // b and c are both under way, or neither comes on
	_, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "b":
			meet <- "b"
		case "c":
			<-meet
		}
		return gave(sum(inv)), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
}

// No barrier stands between levels: d runs to its end while a, of the level before it, still runs.
//
//	a (slow)     b
//	             |
//	             d
func TestRunHasNoBarrier(t *testing.T) {
	f := newFlow()
	f.task("a")
	d := f.task("d", from(f.task("b")))
	f.out("d", of(d))
	ended := make(chan struct{})
	_, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "a":
			<-ended
		case "d":
			close(ended)
		}
		return gave(1), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
}

func TestRunIsBoundedByInFlight(t *testing.T) {
	for _, limit := range []int{1, 3, 64} {
		synctest.Test(t, func(t *testing.T) {
			f := newFlow()
			for i := range 200 {
				f.task(fmt.Sprint("n", i))
			}
			now, most := make(chan int, 1), 0
			now <- 0
			_, err := graph.Run(t.Context(), f.g, graph.Inputs{}, graph.Runner{InFlight: limit, Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
				n := <-now + 1
				most = max(most, n)
				now <- n
				<-time.After(time.Second) // of the bubble's clock: all that may run are running now
				now <- <-now - 1
				return gave(1), nil
			}})
			require.NoError(t, err)
			require.Equal(t, limit, most)
		})
	}
}

func TestRunKeepsTheRootCause(t *testing.T) {
	// a fails while b runs; c hangs on a, d on b, e on both.
	f := newFlow()
	a, b := f.task("a"), f.task("b")
	c := f.task("c", from(a))
	f.task("d", from(b))
	f.task("e", from(b, c))
	boom := errors.New("boom")
	running := make(chan struct{})
	res, l, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "a":
			<-running
			return nil, boom
		case "b":
			close(running)
			<-ctx.Done()
			return nil, fmt.Errorf("b was ended: %w", ctx.Err())
		}
		t.Errorf("%s must not run", inv.Path)
		return gave(1), nil
	}}, graph.Inputs{})
	var re *graph.RunError
	require.ErrorAs(t, err, &re)
	require.Equal(t, "a", re.Path)
	require.Same(t, a, re.Node)
	require.ErrorIs(t, err, boom)
	require.Equal(t, "a: boom", err.Error())
	require.Equal(t, "running, failed", l.of("a"))
	require.Equal(t, "running, cancelled (a failed: boom)", l.of("b"))
	for _, n := range []string{"c", "d", "e"} {
		require.Equal(t, "skipped (a failed: boom)", l.of(n))
	}
	require.Len(t, res.Failures, 1)
	require.False(t, res.Failures[0].Handled)
	require.Equal(t, [4]int{0, 3, 1, 1}, [4]int{res.Done, res.Skipped, res.Failed, res.Cancelled})
	require.Empty(t, res.Outputs)
}

// A second node that really fails after the first keeps its own error, and does not become the root cause.
func TestRunKeepsTheFirstFailure(t *testing.T) {
	f := newFlow()
	f.task("a")
	f.task("b")
	running := make(chan struct{})
	res, l, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "a" {
			<-running
			return nil, errors.New("first")
		}
		close(running)
		<-ctx.Done()
		return nil, errors.New("second")
	}}, graph.Inputs{})
	require.EqualError(t, err, "a: first")
	require.Equal(t, "running, failed", l.of("b"))
	require.Len(t, res.Failures, 2)
}

func TestRunIsCancelled(t *testing.T) {
	f, _, _, _, _ := diamond()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user said so")
	_, l, err := f.executeIn(ctx, t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "b" {
			cancel(why)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if inv.Path == "c" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return gave(1), nil
	}}, graph.Inputs{})
	require.ErrorIs(t, err, why)
	require.Equal(t, "running, done", l.of("a"))
	require.Contains(t, l.of("b"), "cancelled (the run was cancelled: the user said so)")
	require.Equal(t, "skipped (the run was cancelled: the user said so)", l.of("d"))
}

func TestRunOfCancelledContextStartsNothing(t *testing.T) {
	f, _, _, _, _ := diamond()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, l, err := f.executeIn(ctx, t, graph.Runner{}, graph.Inputs{})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, l.events)
}

func TestRunSurvivesPanics(t *testing.T) {
	f, _, _, _, _ := diamond()
	_, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		panic("bad node")
	}}, graph.Inputs{})
	require.ErrorContains(t, err, "a: panic: bad node")
}

// Exec ends its goroutine, as a test does that gives up: the node fails, and the run goes on with other goroutines.
func TestRunSurvivesGoexit(t *testing.T) {
	f := newFlow()
	a := f.task("a", onErrorSkip)
	f.out("b", of(f.task("b", after(a))))
	res, l, err := f.execute(t, graph.Runner{InFlight: 1, Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "a" {
			goruntime.Goexit()
		}
		return gave(1), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualError(t, res.Failures[0].Err, "the goroutine was ended")
	require.Equal(t, "running, done", l.of("b"))
}

func TestRunChecksTheNumberOfOutputs(t *testing.T) {
	f, _, _, _, _ := diamond()
	_, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		return nil, nil
	}}, graph.Inputs{})
	require.EqualError(t, err, "a: 0 outputs came back for 1 ports")
}

func TestRunOfNothing(t *testing.T) {
	res, _, err := newFlow().execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, &graph.Result{Outputs: []graph.OutputValue{}}, res)
}

func TestRunRefusesCycles(t *testing.T) {
	f := newFlow()
	a := f.task("a")
	b := f.task("b", from(a))
	a.Deps = append(a.Deps, b)
	_, _, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.EqualError(t, err, "node a waits for itself")
}

func TestRunRefusesGraphsThatWereNotChecked(t *testing.T) {
	f := newFlow()
	a := f.task("a")
	a.Deps = append(a.Deps, newFlow().task("z"))
	_, _, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.EqualError(t, err, "node a depends on z, which is not in the same graph")

	f = newFlow()
	f.task("a")
	f.g.Nodes = append(f.g.Nodes, f.g.Nodes[0])
	_, _, err = f.execute(t, graph.Runner{}, graph.Inputs{})
	require.EqualError(t, err, "node a stands in the graph twice")

	f = newFlow()
	g := f.plain("g", func(*flow) {})
	g.Outputs = []value.Port{{Name: "out", Type: value.Int}}
	_, _, err = f.execute(t, graph.Runner{}, graph.Inputs{})
	require.EqualError(t, err, "group g has no output out in its body")

	// A wire to a node that is not among the Deps is an error of that node, not a hang and no wrong value.
	f = newFlow()
	a = f.task("a")
	b := f.task("b", from(a))
	a.Inputs, b.Deps = b.Inputs, nil
	a.Inputs[0].Sources[0] = of(b)
	b.Deps = []*graph.Node{a}
	_, _, err = f.execute(t, graph.Runner{}, graph.Inputs{})
	require.EqualError(t, err, "a: input 0: b has not ended: the wire to its out is missing in Deps")
}

func TestResultKeepsTheFirstFailures(t *testing.T) {
	f, _ := chain(lit(ints(make([]int64, 300)...)), onErrorSkip)
	res, _, err := f.execute(t, graph.Runner{Exec: func(context.Context, *graph.Invocation) ([]value.Value, error) {
		return nil, errBoom
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Len(t, res.Failures, 100)
	require.Equal(t, [3]int{0, 300, 300}, [3]int{res.Done, res.Failed, res.Skipped})
}
