package daemon_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
)

// readBack runs a workflow on a GPU without using the cache and counts the values that came back from there beside.
func readBack(t *testing.T, flow string) (got *outcome, times int, d *opened) {
	t.Helper()
	withGPU(t)
	b := newBox(t)
	b.cfg.Log = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	referring(b, "w.flow.yaml")
	b.drop("w.flow.yaml", flow)
	d = b.open()
	got = d.runWith("w.flow.yaml", daemon.Request{NoCache: true})
	require.NoError(t, got.Err)
	require.Contains(t, b.log.String(), "a value is used on its GPU before it is stored")
	return got, strings.Count(b.log.String(), "a value is read back from its GPU"), d
}

const onlyOnGPU = `levee: 1
nodes:
  make: { uses: ./make.wasm, with: { a: 4711 } }
  look: { uses: ./look.wasm, in: { data: make.data } }
  again: { uses: ./look.wasm, in: { data: make.data } }
outputs: { look: look.n, again: again.n }
`

// A value that only nodes on its GPU use is not read back for a run that uses no cache; nor is anything stored that depends on it.
func TestWhatNobodyNeedsStaysOnTheGPU(t *testing.T) {
	got, times, d := readBack(t, onlyOnGPU)
	require.Zero(t, times)
	for _, name := range []string{"look", "again"} {
		require.Equal(t, "4711", output(t, got.Result, name), name)
	}
	for _, inv := range d.box.invocations(got.ID) {
		require.Equal(t, journal.Ran, inv.Status)
		require.Equal(t, inv.Path == "make", len(inv.Outputs) == 0, "%s: nothing is recorded that is nowhere", inv.Path)
	}
	require.Equal(t, journal.Counts{Ran: 2, Cached: 1}, d.run("w.flow.yaml").Counts, "nothing was stored; of two equal nodes one runs")
	require.Equal(t, journal.Counts{Cached: 3}, d.run("w.flow.yaml").Counts)
}

// Whoever wants to see the bytes elsewhere gets them: an output of the workflow, a node on the processors, a node on the GPU that reads its
// input as bytes.
func TestWhoNeedsAValueOfTheGPU(t *testing.T) {
	for name, flow := range map[string]string{
		"output":     replace(t, onlyOnGPU, "outputs: {", "outputs: { data: make.data,"),
		"processors": replace(t, onlyOnGPU, "again: {", "again: { device: cpu,"),
		"bytes":      replace(t, onlyOnGPU, "again: { uses: ./look.wasm", "again: { uses: ./peek.wasm"),
	} {
		got, times, _ := readBack(t, flow)
		require.Equal(t, 1, times, name)
		require.Equal(t, "4711", output(t, got.Result, "again"), name)
	}
}
