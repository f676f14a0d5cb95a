package journal

import (
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFullDiskKeepsWhatIsThere(t *testing.T) {
	j := open(t, t.TempDir(), Options{maxPages: 200})
	r := accept(t, j, runID(1))
	n := 0
	var err error
	for ; err == nil && n < 5000; n++ {
		inv := benchInvocation(r.ID, n)
		inv.Log = make([]byte, 2000)
		err = j.Record(t.Context(), inv)
		if err != nil {
			require.Zero(t, inv.Seq)
		}
	}
	require.ErrorIs(t, err, ErrFull)
	require.NoFileExists(t, j.path(reserveName), "it was given to the disk")
	events, err := j.Events(t.Context(), r.ID, 0, math.MaxInt)
	require.NoError(t, err)
	require.Len(t, events, n-1, "reading goes on, and no number is lost")
	require.Equal(t, int64(n-1), events[n-2].Seq)

	// The end is recorded although the disk is full: it is small. Then room comes from old runs, and the result in hand fits.
	require.NoError(t, j.Finish(t.Context(), end(r, Failed)))
	require.NoError(t, j.Retain(t.Context(), 0, 100*pageSize))
	require.FileExists(t, j.path(reserveName), "taken again")
	second := accept(t, j, runID(2))
	inv := benchInvocation(second.ID, 1)
	inv.Log = make([]byte, 2000)
	require.NoError(t, j.Record(t.Context(), inv))
	require.Equal(t, int64(1), inv.Seq)
}

func TestNewRunsAreRefusedBeforeTheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), dir, Options{})
	require.NoError(t, err)
	r := accept(t, j, runID(1))
	require.NoError(t, j.Close())
	require.NoError(t, os.Remove(j.path(reserveName)))

	j = open(t, dir, Options{MinFree: math.MaxInt64 / 2})
	require.Len(t, j.Notes(), 1)
	require.Contains(t, j.Notes()[0], "no room is reserved")
	require.NoFileExists(t, j.path(reserveName))
	require.ErrorIs(t, j.Accept(t.Context(), newRun(runID(2))), ErrFull)
	require.NoError(t, j.Record(t.Context(), benchInvocation(r.ID, 1)), "what is under way goes on")
	require.NoError(t, j.Finish(t.Context(), end(r, Completed)))
	j.opts.MinFree = 1
	accept(t, j, runID(2))
	require.FileExists(t, j.path(reserveName), "taken again when there is room")
}

// old makes a run of some age with some invocations and events.
func old(t *testing.T, j *Journal, n int, workflow string, age time.Duration, ended bool) {
	t.Helper()
	r := newRun(runID(n))
	r.Workflow, r.Accepted = workflow, time.Now().Add(-age)
	require.NoError(t, j.Accept(t.Context(), r))
	var invs []*Invocation
	var events []*Event
	for i := range 1500 {
		invs = append(invs, benchInvocation(r.ID, i))
		events = append(events, &Event{Run: r.ID, Type: "log_update", Data: []byte(`{}`)})
	}
	require.NoError(t, errors.Join(j.Record(t.Context(), invs...), j.Append(t.Context(), events...)))
	if ended {
		require.NoError(t, j.Finish(t.Context(), end(r, Completed)))
	}
}

func count(t *testing.T, j *Journal, table string) (n int) {
	t.Helper()
	require.NoError(t, j.store.db.Reader().QueryRow(`SELECT count(*) FROM `+table).Scan(&n))
	return n
}

func TestRetainByAge(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	old(t, j, 1, "/a", 9*time.Hour, true)
	old(t, j, 2, "/a", 8*time.Hour, true)
	old(t, j, 3, "/a", 7*time.Hour, true)
	old(t, j, 4, "/b", 6*time.Hour, true)
	old(t, j, 5, "/a", 5*time.Hour, false)
	old(t, j, 6, "/a", 1*time.Hour, true)
	require.NoError(t, j.Retain(t.Context(), 2*time.Hour, 0))
	require.Equal(t, []string{runID(6), runID(5), runID(4)}, ids(t, j), "open runs stay, and the last of each workflow")
	bare, err := j.Run(t.Context(), runID(4))
	require.NoError(t, err)
	require.True(t, bare.Bare)
	require.Equal(t, Completed, bare.Status)
	require.Equal(t, "t"+runID(4), bare.Trigger, "so that it need not run again")
	require.Empty(t, bare.Source)
	require.Equal(t, 2*1500, count(t, j, "invocation"))
	require.Equal(t, 2*1500, count(t, j, "event"))
	require.Zero(t, count(t, j, "doomed"))
	require.NoError(t, j.Retain(t.Context(), 0, 0))
	require.NoError(t, j.Retain(t.Context(), 2*time.Hour, 0))
	require.Len(t, ids(t, j), 3)

	again := newRun(runID(7))
	again.Trigger, again.Workflow = "t"+runID(4), "/b"
	var dup *DuplicateError
	require.ErrorAs(t, j.Accept(t.Context(), again), &dup)
	old(t, j, 8, "/b", 0, true)
	require.NoError(t, j.Retain(t.Context(), 2*time.Hour, 0))
	require.NotContains(t, ids(t, j), runID(4), "a later one of its workflow is there")
}

func TestRetainByBytes(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	for n := range 8 {
		old(t, j, n+1, fmt.Sprint("/", n%4), time.Duration(8-n)*time.Hour, n != 1)
	}
	before, err := j.pages(t.Context())
	require.NoError(t, err)
	bound := (before.Total - before.Free) * pageSize / 2
	require.NoError(t, j.Retain(t.Context(), 0, bound))
	after, err := j.pages(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, (after.Total-after.Free)*pageSize, bound)
	require.LessOrEqual(t, after.Free, max(after.Total/8, vacuumPages), "free pages are given back")
	require.Contains(t, ids(t, j), runID(2), "it is open")
	require.Contains(t, ids(t, j), runID(8))
	require.NotContains(t, ids(t, j), runID(1))

	require.NoError(t, j.Retain(t.Context(), 0, 1))
	require.Equal(t, []string{runID(2)}, ids(t, j), "whatever the bound, open runs stay")
	require.Equal(t, 1500, count(t, j, "invocation"))
	require.NoError(t, j.Record(t.Context(), benchInvocation(runID(2), 5000)))
}

// TestRetainGoesOnAfterACrash: rows of runs that are gone are found and deleted.
func TestRetainGoesOnAfterACrash(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	old(t, j, 1, "/a", 9*time.Hour, true)
	old(t, j, 2, "/a", 8*time.Hour, true)
	require.NoError(t, j.write(t.Context(), true, func(tx *tx) error { return tx.forget(1) }))
	require.Equal(t, []string{runID(2)}, ids(t, j), "it vanishes at once")
	require.Equal(t, 3000, count(t, j, "invocation"))
	require.NoError(t, j.Retain(t.Context(), 0, 0))
	require.Equal(t, 1500, count(t, j, "invocation"))
	require.Equal(t, 1500, count(t, j, "event"))
}

func TestBackupIsReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	for n := range 3 {
		accept(t, j, runID(n+1))
		require.NoError(t, j.Backup(t.Context()))
	}
	require.NoError(t, verify(t.Context(), j.path(backupName)))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), j.owner, "no leftovers")
		require.NotContains(t, e.Name(), backupName+"-")
	}
}

func TestLargeHistoryIsCheckedAfterACrashAndOnceADay(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	require.NoError(t, os.Truncate(j.path(fileName+"-wal"), checkAlways+1))
	require.False(t, j.checkDue(others{}))
	require.True(t, j.checkDue(others{crashed: true}))
	require.NoError(t, os.Chtimes(j.path(checkedName), time.Time{}, time.Now().Add(-25*time.Hour)))
	require.True(t, j.checkDue(others{}))
	require.NoError(t, os.Remove(j.path(checkedName)))
	require.True(t, j.checkDue(others{}))
}
