package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/cache/sqlite"
	"levee/daemon"
	"levee/graph/value"
	"levee/nodes"
	"levee/runtime"
	"levee/testdata/guests"
)

// The lines of the design's table of numbers that need a whole daemon. Each prints its floor, measured in the same run, beside
// it: `make bench` shows these lines. Machines are noisy; ratios are what counts.

// line prints one line of the table.
func line(what string, measured, floor time.Duration, goal string) {
	fmt.Printf("bench: %-58s %10s  floor %10s  %5.2f x  goal %s\n", what, round(measured), round(floor), float64(measured)/float64(floor), goal)
}

func round(d time.Duration) string {
	switch {
	case d > time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d > time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f us", d.Seconds()*1e6)
}

const echoManifest = `{"levee":1,"name":"echo","version":"1.0.0","doc":"Gives back what it gets.","nodes":[{"name":"run","doc":"Gives back what it gets.",
	"inputs":[{"name":"data","type":"string","doc":"anything"}],"outputs":[{"name":"data","type":"string","doc":"the same"}]}]}`

func echoModule(tb testing.TB) []byte {
	packed, err := nodes.Pack(guests.Echo(), []byte(echoManifest))
	require.NoError(tb, err)
	return packed
}

// open starts a daemon with folders of its own.
func open(tb testing.TB) (*daemon.Daemon, daemon.Config) {
	cfg := daemon.Config{StateDir: filepath.Join(tb.TempDir(), "state"), CacheDir: filepath.Join(tb.TempDir(), "cache")}
	d, err := daemon.Open(context.Background(), cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, d.Close()) })
	return d, cfg
}

// wide lays out a workflow of n echo nodes, each with a text of its own.
func wide(tb testing.TB, dir string, n int) string {
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "echo.wasm"), echoModule(tb), 0o600))
	list := make(map[string]any, n)
	for i := range n {
		list[fmt.Sprintf("n%d", i)] = map[string]any{"uses": "./echo.wasm", "with": map[string]any{"data": fmt.Sprint("text ", i)}}
	}
	return writeFlow(tb, dir, map[string]any{"levee": 1, "nodes": list})
}

// each lays out a workflow that runs an echo node for each of n elements.
func each(tb testing.TB, dir string, n int) string {
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "echo.wasm"), echoModule(tb), 0o600))
	return writeFlow(tb, dir, map[string]any{
		"levee": 1, "inputs": map[string]any{"texts": "list<string>"},
		"nodes": map[string]any{"all": map[string]any{
			"each": "inputs.texts", "as": "text", "parallel": 64,
			"nodes": map[string]any{"echo": map[string]any{"uses": "./echo.wasm", "in": map[string]any{"data": "text"}}},
			"out":   map[string]any{"data": "echo.data"},
		}},
		"outputs": map[string]any{"data": "all.data"},
	})
}

func writeFlow(tb testing.TB, dir string, flow map[string]any) string {
	text, err := json.Marshal(flow)
	require.NoError(tb, err)
	path := filepath.Join(dir, "bench.flow.json")
	require.NoError(tb, os.WriteFile(path, text, 0o600))
	return path
}

func texts(tb testing.TB, n int) map[string]value.Value {
	list := make([]any, n)
	for i := range list {
		list[i] = fmt.Sprint("text ", i)
	}
	v, err := value.FromGo("list<string>", list)
	require.NoError(tb, err)
	return map[string]value.Value{"texts": v}
}

func mustRun(tb testing.TB, d *daemon.Daemon, flow *daemon.Workflow, req daemon.Request) *daemon.Result {
	res, err := d.Run(context.Background(), flow, req)
	require.NoError(tb, err)
	require.NoError(tb, res.Err)
	return res
}

func BenchmarkTenThousandNodes(b *testing.B) {
	const n = 10_000
	for range b.N {
		d, cfg := open(b)
		flow, err := d.LoadFile(wide(b, b.TempDir(), n))
		require.NoError(b, err)
		mustRunSmall(b, d)

		missed := mustRun(b, d, flow, daemon.Request{Why: "bench"})
		require.Equal(b, n, missed.Counts.Ran)
		hit := mustRun(b, d, flow, daemon.Request{Why: "bench"})
		require.Equal(b, n, hit.Counts.Cached)

		rows := readRows(b, filepath.Join(cfg.CacheDir, "cache.db"), n)
		calls := bareCalls(b, n, echoModule(b), func(i int) []runtime.Input {
			return []runtime.Input{{Type: "string", Bytes: fmt.Append(nil, "text ", i)}}
		})
		line("10,000-node graph, all hits, per node", hit.Duration/n, rows/n, "<= 3 x and <= 25 us")
		line("10,000 tiny nodes, all misses, durable, per node", missed.Duration/n, calls/n, "<= 2 x and <= 150 us beyond the call")
	}
}

// mustRunSmall compiles the module, which is not what is measured.
func mustRunSmall(b *testing.B, d *daemon.Daemon) {
	flow, err := d.LoadFile(each(b, b.TempDir(), 1))
	require.NoError(b, err)
	warm, err := value.FromGo("list<string>", []any{"warm"})
	require.NoError(b, err)
	mustRun(b, d, flow, daemon.Request{Inputs: map[string]value.Value{"texts": warm}})
}

// readRows is the floor of hits: the same rows read one after the other by plain SQL.
func readRows(b *testing.B, path string, n int) time.Duration {
	db, err := sqlite.Open(path, sqlite.Options{Sync: sqlite.Normal, Readers: 1, Schema: make([]string, 1)})
	require.NoError(b, err)
	defer db.Close()
	var keys [][]byte
	all, err := db.Reader().Query(`SELECT key FROM action`)
	require.NoError(b, err)
	for all.Next() {
		var k []byte
		require.NoError(b, all.Scan(&k))
		keys = append(keys, k)
	}
	require.NoError(b, all.Err())
	require.GreaterOrEqual(b, len(keys), n)
	begin := time.Now()
	for _, k := range keys[:n] {
		var body []byte
		require.NoError(b, db.Reader().QueryRow(`SELECT body FROM action WHERE key=?`, k).Scan(&body))
	}
	return time.Since(begin)
}

// bareCalls is the floor of misses: the same calls by the engine alone, as many at once, with no cache and no journal.
func bareCalls(b *testing.B, n int, module []byte, inputs func(i int) []runtime.Input) time.Duration {
	eng, err := runtime.New(runtime.Config{Dir: b.TempDir()})
	require.NoError(b, err)
	defer eng.Close()
	mod, err := runtime.NewModule("bare", module, nil)
	require.NoError(b, err)
	call := func(i int) {
		res, err := eng.Run(context.Background(), &runtime.Call{Module: mod, Export: "run", Outputs: 1, Inputs: inputs(i)})
		require.NoError(b, err)
		res.Close()
	}
	call(0)
	begin := time.Now()
	var wg sync.WaitGroup
	next := make(chan int)
	for range 64 {
		wg.Go(func() {
			for i := range next {
				call(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return time.Since(begin)
}

func BenchmarkGrowth(b *testing.B) {
	for range b.N {
		per := func(n int) (time.Duration, time.Duration) {
			d, _ := open(b)
			flow, err := d.LoadFile(each(b, b.TempDir(), n))
			require.NoError(b, err)
			mustRunSmall(b, d)
			missed := mustRun(b, d, flow, daemon.Request{Inputs: texts(b, n)})
			hit := mustRun(b, d, flow, daemon.Request{Inputs: texts(b, n)})
			return missed.Duration / time.Duration(n), hit.Duration / time.Duration(n)
		}
		missFew, hitFew := per(1_000)
		missMany, hitMany := per(100_000)
		line("each of 100,000, all misses, per node (floor: of 1,000)", missMany, missFew, "<= 1.3 x")
		line("each of 100,000, all hits, per node (floor: of 1,000)", hitMany, hitFew, "<= 1.3 x")
	}
}

func BenchmarkDropToFirstNode(b *testing.B) {
	const settle = 100 * time.Millisecond
	for range b.N {
		d, _ := open(b)
		mustRunSmall(b, d)
		dir := b.TempDir()
		ready, ran := make(chan struct{}), make(chan time.Time, 1)
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() {
			served <- d.Serve(ctx, context.Background(), dir, daemon.ServeOptions{Settle: settle, Notify: func(n daemon.Notice) {
				if n.Kind == daemon.Loaded && strings.Contains(n.Path, "first") {
					close(ready)
				}
				if n.Kind == daemon.Happened && n.Event.Type == "node_update" && strings.Contains(n.Path, "bench") {
					select {
					case ran <- n.Event.At:
					default:
					}
				}
			}})
		}()
		require.NoError(b, os.WriteFile(filepath.Join(dir, "first.flow.yaml"), []byte("levee: 1\nnodes:\n  a: { uses: text/upper, with: { text: a } }\n"), 0o600))
		<-ready
		path := wide(b, b.TempDir(), 1)
		require.NoError(b, os.WriteFile(filepath.Join(dir, "echo.wasm"), echoModule(b), 0o600))
		begin := time.Now()
		require.NoError(b, os.Rename(path, filepath.Join(dir, "bench.flow.json")))
		line("drop to first node run", (<-ran).Sub(begin), settle, "<= settle + 50 ms")
		stop()
		require.NoError(b, <-served)
	}
}
