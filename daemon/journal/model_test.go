package journal

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// modelRun is what a run should look like; everything is kept as it must be read back.
type modelRun struct {
	run    Run
	invs   []placed
	events []Event
	last   int64
	begun  int64
}

// placed is an invocation with its place among those of its run.
type placed struct {
	inv   Invocation
	place int64
}

// machine does random things to a journal and to the model.
type machine struct {
	t    *testing.T
	dir  string
	j    *Journal
	runs []*modelRun
}

func (m *machine) open(t *rapid.T) {
	j, err := Open(m.t.Context(), m.dir, Options{})
	require.NoError(t, err)
	require.Empty(t, j.Notes())
	m.j = j
}

func (m *machine) pick(t *rapid.T) *modelRun {
	if len(m.runs) == 0 {
		t.Skip("no run yet")
	}
	return rapid.SampledFrom(m.runs).Draw(t, "run")
}

func (m *machine) accept(t *rapid.T) {
	n := len(m.runs)
	r := newRun(runID(n + 1))
	r.Accepted = r.Accepted.Add(time.Duration(n) * time.Second)
	r.Trigger = fmt.Sprint("t", rapid.IntRange(0, 6).Draw(t, "trigger"))
	err := m.j.Accept(m.t.Context(), r)
	for _, old := range m.runs {
		if old.run.Trigger == r.Trigger {
			require.Equal(t, &DuplicateError{Run: old.run.ID, Status: old.run.Status}, err)
			return
		}
	}
	require.NoError(t, err)
	r.Outputs = []Named{}
	m.runs = append(m.runs, &modelRun{run: *r})
}

func (m *machine) record(t *rapid.T) {
	run := m.pick(t)
	inv := *benchInvocation(run.run.ID, rapid.IntRange(0, 3).Draw(t, "node"))
	inv.Attempt = rapid.IntRange(1, 2).Draw(t, "attempt")
	inv.Status = rapid.SampledFrom([]InvocationStatus{Started, Ran, Cached, Skipped, FailedNode, CancelledNode}).Draw(t, "status")
	inv.Peak = rapid.Int64Range(0, 9).Draw(t, "peak")
	inv.Began = inv.Status != Started && rapid.Bool().Draw(t, "began")
	if rapid.Bool().Draw(t, "log") {
		inv.Log = []byte("info: a\nb\n")
	}
	require.NoError(t, m.j.Record(m.t.Context(), &inv))

	place := inv.Seq
	if at := slices.IndexFunc(run.invs, func(p placed) bool { return p.inv.Path == inv.Path && p.inv.Attempt == inv.Attempt }); at >= 0 {
		old := run.invs[at]
		if old.inv.Status == Ran || old.inv.Status == Cached {
			require.Equal(t, old.inv.Seq, inv.Seq)
			require.True(t, inv.Kept)
			return
		}
		run.invs = slices.Delete(run.invs, at, at+1)
		place = old.place
	} else if inv.Status == Started {
		run.begun--
		place = run.begun
	}
	if inv.Status == Started {
		require.Zero(t, inv.Seq)
	} else {
		run.next(t, inv.Seq, inv.messages())
		place = inv.Seq
	}
	run.invs = append(run.invs, placed{inv, place})
	slices.SortFunc(run.invs, func(a, b placed) int { return int(a.place - b.place) })
}

func (m *machine) append(t *rapid.T) {
	run := m.pick(t)
	e := Event{Run: run.run.ID, At: time.UnixMicro(int64(len(run.events))), Type: "log_update", Node: "a", Data: []byte(`{"n":1}`)}
	if rapid.Bool().Draw(t, "several") {
		e.Data = []byte(`[{"n":1},{"n":2}]`)
	}
	require.NoError(t, m.j.Append(m.t.Context(), &e))
	run.next(t, e.Seq, e.messages())
	run.events = append(run.events, e.Messages()...)
}

func (run *modelRun) next(t *rapid.T, seq, messages int64) {
	require.Equal(t, run.last+messages, seq)
	run.last = seq
}

func (m *machine) finish(t *rapid.T) {
	run := m.pick(t)
	r := run.run
	r.Finished = r.Accepted.Add(time.Duration(rapid.IntRange(1, 2).Draw(t, "took")) * time.Second)
	r.Status = rapid.SampledFrom([]Status{Completed, Failed, Cancelled}).Draw(t, "end")
	r.Counts = Counts{1, 2, 3, 4}
	err := m.j.Finish(m.t.Context(), &r)
	switch {
	case run.run.Finished.IsZero():
		require.NoError(t, err)
		run.run = r
	case run.run.Status == r.Status && run.run.Finished.Equal(r.Finished):
		require.NoError(t, err)
	default:
		require.ErrorIs(t, err, ErrEnded)
	}
}

// restart ends the process, or what looks like it, and claims what it left.
func (m *machine) restart(t *rapid.T) {
	require.NoError(t, m.j.Close())
	m.open(t)
	orphans, err := m.j.Orphans(m.t.Context())
	require.NoError(t, err)
	for _, run := range m.runs {
		if !run.run.Finished.IsZero() {
			continue
		}
		require.NotEmpty(t, orphans)
		require.Equal(t, run.run.ID, orphans[0].ID)
		won, err := m.j.Claim(m.t.Context(), &orphans[0])
		require.NoError(t, err)
		require.True(t, won)
		run.run.Owner, run.run.Epoch, run.run.Status = m.j.owner, run.run.Epoch+1, Queued
		orphans = orphans[1:]
	}
	require.Empty(t, orphans)
}

func (m *machine) check(t *rapid.T) {
	ctx := m.t.Context()
	runs, err := m.j.Runs(ctx, Filter{})
	require.NoError(t, err)
	require.Len(t, runs, len(m.runs))
	for i, run := range m.runs {
		require.Equal(t, run.run, runs[len(runs)-1-i])
		invs, err := m.j.Invocations(ctx, run.run.ID, "")
		require.NoError(t, err)
		require.Len(t, invs, len(run.invs))
		events := slices.Clone(run.events)
		for n, p := range run.invs {
			require.Equal(t, p.inv, invs[n])
			if p.inv.Status != Started {
				events = append(events, p.inv.Messages()...)
			}
		}
		slices.SortFunc(events, func(a, b Event) int { return int(a.Seq - b.Seq) })
		got, err := m.j.Events(ctx, run.run.ID, 0, math.MaxInt)
		require.NoError(t, err)
		require.Equal(t, len(events), len(got))
		for n := range events {
			require.Equal(t, told(events[n]), got[n])
		}
	}
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		m := &machine{t: t, dir: dir}
		m.open(rt)
		defer func() {
			m.j.Close()
			os.RemoveAll(dir) // each has a reserve of 32 MiB
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"accept": m.accept, "record": m.record, "append": m.append, "finish": m.finish, "restart": m.restart, "": m.check,
		})
	})
}
