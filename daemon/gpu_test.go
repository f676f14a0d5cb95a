package daemon_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/gpu/fake"
	"levee/gpu/inventory"
	"levee/runtime"
	"levee/testdata/guests"
)

// withGPU puts a driver that pretends into the way of what is started from now on.
func withGPU(t *testing.T, macros ...string) *fake.CUDA {
	t.Helper()
	c := fake.NewCUDA(t, macros...)
	t.Setenv("LD_LIBRARY_PATH", c.Dir+":"+fake.NVML(t))
	return c
}

// launchesWait has each launch say that it has begun, and wait until goOn is closed.
func launchesWait(c *fake.CUDA) (begun, goOn chan struct{}) {
	begun, goOn = make(chan struct{}, 100), make(chan struct{})
	c.OnLaunch(func(int, string) int {
		begun <- struct{}{}
		<-goOn
		return 0
	})
	return begun, goOn
}

const products = `levee: 1
nodes:
  m: { uses: tensor/from_lists, with: { rows: [[1, 2, 0.1], [3, 4, 0.2], [5, 6, 0.3]] } }
  exact: { uses: tensor/multiply, in: { a: m.matrix, b: m.matrix }, gpu: { memory: 64MiB } }
  fast: { uses: tensor/multiply, with: { precision: bf16 }, in: { a: m.matrix, b: m.matrix }, gpu: { memory: 64MiB } }
  rows: { uses: tensor/to_lists, in: { matrix: exact.product } }
  about: { uses: tensor/to_lists, in: { matrix: fast.product } }
outputs: { rows: rows.rows, about: about.rows }
`

// What is the same on every machine is found on every machine; what is not is found where it was made, or on the like.
func TestResultsByClass(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", products)
	d := b.open()
	first := d.run("w.flow.yaml")
	require.NoError(t, first.Err)
	require.Equal(t, journal.Counts{Ran: 5}, first.Counts)
	require.Equal(t, journal.Counts{Cached: 5}, d.run("w.flow.yaml").Counts)
	require.Equal(t, "cpu", device(b, first.ID, "fast"))
	require.Empty(t, device(b, first.ID, "exact"))
	d.shut()

	withGPU(t)
	d = b.open()
	moved := d.run("w.flow.yaml")
	require.Equal(t, output(t, first.Result, "rows"), output(t, moved.Result, "rows"))
	require.Equal(t, []string{"fast"}, slices.DeleteFunc(moved.with(journal.Ran), func(p string) bool { return p == "about" }))
	require.Equal(t, "Fake GPU, compute capability 9.0, 4096 cores, driver 580.95.05", device(b, moved.ID, "fast"))
	require.Equal(t, journal.Counts{Cached: 5}, d.run("w.flow.yaml").Counts)

	// What runs there afresh gives the same bits, where it is to.
	fresh := d.runWith("w.flow.yaml", daemon.Request{NoCache: true})
	require.Equal(t, journal.Counts{Ran: 5}, fresh.Counts)
	require.Equal(t, output(t, first.Result, "rows"), output(t, fresh.Result, "rows"))
	require.Empty(t, device(b, fresh.ID, "exact"))
	d.shut()

	t.Setenv("LD_LIBRARY_PATH", "")
	d = b.open()
	require.Equal(t, journal.Counts{Cached: 5}, d.run("w.flow.yaml").Counts)
}

// device is what levee why says of the device of a node's result; "" when it is no part of the key.
func device(b *box, run, node string) string {
	b.t.Helper()
	h, err := daemon.OpenHistory(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	list, err := h.Why(b.t.Context(), run, node)
	require.NoError(b.t, err)
	require.Len(b.t, list, 1)
	require.NotEmpty(b.t, list[0].Parts)
	for _, p := range list[0].Parts {
		if p.Label == "device" {
			return p.Preview
		}
	}
	return ""
}

// Where the driver is there but no device can be opened, nodes that may run on the processors do.
func TestAGPUThatCannotBeOpened(t *testing.T) {
	withGPU(t, "INIT=100")
	b := newBox(t)
	b.drop("w.flow.yaml", products)
	d := b.open()
	got := d.run("w.flow.yaml")
	require.NoError(t, got.Err)
	require.Equal(t, "cpu", device(b, got.ID, "fast"))
	require.Contains(t, b.log.String(), "a node runs on the processors, not on a GPU")

	b.drop("only.flow.yaml", "levee: 1\nnodes:\n  m: { uses: tensor/from_lists, with: { rows: [[7]] } }\n  n: { uses: tensor/reduce, device: gpu, in: { matrix: m.matrix } }\n")
	got = d.run("only.flow.yaml")
	require.ErrorContains(t, got.Err, "E_NO_GPU")
	require.ErrorContains(t, got.Err, "unavailable: cuInit: CUDA_ERROR_NO_DEVICE (absent); it is gone, or hidden from this process: levee gpu lists what there is now")
	require.Equal(t, daemon.ExitGPU, daemon.ExitCode(got.Err))
}

// Of two GPUs one refuses: the other one does the work.
func TestAGPUThatRefusesIsNotTheOnlyOne(t *testing.T) {
	c := fake.NewCUDA(t, "INIT=46", `ONLY="GPU-00000000-0000-0000-0000-000000000000"`)
	t.Setenv("LD_LIBRARY_PATH", c.Dir+":"+fake.NVML(t, "COUNT=2"))
	b := newBox(t)
	b.cfg.Log = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.drop("only.flow.yaml", "levee: 1\nnodes:\n  m: { uses: tensor/from_lists, with: { rows: [[7]] } }\n  n: { uses: tensor/reduce, device: gpu, in: { matrix: m.matrix } }\n")
	got := b.open().run("only.flow.yaml")
	require.NoError(t, got.Err)
	require.Regexp(t, `"a node cannot be on a GPU".* CUDA_ERROR_DEVICE_UNAVAILABLE`, b.log.String())
}

const references = `levee: 1
nodes:
  make: { uses: ./make.wasm, with: { a: 4711 } }
  look: { uses: ./look.wasm, in: { data: make.data } }
  peek: { uses: ./peek.wasm, in: { data: make.data } }
  other: { uses: ./look.wasm, device: cpu, in: { data: make.data } }
outputs: { look: look.n, peek: peek.n, other: other.n, data: make.data }
`

// What a node on a GPU gives goes to others there by reference. Everybody else, and the disk, gets it too, and nothing is recorded
// before that: the run that is done is whole.
func TestReferencesOnAGPU(t *testing.T) {
	withGPU(t)
	b := newBox(t)
	early := &awaited{text: "a node begins before its input is stored", seen: make(chan struct{})}
	b.cfg.Log = slog.New(slog.NewTextHandler(io.MultiWriter(b.log, early), &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.drop("make.wasm", string(guests.MakeTensor()))
	b.drop("look.wasm", string(guests.ReadTensor(false)))
	b.drop("peek.wasm", string(guests.ReadTensor(true)))
	b.drop("w.flow.yaml", references)
	d := b.open()
	release := d.HoldPublishing()
	go func() {
		<-early.seen
		release()
	}()
	got := d.run("w.flow.yaml")
	for _, name := range []string{"look", "peek", "other"} {
		require.Equal(t, "4711", output(t, got.Result, name), name)
	}
	require.Equal(t, journal.Counts{Ran: 4}, got.Counts)
	require.Contains(t, b.log.String(), "a value is used on its GPU before it is stored")
	require.EqualValues(t, 12+guests.TensorBytes, got.Outputs[slices.IndexFunc(got.Outputs, func(o journal.Named) bool { return o.Name == "data" })].Value.Size)
	require.Equal(t, journal.Counts{Cached: 4}, d.run("w.flow.yaml").Counts)
	d.shut()

	t.Setenv("LD_LIBRARY_PATH", "")
	d = b.open()
	require.Equal(t, journal.Counts{Cached: 4}, d.run("w.flow.yaml").Counts, "it is all on disk")
	fresh := d.runWith("w.flow.yaml", daemon.Request{NoCache: true})
	require.Equal(t, "4711", output(t, fresh.Result, "peek"))
	require.Equal(t, journal.Counts{Ran: 4}, fresh.Counts)
}

// awaited is a log that says when a line of it has a text.
type awaited struct {
	text string
	seen chan struct{}
	once sync.Once
}

func (a *awaited) Write(line []byte) (int, error) {
	if strings.Contains(string(line), a.text) {
		a.once.Do(func() { close(a.seen) })
	}
	return len(line), nil
}

// chain drops a workflow of nodes that hand a matrix on, and gives its name. Its output is [[57]].
func chain(b *box, rows, columns uint64) string {
	const steps = 6
	b.drop("make.wasm", string(guests.MakeMatrix(rows, columns)))
	text, from := "levee: 1\nnodes:\n  n0: { uses: ./make.wasm }\n", "n0.data"
	for i := range steps {
		text += fmt.Sprintf("  n%d: { uses: tensor/expression, with: { expression: \"x * 2 + %d\" }, in: { x: %s }, gpu: { memory: 2GiB } }\n", i+1, i, from)
		from = fmt.Sprintf("n%d.result", i+1)
	}
	text += "  most: { uses: tensor/reduce, with: { kind: max, over: all }, in: { matrix: " + from + " }, gpu: { memory: 2GiB } }\n"
	b.drop("chain.flow.yaml", text+"  list: { uses: tensor/to_lists, in: { matrix: most.result } }\noutputs: { list: list.rows }\n")
	return "chain.flow.yaml"
}

func TestAChainOnTheGPU(t *testing.T) {
	withGPU(t, "MEMORY=16384")
	b := newBox(t)
	name := chain(b, 30, 70)
	require.Equal(t, "[[57]]", output(t, b.open().run(name).Result, "list"))
}

// TestAChainOnAGPU says how long nodes take that hand a large matrix on, on a real GPU, with everything stored in the end.
func TestAChainOnAGPU(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", libraries)
	if r := inventory.New("/").Report(t.Context()); r.Outcome != inventory.Present {
		t.Skipf("no GPU here: %s", r.Reason)
	}
	b := newBox(t)
	if os.Getenv("LEVEE_TEST_WEAK") != "" { // for a machine whose kernel lacks a wall
		b.cfg.Isolation = runtime.IsolationWeak
	}
	name := chain(b, 4096, 16384) // 256 MiB
	d := b.open()
	for range 2 {
		begin := time.Now()
		got := d.runWith(name, daemon.Request{NoCache: true})
		require.Equal(t, "[[57]]", output(t, got.Result, "list"))
		t.Logf("8 nodes that hand on 256 MiB each: %v", time.Since(begin).Round(time.Millisecond))
		for _, inv := range b.invocations(got.ID) {
			t.Logf("  %s took %v", inv.Path, inv.Ended.Sub(inv.Started).Round(time.Millisecond))
		}
	}
}

// The memory of a node whose run was cancelled is another one's when the device is done with what that node had there, and not before.
func TestMemoryIsGivenBackWhenItIsFree(t *testing.T) {
	c := fake.NewCUDA(t)
	free := filepath.Join(t.TempDir(), "free")
	require.NoError(t, os.WriteFile(free, []byte("6000"), 0o600)) // room for one such node
	t.Setenv("LD_LIBRARY_PATH", c.Dir+":"+fake.NVML(t, `FREE="`+free+`"`))
	begun, goOn := launchesWait(c)
	b := newBox(t)
	for _, name := range []string{"a", "b"} {
		b.drop(name+".flow.yaml", "levee: 1\nnodes:\n  m: { uses: tensor/from_lists, with: { rows: [[7], ["+fmt.Sprint(name[0])+"]] } }\n"+
			"  n: { uses: tensor/reduce, device: gpu, in: { matrix: m.matrix }, gpu: { memory: 3GiB } }\n")
	}
	d := b.open()
	ctx, leave := context.WithCancelCause(t.Context())
	first, _ := d.begin(ctx, "a.flow.yaml")
	<-begun
	leave(daemon.ErrSuperseded)
	require.Equal(t, journal.Cancelled, (<-first).Status)
	second, _ := d.begin(t.Context(), "b.flow.yaml")
	require.Eventually(t, func() bool {
		runs := b.runs()
		return len(runs) == 2 && slices.ContainsFunc(runs, func(r journal.Run) bool { return r.Status == journal.Waiting })
	}, deadline, 1e6)
	require.Empty(t, begun)
	close(goOn)
	require.NoError(t, (<-second).Err)
}
