package graph_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// asks is an Exec for which nodes named ask wait until they are answered; the answer is what they give.
func asks(answers map[string]int64) graph.Runner {
	return graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if !strings.HasPrefix(inv.Node.ID, "ask") {
			return gave(sum(inv)), nil
		}
		if n, ok := answers[inv.Path]; ok {
			return gave(n), nil
		}
		return nil, fmt.Errorf("wrapped: %w", &graph.Suspend{Reason: "how many?"})
	}}
}

// Everything that does not hang on the question goes on; what does is skipped, also where it only comes after.
//
//	a -> ask -> b -> c     ask -after-> d     a -> e
func TestRunSuspends(t *testing.T) {
	f := newFlow()
	a := f.task("a")
	ask := f.task("ask", from(a))
	c := f.task("c", from(f.task("b", from(ask))))
	f.task("d", after(ask))
	e := f.task("e", from(a))
	f.task("guarded", when(of(ask)))
	f.out("c", of(c))
	f.out("e", of(e))
	res, l, err := f.execute(t, asks(nil), graph.Inputs{})
	var waits *graph.SuspendedError
	require.ErrorAs(t, err, &waits)
	require.Equal(t, 1, waits.Total)
	require.Equal(t, "ask", waits.Waits[0].Path)
	require.Equal(t, "ask waits: how many?", err.Error())
	require.Empty(t, res.Outputs)
	require.Equal(t, "running, suspended", l.of("ask"))
	require.Equal(t, "running, done", l.of("e"))
	for _, id := range []string{"b", "c", "d", "guarded"} {
		require.Equal(t, "skipped (ask waits: how many?)", l.of(id), id)
	}
	require.Equal(t, graph.Result{Done: 2, Skipped: 4, Suspended: 1}, *res)

	res, _, err = f.execute(t, asks(map[string]int64{"ask": 40}), graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 42, number(output(t, res, "c")))
}

func TestEachSuspendsAsAWholeButItsOtherElementsGoOn(t *testing.T) {
	build := func(opts ...option) *flow {
		f := newFlow()
		g := f.each("g", lit(ints(1, 2, 3)), func(body *flow) {
			odd := body.task("ask", in(body.elem("", value.Int)))
			body.out("n", of(body.task("n", from(odd))))
		}, opts...)
		f.task("late", after(g))
		f.out("n", port(g, "n"))
		return f
	}
	answers := map[string]int64{"g[0].ask": 10, "g[2].ask": 30}
	for _, opts := range [][]option{nil, {onErrorSkip}} {
		res, l, err := build(opts...).execute(t, asks(answers), graph.Inputs{})
		var waits *graph.SuspendedError
		require.ErrorAs(t, err, &waits)
		require.Len(t, waits.Waits, 1)
		require.Equal(t, "g[1].ask", waits.Waits[0].Path)
		require.Equal(t, "running, done", l.of("g[0].n"))
		require.Equal(t, "running, done", l.of("g[2].n"))
		require.Equal(t, "skipped (g[1].ask waits: how many?)", l.of("g[1].n"))
		require.Equal(t, "running, suspended", l.of("g"))
		require.Equal(t, "skipped (g[1].ask waits: how many?)", l.of("late"))
		require.Empty(t, res.Outputs)
	}
	answers["g[1].ask"] = 20
	res, _, err := build().execute(t, asks(answers), graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{11, 21, 31}, numbers(t, output(t, res, "n")))
}

func TestSuspendedInAPlainGroupInAGroup(t *testing.T) {
	f := newFlow()
	outer := f.plain("outer", func(body *flow) {
		inner := body.plain("inner", func(body *flow) {
			body.out("n", of(body.task("ask")))
			body.task("other")
		})
		body.out("n", of(body.task("n", in(port(inner, "n")))))
	})
	f.out("n", port(outer, "n"))
	_, l, err := f.execute(t, asks(nil), graph.Inputs{})
	var waits *graph.SuspendedError
	require.ErrorAs(t, err, &waits)
	require.Equal(t, "outer.inner.ask", waits.Waits[0].Path)
	require.Equal(t, "running, done", l.of("outer.inner.other"))
	require.Equal(t, "running, suspended", l.of("outer.inner"))
	require.Equal(t, "running, suspended", l.of("outer"))
	res, _, err := f.execute(t, asks(map[string]int64{"outer.inner.ask": 1}), graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 2, number(output(t, res, "n")))
}

// A failure is the run's end, whoever waits; so is its cancellation.
func TestFailureAndCancellationWinOverSuspension(t *testing.T) {
	f := newFlow()
	f.task("ask")
	f.task("bad")
	r := asks(nil)
	gone := make(chan struct{})
	exec := r.Exec
	r.Exec = func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "bad" {
			<-gone
			return nil, errors.New("no")
		}
		defer close(gone)
		return exec(ctx, inv)
	}
	_, _, err := f.execute(t, r, graph.Inputs{})
	require.EqualError(t, err, "bad: no")

	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	r.Exec = func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		cancel(why)
		return nil, &graph.Suspend{Reason: "x"}
	}
	_, _, err = f.executeIn(ctx, t, r, graph.Inputs{})
	require.ErrorIs(t, err, why)
}

func TestManyQuestionsAreCounted(t *testing.T) {
	f := newFlow()
	for i := range 250 {
		f.task(fmt.Sprintf("ask%d", i))
	}
	_, _, err := f.execute(t, asks(nil), graph.Inputs{})
	var waits *graph.SuspendedError
	require.ErrorAs(t, err, &waits)
	require.Equal(t, 250, waits.Total)
	require.Len(t, waits.Waits, 100)
	require.Contains(t, err.Error(), "250 nodes wait, ask")
}

// A turn that waits is the last for now; answered, the loop goes on from the first, whose questions are answered already.
func TestRepeatSuspendsInATurn(t *testing.T) {
	f := newFlow()
	n := &graph.Node{ID: "loop", Kind: graph.Repeat, As: "turn", Repeat: &graph.Turns{Max: 3}}
	loop := f.fill(n, func(body *flow) {
		ask := body.task("ask", in(body.elem("sum", value.Int)))
		next := body.task("next", in(of(ask), body.elem("sum", value.Int)))
		src := of(next)
		n.Repeat.Carry = []graph.Carry{{Name: "sum", From: lit(value.OfInt(0)), Next: &src, Type: value.Int}}
		body.g.Outputs = append(body.g.Outputs, graph.Output{Name: "n", From: of(next)})
		n.Outputs = append(n.Outputs, value.Port{Name: "n", Type: value.Int})
	}, nil)
	f.out("n", port(loop, "n"))
	answers := map[string]int64{}
	for i, want := range []string{"loop[0].ask", "loop[1].ask", "loop[2].ask"} {
		_, l, err := f.execute(t, asks(answers), graph.Inputs{})
		var waits *graph.SuspendedError
		require.ErrorAs(t, err, &waits)
		require.Equal(t, 1, waits.Total)
		require.Equal(t, want, waits.Waits[0].Path)
		require.Empty(t, l.of(fmt.Sprintf("loop[%d].ask", i+1)), "no turn after the one that waits")
		answers[want] = int64(10 * (i + 1))
	}
	res, _, err := f.execute(t, asks(answers), graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 63, number(output(t, res, "n")))
}
