package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph/value"
	"levee/testdata/guests"
)

// The graph that is killed: rows of nodes of which each takes two of the row before, and columns with large values, each
// written to a file by a node and as an output.
const (
	rows, width, columns = 19, 10, 5
	nodesOfGraph         = rows*width + 2*columns
	kibOfValue           = 200
)

// killed is the graph with a seed of its own, so that each round has everything to do, and what it must give.
func killed(seed int64) (flow string, sums [width]int64) {
	var b strings.Builder
	b.WriteString("levee: 1\nname: killed\nallow: { write: [out] }\nnodes:\n")
	var above [width]int64
	for row := range rows {
		for col := range width {
			n := seed*1000 + int64(row*width+col)
			fmt.Fprintf(&b, "  n%d_%d: { uses: ./mix.wasm, with: { seed: %d, spin: 1500000", row, col, n)
			if row == 0 {
				b.WriteString(", a: 1, b: 2 } }\n")
				sums[col] = 31 + 34 + n
				continue
			}
			right := (col + 1) % width
			fmt.Fprintf(&b, " }, in: { a: n%d_%d.n, b: n%d_%d.n } }\n", row-1, col, row-1, right)
			sums[col] = 31*above[col] + 17*above[right] + n
		}
		above = sums
	}
	for col := range columns {
		fmt.Fprintf(&b, "  big%d: { uses: ./blow.wasm, in: { n: n%d_%d.n }, with: { kib: %d } }\n", col, rows/2, col, kibOfValue)
		fmt.Fprintf(&b, "  put%d: { uses: file/write, in: { data: big%d.data }, with: { path: out/put%d.bin } }\n", col, col, col)
	}
	b.WriteString("outputs:\n")
	for col := range width {
		fmt.Fprintf(&b, "  sum%d: n%d_%d.n\n", col, rows-1, col)
	}
	for col := range columns {
		fmt.Fprintf(&b, "  big%d: { from: big%d.data, file: out/big%d.bin }\n", col, col, col)
	}
	return b.String(), sums
}

// middle is the row that feeds the large values.
func middle(seed int64) (row [width]int64) {
	for r := range rows/2 + 1 {
		var next [width]int64
		for col := range width {
			n := seed*1000 + int64(r*width+col)
			if next[col] = 31 + 34 + n; r > 0 {
				next[col] = 31*row[col] + 17*row[(col+1)%width] + n
			}
		}
		row = next
	}
	return row
}

// TestKilledDaemonFinishesAtTheNextStart kills the program with SIGKILL at random moments of a run.
func TestKilledDaemonFinishesAtTheNextStart(t *testing.T) {
	rounds := 10
	switch {
	case os.Getenv("LEVEE_SOAK") != "" || os.Getenv("CI") != "":
		rounds = 50
	case testing.Short():
		rounds = 3
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d rounds, seed %d", rounds, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	p := newPlace(t)
	p.write("mix.wasm", string(guests.Mix("")))
	p.write("blow.wasm", string(guests.Blow()))
	var finished, open int
	for round := range rounds {
		require.NoError(t, os.RemoveAll(filepath.Join(p.dir, "out")))
		flow, sums := killed(int64(round + 1))
		p.write("killed.flow.yaml", flow)

		// Every line that the program prints is a moment: loaded, begun, the end of each node, outputs, result.
		r := p.start("serve", "--settle", "20ms", "--json", p.dir)
		for range 1 + random.IntN(nodesOfGraph+4) {
			require.True(t, r.stdout.Scan())
		}
		require.NoError(t, r.Process.Kill())
		r.Wait()

		before := p.ended()
		finished += len(before)
		if len(before) < nodesOfGraph {
			open++
		}
		p.finish(before)
		p.checkResult(sums, middle(int64(round+1)))
		require.Zero(t, p.finish(p.ended()), "and once more: there is nothing left to do")
	}
	t.Logf("%d kills; %d left the run open, with %d of %d nodes finished on average", rounds, open, finished/rounds, nodesOfGraph)
}

// ended are the invocations of the newest run whose end is recorded.
func (p *place) ended() map[string]journal.Invocation {
	p.t.Helper()
	h := p.history()
	defer h.Close()
	runs, err := h.Runs(p.t.Context(), journal.Filter{Last: 1})
	require.NoError(p.t, err)
	ended := make(map[string]journal.Invocation)
	if len(runs) == 0 || runs[0].Status == journal.Completed && p.older(runs[0]) {
		return ended // killed before it was accepted
	}
	invs, err := h.Invocations(p.t.Context(), runs[0].ID, "")
	require.NoError(p.t, err)
	for _, inv := range invs {
		if inv.Status == journal.Ran || inv.Status == journal.Cached {
			ended[inv.Path] = inv
		}
	}
	return ended
}

// older reports whether a run is of another version of the workflow than the one that lies there now.
func (p *place) older(r journal.Run) bool {
	now, err := os.ReadFile(filepath.Join(p.dir, "killed.flow.yaml"))
	require.NoError(p.t, err)
	return string(now) != string(r.Source)
}

// finish starts a daemon in this process, where its engine can be looked at, until there is nothing more to do. It returns
// how many modules were executed.
func (p *place) finish(before map[string]journal.Invocation) int {
	t := p.t
	t.Helper()
	d, err := daemon.Open(t.Context(), p.cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	ran := 0
	require.NoError(t, d.Serve(t.Context(), t.Context(), p.dir, daemon.ServeOptions{Settle: 20 * time.Millisecond, Once: true, Notify: func(n daemon.Notice) {
		if n.Kind == daemon.Ended && n.Result.Err != nil {
			t.Error(n.Result.Err)
		}
		if n.Kind != daemon.Happened || n.Event.Type != "node_update" {
			return
		}
		var u update
		if err := json.Unmarshal(n.Event.Data, &u); err != nil {
			t.Error(err)
		}
		if u.Status == "completed" && !u.Cached {
			ran++
			if _, again := before[n.Event.Node]; again {
				t.Errorf("%s had finished and ran again", n.Event.Node)
			}
		}
	}}))
	engine, _ := d.Counters()
	require.Equal(t, ran, int(engine.Ran), "the engine executed what the journal tells, nothing else")
	require.LessOrEqual(t, ran, nodesOfGraph-len(before))
	return ran
}

// checkResult compares the newest run with what was calculated here.
func (p *place) checkResult(sums, mid [width]int64) {
	t := p.t
	t.Helper()
	rec := p.lastRun()
	require.Equal(t, journal.Completed, rec.Status, rec.Error)
	h := p.history()
	defer h.Close()
	invs, err := h.Invocations(t.Context(), rec.ID, "")
	require.NoError(t, err)
	require.Len(t, invs, nodesOfGraph)
	for _, inv := range invs {
		require.Contains(t, []journal.InvocationStatus{journal.Ran, journal.Cached}, inv.Status, inv.Path)
		require.Equal(t, 1, inv.Attempt)
	}
	for _, o := range rec.Outputs {
		enc, err := h.Cache.Bytes(t.Context(), o.Value)
		require.NoError(t, err)
		var col int
		if _, err := fmt.Sscanf(o.Name, "sum%d", &col); err == nil {
			require.Equal(t, sums[col], value.DecodeInt(enc), o.Name)
			continue
		}
		_, err = fmt.Sscanf(o.Name, "big%d", &col)
		require.NoError(t, err)
		want := strings.Repeat(string([]byte{byte(mid[col])}), kibOfValue<<10)
		require.Equal(t, want, string(enc), o.Name)
		for _, file := range []string{"out/big%d.bin", "out/put%d.bin"} {
			got, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf(file, col)))
			require.NoError(t, err)
			require.Equal(t, want, string(got), file)
		}
	}
	require.Len(t, rec.Outputs, width+columns)
}
