package graph_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

var errBoom = errors.New("boom")

// failing makes the tasks of these paths fail.
func failing(paths ...string) func(context.Context, *graph.Invocation) ([]value.Value, error) {
	bad := map[string]bool{}
	for _, p := range paths {
		bad[p] = true
	}
	return func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if bad[inv.Path] {
			return nil, errBoom
		}
		return gave(sum(inv)), nil
	}
}

func TestOnErrorSkip(t *testing.T) {
	// a fails and is skipped, and so are b and c behind it; d, which only comes after a, runs, and so does e.
	f := newFlow()
	a := f.task("a", onErrorSkip)
	b := f.task("b", from(a))
	c := f.task("c", from(b))
	d := f.task("d", after(a))
	e := f.task("e")
	f.out("c", of(c))
	f.out("sum", of(f.task("f", from(d, e))))
	res, l, err := f.execute(t, graph.Runner{Exec: failing("a")}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "skipped (a failed: boom)", l.of("b"))
	require.Equal(t, "skipped (a failed: boom)", l.of("c"))
	require.Equal(t, "running, done", l.of("d"))
	require.Equal(t, "a failed: boom", cause(res, "c"))
	require.EqualValues(t, 3, number(output(t, res, "sum")))
	require.Len(t, res.Failures, 1)
	require.True(t, res.Failures[0].Handled)
}

func TestOnErrorValues(t *testing.T) {
	f := newFlow()
	a := f.task("a", onError(value.OfInt(40)))
	f.out("b", of(f.task("b", from(a))))
	res, l, err := f.execute(t, graph.Runner{Exec: failing("a")}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 41, number(output(t, res, "b")))
	require.Equal(t, "running, failed", l.of("a"))
	require.Equal(t, 1, res.Failed)
}

func TestIfNotTakenSkipsWhatHangsOnIt(t *testing.T) {
	// no is not taken: b and its dependant c are skipped; d only comes after b.
	f := newFlow()
	no, yes := lit(value.OfBool(false)), lit(value.OfBool(true))
	b := f.task("b", when(no))
	c := f.task("c", from(b))
	f.task("d", after(b))
	f.task("e", when(yes))
	g := f.task("g", when(of(c)))
	f.out("c", of(c))
	f.out("g", of(g))
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "skipped (b was not taken)", l.of("b"))
	require.Equal(t, "skipped (b was not taken)", l.of("c"))
	require.Equal(t, "skipped (b was not taken)", l.of("g"))
	require.Equal(t, "running, done", l.of("d"))
	require.Equal(t, "running, done", l.of("e"))
	require.Equal(t, "b was not taken", cause(res, "g"))
}

func TestIfTakesWhatIsTruthy(t *testing.T) {
	k := &vault{}
	cases := map[string]struct {
		v     value.Value
		taken bool
	}{
		"zero":              {value.OfInt(0), false},
		"number":            {value.OfFloat(0.5), true},
		"empty text":        {value.OfString(""), false},
		"empty list":        {ints(), false},
		"list":              {ints(0), true},
		"stored bytes":      {k.put(value.Bytes, []byte("x")), true},
		"stored nothing":    {k.put(value.Bytes, []byte{}), false},
		"stored empty list": {k.put("list<int>", value.EncodeList(nil)), false},
		"stored list":       {k.put("list<int>", value.EncodeList([][]byte{make([]byte, 8)})), true},
		"large, not loaded": {value.Stored("json", value.Digest{1}, 1<<30), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFlow()
			f.task("a", when(lit(c.v)))
			res, _, err := f.execute(t, graph.Runner{Open: k.open}, graph.Inputs{})
			require.NoError(t, err)
			require.Equal(t, c.taken, res.Done == 1)
		})
	}
}

func TestRetryDoublesTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow()
		f.out("a", of(f.task("a", retrying(3, time.Second))))
		var starts []time.Duration
		begin := time.Now()
		l := &trace{}
		res, err := graph.Run(t.Context(), f.g, graph.Inputs{}, graph.Runner{
			After:   func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop },
			Observe: l.observe,
			Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
				starts = append(starts, time.Since(begin))
				if inv.Attempt <= 3 {
					return nil, errBoom
				}
				return gave(int64(inv.Attempt)), nil
			},
		})
		require.NoError(t, err)
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}, starts)
		require.EqualValues(t, 4, number(output(t, res, "a")))
		require.Equal(t, "running, retrying, running, retrying, running, retrying, running, done", l.of("a"))
		require.Empty(t, res.Failures)
	})
}

func retrying(times int, wait time.Duration) option {
	return func(_ *flow, n *graph.Node) { n.Retry = graph.Retry{Times: times, Wait: wait} }
}

func TestRetryGivesUp(t *testing.T) {
	f := newFlow()
	f.task("a", retrying(2, 0))
	calls := 0
	_, l, err := f.execute(t, graph.Runner{Exec: func(context.Context, *graph.Invocation) ([]value.Value, error) {
		calls++
		return nil, errBoom
	}}, graph.Inputs{})
	require.ErrorIs(t, err, errBoom)
	require.Equal(t, 3, calls)
	require.Equal(t, "running, retrying, running, retrying, running, failed", l.of("a"))
}

// A node that waits for its next attempt is ended when the run is, and holds no slot while it waits.
func TestRetryEndsWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f := newFlow()
		for _, id := range []string{"a", "b", "c"} {
			f.task(id, retrying(5, time.Hour))
		}
		l := &trace{}
		begin := time.Now()
		_, err := graph.Run(ctx, f.g, graph.Inputs{}, graph.Runner{
			After:    func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop },
			Observe:  l.observe,
			InFlight: 1,
			Exec:     func(context.Context, *graph.Invocation) ([]value.Value, error) { return nil, errBoom },
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(begin))
		for _, id := range []string{"a", "b", "c"} {
			require.Equal(t, "running, retrying, cancelled (the run was cancelled: context deadline exceeded)", l.of(id))
		}
	})
}

// The timer fires while the run is being stopped: the node must still end, once.
func TestRetryTimerRacesWithTheEnd(t *testing.T) {
	f := newFlow()
	f.task("a", retrying(1, time.Second))
	f.task("b")
	var fire func()
	armed, fired := make(chan struct{}), make(chan struct{})
	_, l, err := f.execute(t, graph.Runner{
		After: func(_ time.Duration, f func()) func() bool {
			fire = f
			close(armed)
			return func() bool { // too late to stop it: it fires now
				go func() { defer close(fired); fire() }()
				return false
			}
		},
		Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
			if inv.Path == "b" {
				<-armed
			}
			return nil, errors.New(inv.Path)
		},
	}, graph.Inputs{})
	<-fired
	require.EqualError(t, err, "b: b")
	require.Equal(t, "running, retrying, cancelled (b failed: b)", l.of("a"))
}

// The node's own context.Canceled, while the run goes on, is a failure like any other.
func TestForeignCancellationIsAFailure(t *testing.T) {
	f := newFlow()
	f.task("a", retrying(1, 0))
	_, l, err := f.execute(t, graph.Runner{Exec: func(context.Context, *graph.Invocation) ([]value.Value, error) {
		return nil, context.Canceled
	}}, graph.Inputs{})
	require.EqualError(t, err, "a: context canceled")
	require.Equal(t, "running, retrying, running, failed", l.of("a"))
}
