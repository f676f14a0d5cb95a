package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func message(r *Run, status Status) *Event {
	return &Event{Run: r.ID, At: time.UnixMicro(1), Type: "job_update", Data: []byte(`{"status":"` + string(status) + `"}`)}
}

func statuses(t *testing.T, j *Journal, run string) (list []string) {
	t.Helper()
	events, err := j.Events(t.Context(), run, 0, math.MaxInt)
	require.NoError(t, err)
	for _, e := range events {
		list = append(list, string(e.Data))
	}
	return list
}

func TestMessagesComeWithWhatTheyTell(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	r := newRun(runID(1))
	r.How = How{NoCache: true, Only: []string{"a.b"}, Timeout: time.Minute}
	r.Parent, r.ParentPath = runID(7), "each[3].sub"
	require.NoError(t, j.Accept(t.Context(), r, message(r, Queued)))
	dup := newRun(runID(2))
	dup.Trigger = r.Trigger
	require.Error(t, j.Accept(t.Context(), dup, message(dup, Queued)))
	require.Empty(t, statuses(t, j, dup.ID))

	require.NoError(t, j.Start(t.Context(), r, message(r, Running)))
	require.NoError(t, j.SetStatus(t.Context(), r, Waiting, message(r, Waiting)))
	require.NoError(t, j.SetStatus(t.Context(), r, Running, message(r, Running)))
	got, err := j.Run(t.Context(), r.ID)
	require.NoError(t, err)
	r.Outputs = []Named{}
	require.Equal(t, *r, got)
	require.False(t, r.Started.IsZero())

	stale := *r
	won, err := j.Claim(t.Context(), r)
	require.NoError(t, err)
	require.True(t, won)
	require.ErrorIs(t, j.Start(t.Context(), &stale, message(r, Running)), ErrTaken)
	require.ErrorIs(t, j.SetStatus(t.Context(), &stale, Waiting, message(r, Waiting)), ErrTaken)
	require.ErrorIs(t, j.Finish(t.Context(), end(&stale, Failed), message(r, Failed)), ErrTaken)
	began := r.Started
	require.NoError(t, j.Start(t.Context(), r, message(r, Running)))
	require.Equal(t, began, r.Started, "it began when it first did")
	require.NoError(t, j.Finish(t.Context(), end(r, Completed), message(r, Completed)))
	require.NoError(t, j.Finish(t.Context(), r, message(r, Completed)), "the same end")
	other := *r
	require.ErrorIs(t, j.Finish(t.Context(), end(&other, Failed), message(r, Failed)), ErrEnded)
	require.ErrorIs(t, j.Start(t.Context(), r, message(r, Running)), ErrEnded)
	require.ErrorIs(t, j.SetStatus(t.Context(), r, Running, message(r, Running)), ErrEnded)
	require.ErrorIs(t, j.Start(t.Context(), newRun(runID(9))), ErrNoRun)
	require.Equal(t, []string{
		`{"status":"queued"}`, `{"status":"running"}`, `{"status":"waiting"}`, `{"status":"running"}`, `{"status":"running"}`, `{"status":"completed"}`,
	}, statuses(t, j, r.ID))
}

// TestEachMessageOnceInSpiteOfAFailedSync: a change and its message are there once, though whether they were stored was not known.
func TestEachMessageOnceInSpiteOfAFailedSync(t *testing.T) {
	for _, stored := range []bool{true, false} {
		for failing := range 5 {
			j := open(t, t.TempDir(), Options{commit: failingCommits(stored, failing+1)})
			r := newRun(runID(1))
			require.NoError(t, j.Accept(t.Context(), r, message(r, Queued)))
			require.NoError(t, j.Start(t.Context(), r, message(r, Running)))
			require.NoError(t, j.SetStatus(t.Context(), r, Waiting, message(r, Waiting)))
			require.NoError(t, j.RequestCancel(t.Context(), r.ID))
			require.NoError(t, j.Finish(t.Context(), end(r, Cancelled), message(r, Cancelled)))
			require.Equal(t, []string{`{"status":"queued"}`, `{"status":"running"}`, `{"status":"waiting"}`, `{"status":"cancelled"}`},
				statuses(t, j, r.ID), "commit %d failed, stored: %v", failing+1, stored)
		}
	}
}

func TestCancelIsKept(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	parent, child, grandchild, other := newRun(runID(1)), newRun(runID(2)), newRun(runID(3)), newRun(runID(4))
	child.Parent, grandchild.Parent, other.Parent = parent.ID, child.ID, runID(8)
	ended := newRun(runID(5))
	ended.Parent = parent.ID
	for _, r := range []*Run{parent, child, grandchild, other, ended} {
		require.NoError(t, j.Accept(t.Context(), r))
	}
	require.NoError(t, j.Start(t.Context(), parent))
	require.NoError(t, j.Finish(t.Context(), end(ended, Completed)))
	require.NoError(t, j.RequestCancel(t.Context(), parent.ID))
	require.NoError(t, j.RequestCancel(t.Context(), parent.ID), "asking again")
	require.ErrorIs(t, j.RequestCancel(t.Context(), ended.ID), ErrEnded)
	require.ErrorIs(t, j.RequestCancel(t.Context(), runID(9)), ErrNoRun)
	require.ErrorIs(t, j.Start(t.Context(), child), ErrCancelAsked)
	require.NoError(t, j.Start(t.Context(), other))
	require.NoError(t, j.Close())

	j = open(t, dir, Options{})
	orphans, err := j.Orphans(t.Context())
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, r := range orphans {
		asked[r.ID] = !r.CancelAsked.IsZero()
	}
	require.Equal(t, map[string]bool{parent.ID: true, child.ID: true, grandchild.ID: true, other.ID: false}, asked)
	for i := range orphans {
		won, err := j.Claim(t.Context(), &orphans[i])
		require.NoError(t, err)
		require.True(t, won)
		if asked[orphans[i].ID] {
			require.ErrorIs(t, j.Start(t.Context(), &orphans[i]), ErrCancelAsked)
		}
	}
}

func TestQueueKeepsItsOrder(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	var want []string
	for n := range 6 {
		r := newRun(runID(n + 1))
		r.Accepted = r.Accepted.Add(time.Duration(n/3) * time.Second) // three at a time
		require.NoError(t, j.Accept(t.Context(), r))
		switch n {
		case 1: // it waits for a person
			require.NoError(t, j.Suspend(t.Context(), r))
			require.Empty(t, r.Owner)
		case 3:
			require.NoError(t, j.Finish(t.Context(), end(r, Cancelled)))
		case 4: // it was under way
			require.NoError(t, j.Start(t.Context(), r))
			want = append([]string{r.ID}, want...)
		default:
			want = append(want, r.ID)
		}
	}
	check := func(list []Run, err error) {
		t.Helper()
		require.NoError(t, err)
		var got []string
		for _, r := range list {
			got = append(got, r.ID)
		}
		require.Equal(t, want, got)
	}
	require.NoError(t, j.Close())
	j = open(t, dir, Options{})
	orphans, err := j.Orphans(t.Context())
	check(orphans, err)
	for i := range orphans {
		_, err := j.Claim(t.Context(), &orphans[i])
		require.NoError(t, err)
	}
	check(j.Queue(t.Context()))
	require.NoError(t, j.RequestCancel(t.Context(), runID(2)))
	orphans, err = j.Orphans(t.Context())
	require.NoError(t, err)
	require.Len(t, orphans, 1, "a suspended run that shall end is for whoever comes")
}

func TestAnswersAreForgottenWithTheirRun(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	for n := range 2 {
		old(t, j, n+1, "/a", time.Duration(9-n)*time.Hour, true)
		require.NoError(t, j.write(t.Context(), true, func(tx *tx) error {
			_, err := tx.Exec(`INSERT INTO answer(run, path, name, value, at) VALUES(?, 'ask', 'answer', ?, 1)`, n+1, encodeNamed([]Named{{Name: "a", Value: value.OfInt(1)}}, math.MaxInt64))
			return err
		}))
	}
	require.NoError(t, j.write(t.Context(), true, func(tx *tx) error { return tx.forget(1) }))
	require.Equal(t, 1, count(t, j, "answer"))
}

// TestFirstVersionIsBroughtUpToDate: what version 1 called accepted and superseded.
func TestFirstVersionIsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", filepath.Join(dir, fileName))
	require.NoError(t, err)
	_, err = db.Exec(schema1 + `; PRAGMA user_version = 1;`)
	require.NoError(t, err)
	for n, s := range []string{"accepted", "completed", "superseded", "failed"} {
		var finished any
		if s != "accepted" {
			finished = 9
		}
		_, err = db.Exec(`INSERT INTO run(id, trigger, workflow, file, name, why, status, accepted, finished, owner) VALUES(?1, ?1, '/w', '', 'w', '', ?2, 5, ?3, 'gone')`,
			runID(n+1), s, finished)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(db.Close(), os.Chmod(filepath.Join(dir, fileName), 0o600)))
	j := open(t, dir, Options{})
	runs, err := j.Runs(t.Context(), Filter{})
	require.NoError(t, err)
	got := ""
	for _, r := range runs {
		got += fmt.Sprint(r.Status, " ", r.Started.UnixMicro(), " ", r.Error, "; ")
	}
	require.Equal(t, "failed 5 ; cancelled 5 superseded by a newer version of the workflow; completed 5 ; running 5 ; ", got)
	orphans, err := j.Orphans(t.Context())
	require.NoError(t, err)
	require.Len(t, orphans, 1)
}
