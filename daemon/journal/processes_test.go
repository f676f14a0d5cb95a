package journal

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func TestOrphansOnlyOfDeadProcesses(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "hold", dir)
	require.Equal(t, "holds", c.line(t))
	j := open(t, dir, Options{})
	orphans, err := j.Orphans(t.Context())
	require.NoError(t, err)
	require.Empty(t, orphans, "its process lives")
	c.kill()
	orphans, err = j.Orphans(t.Context())
	require.NoError(t, err)
	require.Len(t, orphans, 1)
	require.Equal(t, []Named{{Name: "width", Value: newRun("").Inputs[0].Value}}, orphans[0].Inputs, "with all that is needed to go on")
	require.Equal(t, newRun("").Source, orphans[0].Source)
	won, err := j.Claim(t.Context(), &orphans[0])
	require.NoError(t, err)
	require.True(t, won)
	orphans, err = j.Orphans(t.Context())
	require.NoError(t, err)
	require.Empty(t, orphans, "it is this process's now")
	entries, err := os.ReadDir(j.path(ownersDir))
	require.NoError(t, err)
	require.Len(t, entries, 1, "the lock of the dead process is tidied away")
}

func TestTwoProcessesClaimEachOrphanOnce(t *testing.T) {
	dir := t.TempDir()
	const runs = 40
	j, err := Open(t.Context(), dir, Options{})
	require.NoError(t, err)
	for n := range runs {
		require.NoError(t, j.Accept(t.Context(), newRun(runID(n+1))))
	}
	require.NoError(t, j.Close())
	children := []*child{startChild(t, "claim", dir), startChild(t, "claim", dir), startChild(t, "claim", dir)}
	for _, c := range children {
		require.Equal(t, "ready", c.line(t))
	}
	for _, c := range children {
		_, err := fmt.Fprintln(c.stdin)
		require.NoError(t, err)
	}
	claimed := map[string]bool{}
	for _, c := range children {
		for line := c.line(t); line != "done"; line = c.line(t) {
			require.False(t, claimed[line], "%s was claimed twice", line)
			claimed[line] = true
		}
	}
	require.Len(t, claimed, runs)
	j = open(t, dir, Options{})
	orphans, err := j.Orphans(t.Context())
	require.NoError(t, err)
	require.Empty(t, orphans)
}

// TestKilledWriters kills a process that records runs at random moments and looks whether anything that it was told to be
// durable is missing.
func TestKilledWriters(t *testing.T) {
	dir := t.TempDir()
	kills := 50
	if testing.Short() {
		kills = 5
	}
	acked := ledger{accepted: map[string]bool{}, finished: map[string]string{}, seqs: map[string]map[int64]string{}, recorded: map[string]string{}}
	for range kills {
		c := startChild(t, "work", dir)
		for range mathrand.IntN(400) {
			acked.note(t, c.line(t))
		}
		for _, line := range c.kill() {
			acked.note(t, line)
		}
		j := open(t, dir, Options{ReadOnly: true})
		acked.check(t, j)
	}
	j := open(t, dir, Options{})
	require.Empty(t, j.Notes(), "a kill is no loss")
	orphans, err := j.Orphans(t.Context())
	require.NoError(t, err)
	for i := range orphans {
		won, err := j.Claim(t.Context(), &orphans[i])
		require.NoError(t, err)
		require.True(t, won)
		require.NoError(t, workOn(t.Context(), j, &orphans[i], func(string, ...any) {}))
	}
	acked.check(t, j)
	runs, err := j.Runs(t.Context(), Filter{})
	require.NoError(t, err)
	for _, r := range runs {
		require.Equal(t, Completed, r.Status)
		invs, err := j.Invocations(t.Context(), r.ID, "")
		require.NoError(t, err)
		require.Len(t, invs, nodesPerRun)
	}
	t.Logf("%d runs, %d of them acknowledged, %d ends of invocations", len(runs), len(acked.accepted), len(acked.recorded))
}

// ledger is what the killed processes had been told.
type ledger struct {
	accepted map[string]bool
	finished map[string]string           // run: when
	recorded map[string]string           // "run path": seq
	seqs     map[string]map[int64]string // run: seq: what for
}

func (l *ledger) note(t *testing.T, line string) {
	t.Helper()
	verb, run, what := fields(line)
	switch verb {
	case "accepted":
		l.accepted[run] = true
		l.seqs[run] = map[int64]string{}
	case "finished":
		if what == "" {
			return
		}
		require.NotContains(t, l.finished, run, "finished twice")
		l.finished[run] = what
	case "recorded":
		path, text, _ := strings.Cut(what, " ")
		old, again := l.recorded[run+" "+path]
		if again {
			require.Equal(t, old, text, "the first end stays")
			return
		}
		l.recorded[run+" "+path] = text
		l.give(t, run, text, path)
	case "appended":
		l.give(t, run, what, "event")
	}
}

func (l *ledger) give(t *testing.T, run, text, what string) {
	t.Helper()
	seq, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	if l.seqs[run] == nil {
		l.seqs[run] = map[int64]string{} // accepted, but killed before it said so
	}
	require.NotContains(t, l.seqs[run], seq, "run %s", run)
	l.seqs[run][seq] = what
}

func (l *ledger) check(t *testing.T, j *Journal) {
	t.Helper()
	runs, err := j.Runs(t.Context(), Filter{})
	require.NoError(t, err)
	have := map[string]Run{}
	for _, r := range runs {
		have[r.ID] = r
	}
	for id := range l.accepted {
		require.Contains(t, have, id, "an accepted run is lost")
	}
	for id, at := range l.finished {
		require.Equal(t, at, fmt.Sprint(have[id].Finished.UnixMicro()))
	}
	for id, seqs := range l.seqs {
		events, err := j.Events(t.Context(), id, 0, math.MaxInt)
		require.NoError(t, err)
		stored := map[int64]string{}
		for i, e := range events {
			require.Equal(t, int64(i+1), e.Seq, "run %s has a gap", id)
			stored[e.Seq] = e.Node
			if e.Type == "log_update" {
				stored[e.Seq] = "event"
			}
		}
		for seq, what := range seqs {
			require.Equal(t, what, stored[seq])
		}
	}
}

// TestOpenBesideAWriter opens a history again and again while another process writes: no false alarm, nobody is kept out.
func TestOpenBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "work", dir)
	c.line(t)
	drained := make(chan int)
	go func() {
		n := 0
		for ; c.lines.Scan(); n++ {
		}
		drained <- n
	}()
	for n := range 8 { // each waits for the lock that the other one hardly lets go of
		j, err := Open(t.Context(), dir, Options{})
		require.NoError(t, err)
		require.Empty(t, j.Notes())
		accept(t, j, runID(n))
		require.NoError(t, j.Finish(t.Context(), end(newRun(runID(n)), Completed)))
		require.NoError(t, j.Close())
	}
	require.NoError(t, c.cmd.Process.Kill())
	require.NotZero(t, <-drained)
	c.cmd.Wait()
}
