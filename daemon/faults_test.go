package daemon_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/gpu/fake"
	"levee/testdata/guests"
)

// lost is what a driver answers in a context that an illegal access has poisoned.
const lost = 700

// A node whose GPU worker dies runs once more, with another worker; nothing of the run is lost.
func TestALostGPUWorkerIsReplaced(t *testing.T) {
	c := withGPU(t)
	var launches atomic.Int64
	c.OnLaunch(func(int, string) int {
		if launches.Add(1) == 3 {
			return lost
		}
		return 0
	})
	b := newBox(t)
	b.drop("w.flow.yaml", `levee: 1
nodes:
  m: { uses: tensor/from_lists, with: { rows: [[1, 1], [1, 0]] } }
  two: { uses: tensor/multiply, in: { a: m.matrix, b: m.matrix } }
  three: { uses: tensor/multiply, in: { a: two.product, b: m.matrix } }
  four: { uses: tensor/multiply, in: { a: three.product, b: m.matrix } }
  five: { uses: tensor/multiply, in: { a: four.product, b: m.matrix } }
  rows: { uses: tensor/to_lists, in: { matrix: five.product } }
outputs: { rows: rows.rows }
`)
	d := b.open()
	got := d.run("w.flow.yaml")
	require.Equal(t, "[[8,5],[5,3]]", output(t, got.Result, "rows"))
	require.Equal(t, journal.Counts{Ran: 6}, got.Counts)
	require.Equal(t, 1, strings.Count(b.log.String(), "a node runs once more"))
	require.Equal(t, 1, strings.Count(b.log.String(), "a GPU worker died"))
}

// What a GPU worker died of is in the error of the node that had work there, for whoever reads it: nothing of it moves a terminal.
func TestTheErrorOfANodeSaysWhatItsGPUWorkerDiedOf(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", onMatrix("tensor/softmax"))
	const ended = ": the process that held the tensors has ended: "
	for _, tc := range []struct {
		name, want string
		macros     []string
		fault      func(pid int, kernel string) int
	}{
		{"the driver reports an error", "the device failed: cuEventCreate: CUDA_ERROR_ILLEGAL_ADDRESS (poisoned)", nil, func(int, string) int { return lost }},
		{"an error without a name", "the device failed: cuEventCreate: error 714 (poisoned)", []string{"BARE"}, func(int, string) int { return 714 }},
		{"a launch does not end", "graph 1 is not done after 1s", nil, func(int, string) int { return fake.Endless }},
		{"the driver aborts", "exit status 2: SIGABRT: abort", []string{"ABORT=1"}, nil},
		{"the system wants memory", "it was killed (SIGKILL), as the system does when the machine has no memory left", nil, func(pid int, _ string) int {
			_ = unix.Kill(pid, unix.SIGKILL)
			return 0
		}},
		{"the driver writes what it likes", "the device failed: cuEventCreate: [31mred  (poisoned)", []string{`NAME="\033[31mred\n\342\200\256"`}, func(int, string) int { return lost }},
		{"the driver writes much", "the device failed: cuEventCreate: xxxxxxx", []string{`NAME="` + strings.Repeat("x", 2000) + `"`}, func(int, string) int { return lost }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := withGPU(t, tc.macros...)
			c.OnLaunch(tc.fault)
			d := b.open()
			defer d.shut()
			got := d.run("w.flow.yaml")
			require.ErrorContains(t, got.Err, "E_LOST: module tensor")
			require.ErrorContains(t, got.Err, ended+tc.want)
			require.Less(t, len(got.Err.Error()), 500)
		})
	}
}

// Workflows that use the same GPU at the same time: one's work never ends, one's work poisons its context, one wants all the memory, and
// one is honest. The GPU, and the daemon, go on for who is honest.
func TestBadNeighboursAtAGPU(t *testing.T) {
	c := withGPU(t)
	endless := make(chan struct{}, 100)
	c.OnLaunch(func(_ int, kernel string) int {
		switch {
		case strings.HasPrefix(kernel, "softmax"):
			endless <- struct{}{}
			return fake.Endless
		case strings.HasPrefix(kernel, "sum"):
			return lost
		}
		return 0
	})
	b := newBox(t)
	b.drop("greedy.wasm", string(guests.GreedyTensor()))
	s := b.serve()
	b.drop("endless.flow.yaml", onMatrix("tensor/softmax"))
	<-endless
	b.drop("poison.flow.yaml", onMatrix("tensor/reduce"))
	b.drop("greedy.flow.yaml", "levee: 1\nnodes:\n  n: { uses: ./greedy.wasm, gpu: { memory: 64MiB } }\n")
	b.drop("honest.flow.yaml", products)
	a := b.asker()
	answers := func() {
		t.Helper()
		code, _ := a.ask(http.MethodGet, "/health", "")
		require.Equal(t, http.StatusOK, code)
		require.NotEmpty(t, b.runs())
	}
	answers()
	const rows = "[[7.5,10.600000381469727,0.5299999713897705],[16,23.200000762939453,1.1600000858306885],[24.5,35.79999923706055,1.790000081062317]]"
	require.Equal(t, rows, output(t, s.ended("honest.flow.yaml").Result, "rows"))
	for name, want := range map[string]string{
		"endless.flow.yaml": "is not done after", "poison.flow.yaml": "CUDA_ERROR_ILLEGAL_ADDRESS", "greedy.flow.yaml": "there is no room for u8[16777216]: 16777216 bytes, 0 of 67108864 are left",
	} {
		answers()
		s.again()
		got := s.ended(name)
		require.Equal(t, journal.Failed, got.Status, name)
		require.ErrorContains(t, got.Err, want, name)
		require.Equal(t, daemon.ExitFailed, daemon.ExitCode(got.Err), name)
	}
	require.Contains(t, b.log.String(), "is not done after")
	require.Contains(t, b.log.String(), "CUDA_ERROR_ILLEGAL_ADDRESS")

	// Who was bad is let in again, too.
	c.OnLaunch(nil)
	answers()
	b.drop("later.flow.yaml", replace(t, products, "[5, 6, 0.3]", "[5, 6, 0.5]"))
	require.Equal(t, journal.Completed, s.ended("later.flow.yaml").Status)
	b.drop("endless.flow.yaml", onMatrix("tensor/softmax")+"description: better now\n")
	require.Equal(t, "[[0.2689414322376251,0.7310585975646973],[0.2689414322376251,0.7310585975646973]]", output(t, s.ended("endless.flow.yaml").Result, "rows"))
	s.stop()
}

// onMatrix is a workflow that has the GPU do one thing with a matrix.
func onMatrix(uses string) string {
	return `levee: 1
nodes:
  m: { uses: tensor/from_lists, with: { rows: [[1, 2], [3, 4]] } }
  n: { uses: ` + uses + `, device: gpu, in: { matrix: m.matrix }, gpu: { memory: 64MiB } }
  rows: { uses: tensor/to_lists, in: { matrix: n.result } }
outputs: { rows: rows.rows }
`
}
