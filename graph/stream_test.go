package graph_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// source adds a task whose output out is a stream, and one of the name more where there are two.
func (f *flow) source(id string, opts ...option) *graph.Node {
	return f.task(id, append([]option{func(_ *flow, n *graph.Node) {
		n.Outputs = []value.Port{{Name: "out", Type: "list<int>", Stream: true}, {Name: "more", Type: "list<int>", Stream: true}, {Name: "count", Type: value.Int}}
	}}, opts...)...)
}

// zip adds a group over several lists, of which the body is a task that adds up one element of each.
func (f *flow) zip(id string, srcs ...graph.Source) *graph.Node {
	n := &graph.Node{ID: id, Kind: graph.Each, As: "e"}
	for i, s := range srcs {
		f.dependOn(n, s)
		n.Zip = append(n.Zip, graph.Lane{Name: fmt.Sprint("l", i), Over: s})
	}
	return f.fill(n, func(b *flow) {
		var wires []graph.Source
		for i := range srcs {
			wires = append(wires, b.elem(fmt.Sprint("l", i), value.Int))
		}
		b.out("out", of(b.task("x", in(wires...))))
	}, nil)
}

// pipe is a group over a source, of which the body is one task.
func pipe(opts ...option) (f *flow, p, g *graph.Node) {
	f = newFlow()
	p = f.source("p", opts...)
	g = f.each("g", of(p), func(b *flow) { b.out("out", of(b.task("x", reads(b.elem("value", value.Int), value.Int)))) })
	f.out("list", port(g, "out"))
	f.out("items", of(p))
	return f, p, g
}

// emits gives the ints from 0 to n-1 on the first port, each also on the second one.
func emits(ctx context.Context, inv *graph.Invocation, n int64) ([]value.Value, error) {
	var all []int64
	for i := range n {
		all = append(all, i)
		for port := range 2 {
			if inv.Emit != nil {
				if err := inv.Emit(ctx, port, value.OfInt(i)); err != nil {
					return nil, err
				}
			}
		}
	}
	return []value.Value{ints(all...), ints(all...), value.OfInt(n)}, nil
}

func upTo(from, n int64) []int64 {
	list := []int64{}
	for i := range n {
		list = append(list, from+i)
	}
	return list
}

func TestStreamBeginsWithTheFirstItem(t *testing.T) {
	f, _, _ := pipe()
	seen := make(chan struct{})
	res, l, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "p":
			require.NoError(t, inv.Emit(ctx, 0, value.OfInt(7)))
			<-seen // the element runs, and ends, while the producer runs
			require.NoError(t, inv.Emit(ctx, 0, value.OfInt(8)))
			return []value.Value{ints(7, 8), ints(), value.OfInt(2)}, nil
		case "g[0].x":
			close(seen)
		}
		return gave(sum(inv)), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{8, 9}, numbers(t, output(t, res, "list")))
	require.Equal(t, []int64{7, 8}, numbers(t, output(t, res, "items")))
	require.Equal(t, "running, done", l.of("g"))
	require.Equal(t, 3, res.Done)
}

func TestStreamPushesBack(t *testing.T) {
	for _, inFlight := range []int{1, 2, 64} {
		synctest.Test(t, func(t *testing.T) {
			f, _, _ := pipe()
			var ahead, most atomic.Int64
			res, _, err := f.execute(t, graph.Runner{InFlight: inFlight, Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
				if inv.Path != "p" {
					time.Sleep(time.Second)
					ahead.Add(-1)
					return gave(sum(inv)), nil
				}
				for i := range int64(1000) {
					most.Store(max(most.Load(), ahead.Add(1)))
					if err := inv.Emit(ctx, 0, value.OfInt(i)); err != nil {
						return nil, err
					}
				}
				return []value.Value{ints(upTo(0, 1000)...), ints(), value.OfInt(0)}, nil
			}}, graph.Inputs{})
			require.NoError(t, err)
			require.Equal(t, upTo(1, 1000), numbers(t, output(t, res, "list")))
			require.LessOrEqual(t, most.Load(), int64(64+16+1), "items that wait, elements that run, the one that is given")
		})
	}
}

func TestStreamThatFails(t *testing.T) {
	boom := errors.New("boom")
	var began chan struct{}
	exec := func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "p" {
			for i := range int64(3) {
				if err := inv.Emit(ctx, 0, value.OfInt(i)); err != nil {
					return nil, err
				}
			}
			<-began
			return nil, boom
		}
		if inv.Path == "g[0].x" {
			close(began)
			return gave(1), nil
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f, _, _ := pipe()
	began = make(chan struct{})
	_, l, err := f.execute(t, graph.Runner{Exec: exec}, graph.Inputs{})
	require.ErrorIs(t, err, boom)
	require.Equal(t, "running, failed", l.of("p"))

	f, _, _ = pipe(onErrorSkip)
	began = make(chan struct{})
	res, l, err := f.execute(t, graph.Runner{Exec: exec}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "p failed: boom", cause(res, "list"), "half of a stream is no stream")
	require.Contains(t, l.of("g"), "cancelled (p failed: boom)")
}

// What stands in for a failed producer's list may be another list than its items: such a producer's groups wait for its end.
func TestStreamWithValuesForFailure(t *testing.T) {
	f, p, _ := pipe()
	p.Error.Values = map[string]value.Value{"out": ints(5), "more": ints(), "count": value.OfInt(0)}
	res, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "p" {
			require.Nil(t, inv.Emit)
			return nil, errors.New("boom")
		}
		return gave(sum(inv)), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{6}, numbers(t, output(t, res, "list")))
}

func TestStreamThatIsTriedAgain(t *testing.T) {
	for name, second := range map[string][]int64{"the same": {0, 1, 2, 3, 4}, "others": {0, 9, 2, 3, 4}, "fewer": {0, 1}} {
		f, p, _ := pipe()
		p.Retry.Times = 1
		var ran sync.Map
		began := make(chan struct{})
		res, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
			switch {
			case inv.Path != "p":
				_, twice := ran.LoadOrStore(inv.Path, true)
				require.False(t, twice, "%s ran twice", inv.Path)
				if inv.Path == "g[2].x" {
					close(began)
				}
				return gave(sum(inv)), nil
			case inv.Attempt == 1:
				for i := range int64(3) {
					require.NoError(t, inv.Emit(ctx, 0, value.OfInt(i)))
				}
				<-began
				return nil, errors.New("boom")
			}
			for _, i := range second {
				if err := inv.Emit(ctx, 0, value.OfInt(i)); err != nil {
					return nil, err
				}
			}
			return []value.Value{ints(second...), ints(), value.OfInt(0)}, nil
		}}, graph.Inputs{})
		if name == "the same" {
			require.NoError(t, err)
			require.Equal(t, upTo(1, 5), numbers(t, output(t, res, "list")))
			continue
		}
		require.ErrorContains(t, err, "p gave other items while it ran than in the end", name)
	}
}

// A producer from the cache gives its list at once, one that gives fewer items on the way than in the end the rest of them then.
func TestStreamThatIsAListInTheEnd(t *testing.T) {
	for _, given := range []int64{0, 1, 70, 200} {
		f, _, _ := pipe()
		res, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
			if inv.Path != "p" {
				return gave(sum(inv)), nil
			}
			for i := range given {
				require.NoError(t, inv.Emit(ctx, 0, value.OfInt(i)))
			}
			return []value.Value{ints(upTo(0, 200)...), ints(), value.OfInt(0)}, nil
		}}, graph.Inputs{})
		require.NoError(t, err)
		require.Equal(t, upTo(1, 200), numbers(t, output(t, res, "list")))
	}
}

// Somebody else waits for the producer: it gives up waiting for the group, which takes the rest from the list.
func TestStreamThatOthersWaitFor(t *testing.T) {
	f, _, _ := pipe()
	hold, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	res, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path != "p" {
			<-ended
			return gave(sum(inv)), nil
		}
		for i := range int64(500) {
			if i == 60 {
				time.AfterFunc(time.Millisecond, cancel)
			}
			require.NoError(t, inv.Emit(hold, 0, value.OfInt(i)))
		}
		close(ended)
		return []value.Value{ints(upTo(0, 500)...), ints(), value.OfInt(0)}, nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, upTo(1, 500), numbers(t, output(t, res, "list")))
}

// Producers that would wait for each other, or for themselves, do not: the list helps.
func TestStreamsNeverWaitForThemselves(t *testing.T) {
	const n = 400
	one := func(ctx context.Context, inv *graph.Invocation, first, second int) ([]value.Value, error) {
		for _, port := range []int{first, second} {
			for i := range int64(n) {
				if inv.Emit != nil {
					if err := inv.Emit(ctx, port, value.OfInt(i)); err != nil {
						return nil, err
					}
				}
			}
		}
		return []value.Value{ints(upTo(0, n)...), ints(upTo(0, n)...), value.OfInt(n)}, nil
	}
	flows := map[string]func(f *flow){
		"both ports of one": func(f *flow) {
			p := f.source("p")
			f.out("list", port(f.zip("g", of(p), port(p, "more")), "out"))
		},
		"two of two, crosswise": func(f *flow) {
			p, q := f.source("p"), f.source("q")
			g, h := f.zip("g", of(p), of(q)), f.zip("h", port(p, "more"), port(q, "more"))
			f.out("list", port(g, "out"))
			f.out("other", port(h, "out"))
		},
		"groups that wait for each other's producers": func(f *flow) {
			p, q := f.source("p"), f.source("q")
			a := f.task("a", reads(port(p, "count"), value.Int))
			b := f.task("b", reads(port(q, "count"), value.Int))
			g := f.each("g", of(p), func(body *flow) { body.out("out", of(body.task("x", in(body.elem("value", value.Int), of(b))))) })
			h := f.each("h", of(q), func(body *flow) { body.out("out", of(body.task("x", in(body.elem("value", value.Int), of(a))))) })
			f.out("list", port(g, "out"))
			f.out("other", port(h, "out"))
		},
		"a group that needs its producer's end": func(f *flow) {
			p := f.source("p")
			g := f.each("g", of(p), func(body *flow) {
				body.out("out", of(body.task("x", in(body.elem("value", value.Int), port(p, "count")))))
			})
			f.out("list", port(g, "out"))
		},
		"a group that needs it by another node": func(f *flow) {
			p := f.source("p")
			a := f.task("a", reads(of(p), "list<int>"))
			g := f.each("g", of(p), func(body *flow) { body.out("out", of(body.task("x", in(body.elem("value", value.Int), of(a))))) })
			f.out("list", port(g, "out"))
		},
	}
	for name, build := range flows {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				f := newFlow()
				build(f)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				res, _, err := f.executeIn(ctx, t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
					switch inv.Path {
					case "p":
						return one(ctx, inv, 0, 1)
					case "q":
						return one(ctx, inv, 1, 0)
					}
					return gave(sum(inv)), nil
				}}, graph.Inputs{})
				cancel()
				require.NoError(t, err)
				require.Len(t, numbers(t, output(t, res, "list")), n)
			}
		})
	}
}

// Whatever ends where, the run ends, leaves nothing behind, and gives what it would give without streams.
func TestStreamHammer(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		n, fails, cancels := rnd.Int64N(300), rnd.IntN(4) == 0, rnd.IntN(4) == 0
		at, inFlight := rnd.Int64N(300), 1+rnd.IntN(8)
		f := newFlow()
		p, q := f.source("p"), f.source("q")
		if rnd.IntN(2) == 0 {
			q.Retry.Times = 1
		}
		g := f.zip("g", of(p), of(q), port(p, "more"))
		h := f.each("h", of(q), func(b *flow) { b.out("out", of(b.task("x", reads(b.elem("value", value.Int), value.Int)))) }, parallel(1+rnd.IntN(40)))
		k := f.zip("k", port(g, "out"), port(h, "out"))
		f.out("list", port(k, "out"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		var calls atomic.Int64
		res, _, err := f.executeIn(ctx, t, graph.Runner{InFlight: inFlight, Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
			if cancels && calls.Add(1) > at {
				cancel()
			}
			switch {
			case inv.Path == "q" && fails && inv.Attempt == 1:
				if _, err := emits(ctx, inv, min(at, n)); err != nil {
					return nil, err
				}
				return nil, errors.New("boom")
			case inv.Path == "p" || inv.Path == "q":
				return emits(ctx, inv, n)
			}
			return gave(sum(inv)), nil
		}}, graph.Inputs{})
		require.NotErrorIs(t, ctx.Err(), context.DeadlineExceeded, "seed %d hangs", seed)
		cancel()
		switch {
		case cancels && err != nil:
		case fails && q.Retry.Times == 0:
			require.ErrorContains(t, err, "boom")
		default:
			require.NoError(t, err, "seed %d", seed)
			want := []int64{}
			for i := range n {
				want = append(want, 1+(1+3*i)+(1+i))
			}
			require.Equal(t, want, numbers(t, output(t, res, "list")))
		}
	}
}
