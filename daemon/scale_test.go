package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/graph/value"
	"levee/runtime"
	"levee/testdata/guests"
)

// A group of five nodes in a row over a list, by the real engine:
//
//	all[i]:  e -> n1 -> n2 -> n3 -> n4 -> n5
const fiveNodes = 5

func layFive(tb testing.TB, dir string) string {
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "mix.wasm"), guests.Mix(""), 0o600))
	nodes, wire := map[string]any{}, "e"
	for i := 1; i <= fiveNodes; i++ {
		id := fmt.Sprint("n", i)
		nodes[id] = map[string]any{"uses": "./mix.wasm", "with": map[string]any{"seed": i}, "in": map[string]any{"a": wire, "b": "e.index"}}
		wire = id + ".n"
	}
	return writeFlow(tb, dir, map[string]any{
		"levee": 1, "inputs": map[string]any{"list": "list<int>"},
		"nodes": map[string]any{"all": map[string]any{
			"each": "inputs.list", "as": "e", "parallel": 64, "nodes": nodes, "out": map[string]any{"n": wire},
		}},
		"outputs": map[string]any{"list": "all.n"},
	})
}

func list(tb testing.TB, numbers []any) map[string]value.Value {
	v, err := value.FromGo("list<int>", numbers)
	require.NoError(tb, err)
	return map[string]value.Value{"list": v}
}

func counting(n int) []any {
	numbers := make([]any, n)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	return numbers
}

// peak is the most memory that is alive in this process at a time, between begin and end.
type peak struct {
	stop chan struct{}
	wait sync.WaitGroup
	base uint64
	most uint64
}

// alive is what the last collection of garbage found alive. None is made for it: it would take time from what is measured beside.
func alive() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func measure() *peak {
	goruntime.GC()
	p := &peak{stop: make(chan struct{}), base: alive()}
	p.wait.Go(func() {
		for {
			select {
			case <-p.stop:
				return
			case <-time.After(20 * time.Millisecond):
				p.most = max(p.most, alive())
			}
		}
	})
	return p
}

// end returns by how much more was alive than at the beginning.
func (p *peak) end() int64 {
	close(p.stop)
	p.wait.Wait()
	goruntime.GC()
	return int64(max(p.most, alive())) - int64(p.base)
}

// TestManyElements runs 50,000 invocations (5,000 where LEVEE_SOAK is not set), again from the cache, and again with one element
// changed. What is alive in memory meanwhile does not grow with the number of elements by more than the lists themselves do.
func TestManyElements(t *testing.T) {
	n := 1_000
	if soak {
		n = 10_000
	}
	b := newBox(t)
	d := b.open()
	flow, err := d.LoadFile(layFive(t, b.dir))
	require.NoError(t, err)
	numbers := counting(n)
	want := make([]int64, n)
	for i := range want {
		want[i] = int64(i)
		for seed := 1; seed <= fiveNodes; seed++ {
			want[i] = 31*want[i] + 17*int64(i) + int64(seed)
		}
	}
	run := func(ran, cached int) {
		t.Helper()
		p := measure()
		res := mustRun(t, d.Daemon, flow, daemon.Request{Inputs: list(t, numbers)})
		grown := p.end()
		require.Equal(t, [2]int{ran, cached}, [2]int{res.Counts.Ran, res.Counts.Cached})
		require.Less(t, grown, int64(24<<20))
		h, err := daemon.OpenHistory(t.Context(), b.cfg)
		require.NoError(t, err)
		enc, err := h.Cache.Bytes(t.Context(), res.Outputs[0].Value)
		require.NoError(t, err)
		require.NoError(t, h.Close())
		items, err := value.Items(enc)
		require.NoError(t, err)
		require.Len(t, items, n)
		for i := range items {
			require.Equal(t, want[i], value.DecodeInt(items[i]), i)
		}
	}
	run(fiveNodes*n, 0)
	run(0, fiveNodes*n)

	at := n / 2
	numbers[at] = int64(1_000_003)
	want[at] = 1_000_003
	for seed := 1; seed <= fiveNodes; seed++ {
		want[at] = 31*want[at] + 17*int64(at) + int64(seed)
	}
	run(fiveNodes, fiveNodes*(n-1))
}

// BenchmarkManyElements measures the same beside the engine's own calls, and beside reading as many rows.
func BenchmarkManyElements(b *testing.B) {
	const n = 10_000
	for range b.N {
		d, cfg := open(b)
		flow, err := d.LoadFile(layFive(b, b.TempDir()))
		require.NoError(b, err)
		mustRun(b, d, flow, daemon.Request{Inputs: list(b, []any{int64(-1)})})
		p := measure()
		missed := mustRun(b, d, flow, daemon.Request{Inputs: list(b, counting(n))})
		hit := mustRun(b, d, flow, daemon.Request{Inputs: list(b, counting(n))})
		grown := p.end()
		require.Equal(b, [2]int{fiveNodes * n, fiveNodes * n}, [2]int{missed.Counts.Ran, hit.Counts.Cached})
		rows := readRows(b, filepath.Join(cfg.CacheDir, "cache.db"), fiveNodes*n)
		calls := bareCalls(b, fiveNodes*n, guests.Mix(""), func(i int) []runtime.Input {
			numbers := make([]runtime.Input, 4)
			for port, x := range []int64{int64(i), int64(i), 1, 0} {
				enc, _ := value.OfInt(x).Inline()
				numbers[port] = runtime.Input{Type: "int", Bytes: enc}
			}
			return numbers
		})
		line("each of 10,000 over 5 nodes, all misses, per invocation", missed.Duration/(fiveNodes*n), calls/(fiveNodes*n), "<= 2 x and <= 150 us beyond the call")
		line("each of 10,000 over 5 nodes, all hits, per invocation", hit.Duration/(fiveNodes*n), rows/(fiveNodes*n), "<= 3 x and <= 25 us")
		fmt.Printf("bench: %-58s %7.1f MiB\n", "more alive in memory meanwhile", float64(grown)/(1<<20))
	}
}
