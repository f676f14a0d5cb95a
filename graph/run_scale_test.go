package graph_test

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

func line(n int) *flow {
	f := newFlow()
	prev := f.task("n0", from())
	for i := 1; i < n; i++ {
		prev = f.task(fmt.Sprint("n", i), from(prev))
	}
	f.out("last", of(prev))
	return f
}

func wide(n int) *flow {
	f := newFlow()
	first := f.task("first", from())
	all := make([]graph.Source, n)
	for i := range all {
		all[i] = of(f.task(fmt.Sprint("n", i), from(first)))
	}
	// Deps are known to be different: no search.
	last := f.task("last")
	for _, src := range all {
		last.Deps = append(last.Deps, src.Node)
	}
	last.Inputs = []graph.Input{{Sources: all, Collect: true, Type: "list<int>"}}
	f.out("last", of(last))
	return f
}

func TestRunOf100000Nodes(t *testing.T) {
	const n = 100_000
	k := &vault{}
	res, _, err := line(n).execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, n, number(output(t, res, "last")))
	res, _, err = wide(n).execute(t, graph.Runner{Save: k.save}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, n+2, res.Done)

	// The cascade of skipped nodes is as long as the graph, and no deeper than a queue.
	f := line(n)
	f.g.Nodes[0].Error.Skip = true
	res, _, err = f.execute(t, graph.Runner{Exec: failing("n0")}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, n-1, res.Skipped)
	f.g.Nodes[0].Error.Skip = false
	res, _, err = f.execute(t, graph.Runner{Exec: failing("n0")}, graph.Inputs{})
	require.EqualError(t, err, "n0: boom")
	require.Equal(t, n-1, res.Skipped)
}

// Outputs that nobody will read any more are let go: what is alive in a chain of large values is not the chain.
func TestRunLetsGoOfOutputs(t *testing.T) {
	const n, size = 1000, 100 << 10
	f := newFlow()
	prev := f.task("n0", gives(value.Bytes))
	for i := 1; i < n; i++ {
		prev = f.task(fmt.Sprint("n", i), gives(value.Bytes), reads(of(prev), value.Bytes))
	}
	f.out("last", of(prev))
	var alive uint64
	_, err := graph.Run(t.Context(), f.g, graph.Inputs{}, graph.Runner{Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "n990" {
			alive = heap()
		}
		return []value.Value{value.Loaded(value.Bytes, value.Digest{}, make([]byte, size))}, nil
	}})
	require.NoError(t, err)
	require.Less(t, alive, uint64(n*size/2))
}

func heap() uint64 {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fiveNodes is the group of the 10,000 elements: five tasks in each, and a text from each.
func fiveNodes(src graph.Source) *flow {
	f := newFlow()
	g := f.each("g", src, func(b *flow) {
		x := b.task("a", reads(b.elem("index", value.Int), value.Int))
		for _, id := range []string{"b", "c", "d"} {
			x = b.task(id, from(x))
		}
		b.out("text", of(b.task("e", gives(value.String), from(x))))
	})
	f.out("text", port(g, "text"))
	return f
}

func execFive(text string) func(context.Context, *graph.Invocation) ([]value.Value, error) {
	return func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Node.ID == "e" {
			return []value.Value{value.OfString(text)}, nil
		}
		return gave(sum(inv)), nil
	}
}

func manyFiles(n int) []value.FileRef {
	files := make([]value.FileRef, n)
	for i := range files {
		files[i] = value.FileRef{Path: fmt.Sprintf("in/%05d.txt", i), Size: 1}
	}
	return files
}

// 10,000 elements over five nodes: 50,000 invocations, 80 MiB of values that are collected, and never more memory than half of
// that: up to 16 MiB wait behind a slow element, and on a busy machine any may be slow.
func TestEachOf10000ElementsIsFlat(t *testing.T) {
	const n = 10_000
	f := fiveNodes(trigger("files", "list<file>"))
	text := strings.Repeat("x", 8<<10)
	files := manyFiles(n)
	var saved atomic.Int64
	var mu sync.Mutex
	var calls int
	var most, base uint64
	exec := execFive(text)
	res, err := graph.Run(t.Context(), f.g, graph.Inputs{Files: files}, graph.Runner{
		Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
			mu.Lock()
			if calls++; calls == 1000 {
				base = heap()
			} else if calls%10_000 == 0 {
				most = max(most, heap())
			}
			mu.Unlock()
			return exec(ctx, inv)
		},
		Save: func(_ context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error) {
			size := int64(len(prefix))
			for _, p := range parts {
				size += p.Size
			}
			saved.Add(1)
			return value.Stored(t, value.Digest{1}, size), nil
		},
	})
	require.NoError(t, err)
	require.Equal(t, 5*n, res.Done)
	require.Equal(t, 5*n, calls)
	require.EqualValues(t, 8+n*8+n<<13, output(t, res, "text").Size)
	require.Less(t, saved.Load(), int64(100))
	require.Less(t, int64(most)-int64(base), int64(40<<20))
}

// Items around the size from which they are kept elsewhere, in one list: pieces of it are saved, some of which come back with
// their bytes, and the list is what it should be.
func TestLongListsAreBuiltInPieces(t *testing.T) {
	k := &vault{}
	var items []graph.Source
	var want [][]byte
	for i := range 200 {
		b := make([]byte, i*1000)
		b = append(b, byte(i))
		want = append(want, b)
		if len(b) > value.InlineMax {
			items = append(items, lit(k.put(value.Bytes, b)))
		} else {
			items = append(items, lit(value.OfBytes(b)), lit(k.put(value.Bytes, b)))
			want = append(want, b)
		}
	}
	f := newFlow()
	f.task("a", func(_ *flow, n *graph.Node) {
		n.Inputs = []graph.Input{{Sources: items, Collect: true, Type: "list<bytes>"}}
	})
	s := &seen{}
	_, _, err := f.execute(t, graph.Runner{Exec: s.exec, Open: k.open, Save: func(ctx context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error) {
		if len(parts) == 0 && len(prefix) <= value.InlineMax {
			return value.New(ctx, t, prefix)
		}
		return k.save(ctx, t, prefix, parts)
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, value.Sum(value.EncodeList(want)), s.got["a"][0].Digest)
	require.Greater(t, k.saves, 0)
}

// Many runs at once, failing, cancelled, retried: under -race this is the test of the lock.
func TestRunHammer(t *testing.T) {
	rows, err := value.FromJSON("list<list<int>>", []byte("[[1,2,3],[4,5],[],[6,7,8,9]]"))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for round := range 25 {
				f := newFlow()
				a := f.task("a", retrying(2, 1))
				g := f.each("g", lit(rows), func(b *flow) {
					h := b.each("h", b.elem("", "list<int>"), func(c *flow) {
						x := c.task("x", in(c.elem("", value.Int), of(a)), retrying(1, 1))
						c.out("out", of(c.task("y", from(x), onErrorSkip)))
					}, parallel(2))
					b.out("out", port(h, "out"))
				}, onErrorSkip)
				f.out("out", port(g, "out"))
				f.task("z", from(a))
				hammer(t, f, k, round)
			}
		})
	}
	wg.Wait()
}

func hammer(t *testing.T, f *flow, k, round int) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int32
	seen := 0
	_, err := graph.Run(ctx, f.g, graph.Inputs{}, graph.Runner{
		InFlight: 1 + k,
		Observe:  func(graph.Event) { seen++ }, // the race detector sees whether two call it
		After: func(_ time.Duration, f func()) func() bool {
			go f()
			return func() bool { return false }
		},
		Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
			n := int(calls.Add(1))
			switch {
			case n%7 == k%7:
				return nil, errBoom
			case round%3 == 0 && n == 5+k:
				cancel()
			case n%5 == 0:
				goruntime.Gosched()
			}
			return gave(sum(inv)), ctx.Err()
		},
	})
	var re *graph.RunError
	if err != nil && !errors.As(err, &re) && !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if seen == 0 {
		t.Error("nothing was observed")
	}
}

func execNothing(context.Context, *graph.Invocation) ([]value.Value, error) { return one, nil }

var one = gave(1)

// BenchmarkRun is the cost of a node of which the work is nothing, in time and memory, by the number of nodes.
func BenchmarkRun(b *testing.B) {
	k := &vault{}
	for name, build := range map[string]func(int) *flow{"line": line, "wide": wide} {
		for _, n := range []int{100, 1000, 10_000, 100_000} {
			f := build(n)
			perNode(b, fmt.Sprintf("%s/%d", name, n), n, func() error {
				_, err := graph.Run(b.Context(), f.g, graph.Inputs{}, graph.Runner{Exec: execNothing, Save: k.save})
				return err
			})
		}
	}
	for _, n := range []int{20, 200, 2000, 20_000} {
		f, files, exec := fiveNodes(trigger("files", "list<file>")), manyFiles(n), execFive("x")
		perNode(b, fmt.Sprintf("each/%d", 5*n), 5*n, func() error {
			_, err := graph.Run(b.Context(), f.g, graph.Inputs{Files: files}, graph.Runner{Exec: exec, Save: k.save})
			return err
		})
	}
}

func perNode(b *testing.B, name string, nodes int, run func() error) {
	b.Run(name, func(b *testing.B) {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		for b.Loop() {
			if err := run(); err != nil {
				b.Fatal(err)
			}
		}
		goruntime.ReadMemStats(&after)
		total := float64(b.N) * float64(nodes)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/total, "ns/node")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/total, "B/node")
		b.ReportMetric(0, "ns/op")
	})
}
