package graph_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// What the second group has not taken up when the first has ended is read from the list, pieces of which are kept elsewhere.
func TestEachOverEachThatIsSlow(t *testing.T) {
	const n = 600
	k := &vault{}
	f := newFlow()
	g := f.each("g", trigger("files", "list<file>"), func(b *flow) {
		b.out("text", of(b.task("x", gives(value.String), reads(b.elem("index", value.Int), value.Int))))
		b.out("file", b.elem("", value.File))
	}, parallel(64))
	h := f.zip("h", port(g, "text"), port(g, "file"))
	h.Body.Nodes[0].Inputs = nil
	body := &flow{g: h.Body, owns: map[*graph.Node]bool{}, group: h, outer: f}
	reads(body.elem("l0", value.String), value.String)(body, h.Body.Nodes[0])
	reads(body.elem("l1.name", value.String), value.String)(body, h.Body.Nodes[0])
	f.out("list", of(h))
	var left sync.WaitGroup
	left.Add(n)
	var opened atomic.Int64
	text := func(i int64) string { return strings.Repeat(fmt.Sprint(i%10), int(i*i)%(2*value.InlineMax)) }
	res, _, err := f.execute(t, graph.Runner{
		Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
			if inv.Node.Site == "g.x" {
				defer left.Done()
				i := number(inv.Inputs[0])
				if len(text(i)) > value.InlineMax {
					return []value.Value{k.put(value.String, []byte(text(i)))}, nil
				}
				return []value.Value{value.OfString(text(i))}, nil
			}
			left.Wait()
			var i int64
			_, err := fmt.Sscanf(inv.Path, "h[%d].x", &i)
			require.NoError(t, err)
			require.Equal(t, value.Sum([]byte(text(i))), inv.Inputs[0].Digest, i)
			name, _ := inv.Inputs[1].Inline()
			require.Equal(t, fmt.Sprintf("%05d.txt", i), string(name))
			return gave(i), nil
		},
		Open: func(ctx context.Context, v value.Value) (io.ReaderAt, error) {
			opened.Add(1)
			return k.open(ctx, v)
		},
		Save: k.save,
	}, graph.Inputs{Files: manyFiles(n)})
	require.NoError(t, err)
	require.Equal(t, upTo(0, n), numbers(t, output(t, res, "list")))
	require.NotZero(t, opened.Load())
	require.Less(t, opened.Load(), int64(n), "a piece is opened once for many items")
}

// A late element is not kept from starting by all that wait behind it.
func TestEachOverEachBehindALateElement(t *testing.T) {
	const n = 4000
	f := newFlow()
	g := f.over("g", trigger("files", "list<file>"), parallel(4))
	g.Body.Nodes[0].Inputs = nil
	h := f.each("h", of(g), func(b *flow) {
		b.out("out", of(b.task("x", gives(value.Bytes), reads(b.elem("value", value.Int), value.Int))))
	})
	f.out("list", of(h))
	var many sync.WaitGroup
	many.Add(1000)
	var ran atomic.Int64
	k := &vault{}
	res, _, err := f.execute(t, graph.Runner{Save: k.save, Open: k.open, Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch {
		case inv.Path == "g[0].x":
			many.Wait()
		case inv.Node.Site == "h.x":
			if ran.Add(1) <= 1000 {
				many.Done()
			}
			return []value.Value{value.OfBytes(make([]byte, 32<<10))}, nil
		}
		return gave(1), nil
	}}, graph.Inputs{Files: manyFiles(n)})
	require.NoError(t, err)
	require.Equal(t, 2*n, res.Done)
}

// Chains and joins of groups, of which elements fail, are left out or are cancelled: whatever ends where, the run ends, leaves
// nothing behind, and gives what it would give one after the other.
func TestEachOverEachHammer(t *testing.T) {
	for seed := range uint64(150) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		n := rnd.Int64N(200)
		f := newFlow()
		lost := rnd.IntN(2) == 0
		var opts []option
		if lost {
			opts = append(opts, onErrorSkip)
		}
		wide := func() option { return parallel(1 + rnd.IntN(40)) }
		g := f.over("g", lit(ints(upTo(0, n)...)), append(opts, wide())...)
		h := f.over("h", of(g), wide())
		k := f.over("k", of(g), wide())
		z := f.zip("z", of(h), of(k), of(g))
		y := f.over("y", of(z), wide())
		f.out("list", of(y))
		f.task("count", reads(of(g), "list<int>"))
		cancelAt, fails := int64(-1), rnd.Int64N(7)+2
		if rnd.IntN(4) == 0 {
			cancelAt = rnd.Int64N(5*n + 1)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		var calls atomic.Int64
		res, _, err := f.executeIn(ctx, t, graph.Runner{InFlight: 1 + rnd.IntN(12), Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
			if calls.Add(1) == cancelAt {
				cancel()
			}
			if inv.Node.Site == "g.x" && lost && number(inv.Inputs[0])%fails == 0 {
				return nil, errBoom
			}
			return gave(sum(inv)), nil
		}}, graph.Inputs{})
		require.NotErrorIs(t, ctx.Err(), context.DeadlineExceeded, "seed %d hangs", seed)
		cancel()
		if cancelAt > 0 && err != nil {
			continue
		}
		require.NoError(t, err, "seed %d", seed)
		want := []int64{}
		for i := range n {
			if !lost || i%fails != 0 {
				want = append(want, 1+1+(i+2)+(i+2)+(i+1))
			}
		}
		require.Equal(t, want, numbers(t, output(t, res, "list")), "seed %d", seed)
	}
}

// letters are bytes of which each is an x.
type letters struct{}

func (letters) ReadAt(p []byte, _ int64) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// 10,000 elements over five nodes, and 10,000 over five more on what those gave: never more memory than half of that, whether the
// second group keeps up or begins when the first has ended.
func TestEachOverEachOf10000ElementsIsFlat(t *testing.T) {
	const n = 10_000
	for _, late := range []bool{false, true} {
		f := fiveNodes(trigger("files", "list<file>"))
		h := f.each("h", port(f.g.Nodes[0], "text"), func(b *flow) {
			x := b.task("a", gives(value.String), reads(b.elem("value", value.String), value.String))
			for _, id := range []string{"b", "c", "d", "e"} {
				x = b.task(id, gives(value.String), reads(of(x), value.String))
			}
			b.out("text", of(x))
		})
		f.out("more", port(h, "text"))
		var first sync.WaitGroup
		if late {
			first.Add(n)
		}
		var mu sync.Mutex
		var calls int
		var most, base uint64
		exec := execFive(strings.Repeat("x", 8<<10))
		res, err := graph.Run(t.Context(), f.g, graph.Inputs{Files: manyFiles(n)}, graph.Runner{
			Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
				mu.Lock()
				if calls++; calls == 1000 {
					base = heap()
				} else if calls%10_000 == 0 {
					most = max(most, heap())
				}
				mu.Unlock()
				switch {
				case inv.Node.Site[0] == 'h':
					first.Wait()
					return inv.Inputs, nil
				case inv.Node.ID == "e" && late:
					defer first.Done()
				}
				return exec(ctx, inv)
			},
			Open: func(context.Context, value.Value) (io.ReaderAt, error) { return letters{}, nil },
			Save: func(_ context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error) {
				size := int64(len(prefix))
				for _, p := range parts {
					size += p.Size
				}
				return value.Stored(t, value.Digest{1}, size), nil
			},
		})
		require.NoError(t, err)
		require.Equal(t, 10*n, res.Done)
		require.EqualValues(t, 8+n*8+n<<13, output(t, res, "more").Size)
		require.Less(t, int64(most)-int64(base), int64(80<<20))
		t.Logf("late %v: %d KiB more than after 1000 nodes", late, (int64(most)-int64(base))>>10)
	}
}

// Any graph of nodes that give items, groups over their lists and over each other's, and nodes that need whole lists: it ends, with
// what it would give one node after the other.
func TestStreamsOfAnyShape(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		n := rnd.Int64N(250)
		f := newFlow()
		type made struct {
			src  graph.Source
			want []int64
		}
		lists := []made{{lit(ints(upTo(5, n)...)), upTo(5, n)}}
		for i := range 1 + rnd.IntN(3) {
			p := f.source(fmt.Sprint("p", i))
			lists = append(lists, made{of(p), upTo(0, n)}, made{port(p, "more"), upTo(0, n)})
		}
		var whole []graph.Source
		var sums []int64
		for i := range 2 + rnd.IntN(8) {
			if rnd.IntN(5) == 0 {
				l := lists[rnd.IntN(len(lists))]
				whole = append(whole, of(f.task(fmt.Sprint("t", i), reads(l.src, "list<int>"))))
				total := int64(1)
				for _, v := range l.want {
					total += v
				}
				sums = append(sums, total)
				continue
			}
			var lanes []graph.Source
			want := make([]int64, n)
			for range 1 + rnd.IntN(3) {
				l := lists[rnd.IntN(len(lists))]
				lanes = append(lanes, l.src)
				for j := range want {
					want[j] += l.want[j]
				}
			}
			g := f.zip(fmt.Sprint("g", i), lanes...)
			g.Parallel = 1 + rnd.IntN(40)
			more := int64(1)
			if len(whole) > 0 && rnd.IntN(3) == 0 {
				k := rnd.IntN(len(whole))
				f.dependOn(g, whole[k])
				in := &g.Body.Nodes[0].Inputs[0]
				in.Sources = append(in.Sources, whole[k])
				more += sums[k]
			}
			for j := range want {
				want[j] += more
			}
			lists = append(lists, made{of(g), want})
		}
		last := lists[len(lists)-1]
		f.out("list", last.src)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		k := &vault{}
		res, _, err := f.executeIn(ctx, t, graph.Runner{InFlight: 1 + rnd.IntN(12), Save: k.save, Open: k.open,
			Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
				if inv.Node.Outputs[0].Stream {
					return emits(ctx, inv, n)
				}
				return gave(sum(inv)), nil
			}}, graph.Inputs{})
		require.NotErrorIs(t, ctx.Err(), context.DeadlineExceeded, "seed %d hangs", seed)
		cancel()
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, last.want, numbers(t, output(t, res, "list")), "seed %d", seed)
	}
}
