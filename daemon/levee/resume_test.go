package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon/journal"
	"levee/testdata/guests"
)

// A run that was killed, in the middle of a node that is a workflow, goes on by hand: with its own version of the workflow, with the run
// of the node that there was, and nothing twice. While a process has it in hand nobody else may.
func TestKilledRunIsResumedByHand(t *testing.T) {
	p := newPlace(t)
	p.write("gate.wasm", string(guests.Gate()))
	p.write("in.flow.yaml", gated)
	p.write("out.flow.yaml", "levee: 1\nallow: { read: [.] }\nnodes:\n  sub: { uses: ./in.flow.yaml }\noutputs: { n: sub.n }\n")
	file := filepath.Join(p.dir, "out.flow.yaml")
	r := p.start("run", "--json", file)
	r.until(r.stdout, `"node_id":"first"`)
	rec := p.lastRun()
	busy := p.start("resume", rec.ID)
	busy.until(busy.stderr, "is in the hands of another process")
	require.Equal(t, 2, busy.code())
	require.NoError(t, r.Process.Kill())
	r.Wait()
	p.write("open", "")
	p.write("out.flow.yaml", "levee: 1\nnodes: {}\n")

	r = p.start("resume", rec.ID)
	r.until(r.stderr, "completed")
	require.Zero(t, r.code())
	done := p.lastRun()
	require.Equal(t, rec.ID, done.ID)
	require.Equal(t, journal.Completed, done.Status)
	h := p.history()
	defer h.Close()
	children, err := h.Children(t.Context(), rec.ID)
	require.NoError(t, err)
	require.Len(t, children, 1)
	require.Equal(t, journal.Completed, children[0].Status)
	invs, err := h.Invocations(t.Context(), children[0].ID, "first")
	require.NoError(t, err)
	require.Len(t, invs, 1)
}
