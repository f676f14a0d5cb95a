package daemon_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// told are the statuses that the messages of a run told, in order, without those that only say how far it is.
func (b *box) told(run string) (list []journal.Status) {
	b.t.Helper()
	h, err := daemon.OpenHistory(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	events, err := h.Events(b.t.Context(), run, 0, math.MaxInt)
	require.NoError(b.t, err)
	for _, e := range events {
		var m struct{ Status journal.Status }
		if e.Type == "job_update" && json.Unmarshal(e.Data, &m) == nil && (len(list) == 0 || list[len(list)-1] != m.Status) {
			list = append(list, m.Status)
		}
	}
	return list
}

func (b *box) ended(run string, status journal.Status) func() bool {
	return func() bool {
		for _, r := range b.runs() {
			if r.ID == run {
				return r.Status == status
			}
		}
		return false
	}
}

// TestEachRunOfTheQueueEndsOnce: one is cancelled, one superseded, one's workflow is removed, one waits for its turn, all behind one that runs.
func TestEachRunOfTheQueueEndsOnce(t *testing.T) {
	b := newBox(t)
	b.cfg.Runs = 1
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("a.flow.yaml", gated("open"))
	s := b.serve()
	s.nodeEnded("a.flow.yaml", "first")
	for _, name := range []string{"b", "c", "d", "e"} {
		b.drop(name+".flow.yaml", greeting(name))
	}
	byName := func() map[string]journal.Run {
		m := map[string]journal.Run{}
		for _, r := range b.runs() {
			m[r.Name] = r
		}
		return m
	}
	require.Eventually(t, func() bool { return len(byName()) == 5 }, deadline, 10*time.Millisecond)
	runs := byName()
	for _, name := range []string{"b", "c", "d", "e"} {
		require.Equal(t, journal.Queued, runs[name].Status)
		require.Zero(t, runs[name].Started)
	}
	began := time.Now()
	rec, err := daemon.Cancel(t.Context(), b.cfg, runs["b"].ID[:10], deadline)
	require.NoError(t, err)
	require.Equal(t, journal.Cancelled, rec.Status)
	t.Logf("cancelled in the queue after %s", time.Since(began))
	b.drop("c.flow.yaml", greeting("edited"))
	b.remove("d.flow.yaml")
	require.Eventually(t, b.ended(runs["c"].ID, journal.Cancelled), deadline, 10*time.Millisecond)
	require.Eventually(t, b.ended(runs["d"].ID, journal.Cancelled), deadline, 10*time.Millisecond)
	b.drop("open", "")
	for _, name := range []string{"a", "e"} {
		require.Eventually(t, b.ended(runs[name].ID, journal.Completed), deadline, 10*time.Millisecond)
	}
	s.stop()
	for name, want := range map[string][]journal.Status{
		"a": {journal.Running, journal.Completed}, "e": {journal.Queued, journal.Running, journal.Completed},
		"b": {journal.Queued, journal.Cancelled}, "c": {journal.Queued, journal.Cancelled}, "d": {journal.Queued, journal.Cancelled},
	} {
		require.Equal(t, want, b.told(runs[name].ID), name)
	}
}

// TestQueueOutlivesTheDaemon: what is in the queue stays there when the daemon is told to end, and has its turn at the next start.
func TestQueueOutlivesTheDaemon(t *testing.T) {
	b := newBox(t)
	b.cfg.Runs = 1
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("a.flow.yaml", gated("open"))
	s := b.serve()
	s.nodeEnded("a.flow.yaml", "first")
	b.drop("b.flow.yaml", greeting("b"))
	require.Eventually(t, func() bool { return len(b.runs()) == 2 }, deadline, 10*time.Millisecond)
	s.drain()
	s.until(daemon.Draining, "")
	b.drop("open", "")
	s.stop()
	runs := b.runs()
	require.Equal(t, journal.Queued, runs[0].Status)
	require.Equal(t, journal.Completed, runs[1].Status)
	s = b.serve(once)
	require.Equal(t, runs[0].ID, s.ended("b.flow.yaml").ID)
	s.finish()
	require.Len(t, b.runs(), 2)
	require.Equal(t, []journal.Status{journal.Queued, journal.Running, journal.Completed}, b.told(runs[0].ID))
}

// TestSerialRunsComeOneAfterTheOther counts how many runs of a workflow are under way when each of them begins.
func TestSerialRunsComeOneAfterTheOther(t *testing.T) {
	b := newBox(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		b.drop("in/"+name+".txt", name)
	}
	b.drop("w.flow.yaml", "levee: 1\nserial: true\ntrigger: { files: 'in/*.txt', per: file }\nnodes:\n  up: { uses: text/upper, in: { text: trigger.name } }\n")
	s := b.serve(once)
	s.finish()
	runs := b.runs()
	require.Len(t, runs, 4)
	for i, r := range runs {
		require.Equal(t, journal.Completed, r.Status, r.Error)
		for _, other := range runs[:i] {
			require.True(t, !r.Started.Before(other.Finished) || !other.Started.Before(r.Finished), "%s and %s overlap", r.File, other.File)
		}
	}
}
