package daemon_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/cache/sqlite"
	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// sums is a small graph: two chains that meet.
const sums = `levee: 1
inputs: { start: { type: int, default: 1 } }
nodes:
  a: { uses: ./mix.wasm, in: { a: inputs.start }, with: { seed: 1 } }
  b: { uses: ./mix.wasm, in: { a: a.n }, with: { seed: 2 } }
  c: { uses: ./mix.wasm, in: { a: inputs.start }, with: { seed: 3 } }
  d: { uses: ./mix.wasm, in: { a: b.n, b: c.n } }
outputs: { n: d.n }
`

// sumsOf is what sums gives, calculated here.
func sumsOf(start, seedA, seedB, seedC int64) string {
	a := 31*start + seedA
	b := 31*a + seedB
	c := 31*start + seedC
	return fmt.Sprint(31*b + 17*c)
}

func TestSecondRunExecutesNothing(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("sums.flow.yaml", sums)
	d := b.open()
	first := d.run("sums.flow.yaml")
	require.Equal(t, sumsOf(1, 1, 2, 3), output(t, first.Result, "n"))
	require.ElementsMatch(t, []string{"a", "b", "c", "d"}, first.with(journal.Ran))
	require.Equal(t, 4, d.executions())

	second := d.run("sums.flow.yaml")
	require.Equal(t, sumsOf(1, 1, 2, 3), output(t, second.Result, "n"))
	require.ElementsMatch(t, []string{"a", "b", "c", "d"}, second.with(journal.Cached))
	require.Equal(t, 4, d.executions(), "no module was executed")

	d.shut() // another process, later
	d = b.open()
	third := d.run("sums.flow.yaml")
	require.Equal(t, journal.Counts{Cached: 4}, third.Counts)
	require.Zero(t, d.executions())
}

func TestOneLiteralRunsExactlyWhatDependsOnIt(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("sums.flow.yaml", sums)
	d := b.open()
	d.run("sums.flow.yaml")
	b.drop("sums.flow.yaml", replace(t, sums, "seed: 2", "seed: 20"))
	got := d.run("sums.flow.yaml")
	require.Equal(t, sumsOf(1, 1, 20, 3), output(t, got.Result, "n"))
	require.ElementsMatch(t, []string{"b", "d"}, got.with(journal.Ran))
	require.ElementsMatch(t, []string{"a", "c"}, got.with(journal.Cached))

	got = d.run("sums.flow.yaml", "start", "2")
	require.ElementsMatch(t, []string{"a", "b", "c", "d"}, got.with(journal.Ran))
}

func TestEqualContentStopsTheRun(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("sums.flow.yaml", sums)
	d := b.open()
	d.run("sums.flow.yaml")
	// Another literal, the same result: spinning longer changes nothing.
	b.drop("sums.flow.yaml", replace(t, sums, "seed: 1", "seed: 1, spin: 5"))
	got := d.run("sums.flow.yaml")
	require.ElementsMatch(t, []string{"a"}, got.with(journal.Ran))
	require.ElementsMatch(t, []string{"b", "c", "d"}, got.with(journal.Cached))

	// Another module, the same results: each node that uses it runs again, though its inputs are what they were.
	b.drop("mix.wasm", string(guests.Mix("other")))
	got = d.run("sums.flow.yaml")
	require.ElementsMatch(t, []string{"a", "b", "c", "d"}, got.with(journal.Ran))

	// Names are no part of a key.
	b.drop("renamed.flow.yaml", "levee: 1\nnodes:\n  z: { uses: ./mix.wasm, with: { a: 1, seed: 3 } }\n")
	require.Equal(t, journal.Counts{Cached: 1}, d.run("renamed.flow.yaml").Counts)
}

func TestFailureKeepsItsRootCauseAndIsNotStored(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("fail.wasm", string(guests.Bare("fail", guests.Fail("no such luck"))))
	b.drop("f.flow.yaml", `levee: 1
nodes:
  bad: { uses: ./fail.wasm, retry: { times: 2 } }
  next: { uses: text/decode, in: { data: bad.out } }
  last: { uses: text/upper, in: { text: next.text } }
`)
	d := b.open()
	for range 2 {
		before := d.executions()
		got := d.run("f.flow.yaml")
		require.ErrorContains(t, got.Err, "no such luck")
		require.Equal(t, journal.Failed, got.Status)
		require.Equal(t, 3, d.executions()-before, "once and two more tries")
		require.ElementsMatch(t, []string{"next", "last"}, got.with(journal.Skipped))
		rec := b.runs()[0]
		require.Equal(t, "bad", rec.Cause)
		require.Equal(t, "E_FAILED", rec.Code)
	}
}

func TestEqualWorkInFlightRunsOnce(t *testing.T) {
	b := newBox(t)
	b.cfg.Workers = 2
	b.drop("mix.wasm", string(guests.Mix("")))
	for i := range 4 {
		b.drop(fmt.Sprintf("w%d.flow.yaml", i), fmt.Sprintf("levee: 1\nname: w%d\nnodes:\n  n%d: { uses: ./mix.wasm, with: { a: 1, spin: 20000000 } }\noutputs: { n: n%d.n }\n", i, i, i))
	}
	d := b.open()
	var wg sync.WaitGroup
	results := make([]*outcome, 4)
	for i := range results {
		wg.Go(func() { results[i] = d.run(fmt.Sprintf("w%d.flow.yaml", i)) })
	}
	wg.Wait()
	require.Equal(t, 1, d.executions())
	ran := 0
	for _, r := range results {
		require.Equal(t, "31", output(t, r.Result, "n"))
		ran += r.Counts.Ran
	}
	require.Equal(t, 1, ran, "one run did the work, the others were given it")
}

func TestVerifyFindsNothingWrongWithPureModules(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("sums.flow.yaml", sums)
	d := b.open()
	d.run("sums.flow.yaml")
	got := d.runWith("sums.flow.yaml", daemon.Request{Verify: true})
	require.Empty(t, got.Mismatches)
	require.Equal(t, 8, d.executions(), "verifying runs everything")
}

// TestRunsEndWithoutCompany has what happens in runs wait an hour for more to be written with it: nothing that somebody waits for does.
func TestRunsEndWithoutCompany(t *testing.T) {
	d, cfg := open(t)
	d.WaitForCompany()
	flow, err := d.LoadFile(wide(t, t.TempDir(), 3))
	require.NoError(t, err)
	for _, req := range []daemon.Request{{}, {}, {NoCache: true}, {Verify: true}} {
		var told []string
		req.Observe = func(e journal.Event) { told = append(told, e.Type) }
		res := mustRun(t, d, flow, req)
		require.Equal(t, "job_update", told[len(told)-1])
		h, err := daemon.OpenHistory(t.Context(), cfg)
		require.NoError(t, err)
		events, err := h.Events(t.Context(), res.ID, 0, math.MaxInt)
		require.NoError(t, err)
		require.NoError(t, h.Close())
		require.Len(t, events, len(told), "all is written")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "trap.wasm"), guests.Bare("trap", guests.Trap()), 0o600))
	flow, err = d.LoadFile(writeFlow(t, dir, map[string]any{"levee": 1, "nodes": map[string]any{"a": map[string]any{"uses": "./trap.wasm"}}}))
	require.NoError(t, err)
	res, err := d.Run(t.Context(), flow, daemon.Request{})
	require.NoError(t, err)
	require.Equal(t, journal.Failed, res.Status)
}

// TestRecordsStayBehindTheirResults keeps the cache from storing anything, as another process that writes to it does: then the history
// says of no node that it ran.
func TestRecordsStayBehindTheirResults(t *testing.T) {
	d, cfg := open(t)
	flow, err := d.LoadFile(wide(t, t.TempDir(), 40))
	require.NoError(t, err)
	other, err := sqlite.Open(filepath.Join(cfg.CacheDir, "cache.db"), sqlite.Options{Sync: sqlite.Normal, Schema: make([]string, 1)})
	require.NoError(t, err)
	defer other.Close()
	held, end := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(end) })
	defer release()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := other.Write(t.Context(), func(*sqlite.Tx) error { close(held); <-end; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	wg.Go(func() { mustRun(t, d, flow, daemon.Request{}) })
	require.Eventually(t, func() bool {
		stats, _ := d.Counters()
		return stats.Ran >= 40
	}, deadline, time.Millisecond)
	history, err := sqlite.Open(filepath.Join(cfg.StateDir, "state.db"), sqlite.Options{Sync: sqlite.Full, Schema: make([]string, 3)})
	require.NoError(t, err)
	defer history.Close()
	recorded := func() (n int) {
		require.NoError(t, history.Reader().QueryRow(`SELECT count(*) FROM invocation`).Scan(&n))
		return n
	}
	early := recorded()
	release()
	wg.Wait()
	require.Zero(t, early)
	require.Equal(t, 40, recorded())
	_, stats := d.Counters()
	require.EqualValues(t, 40, stats.Stored)
}

func TestRunRecordsItsInputsInOrder(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", "levee: 1\ninputs: { e: int, d: int, c: int, b: int, a: int }\nnodes: {}\noutputs: { n: inputs.a }\n")
	b.open().run("w.flow.yaml", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5")
	var names []string
	for _, in := range b.runs()[0].Inputs {
		names = append(names, in.Name)
	}
	require.Equal(t, []string{"e", "d", "c", "b", "a"}, names)
}
