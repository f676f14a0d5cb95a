package journal

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// waits records that a node of a run is suspended.
func waits(t *testing.T, j *Journal, run, path string) {
	t.Helper()
	require.NoError(t, j.Record(t.Context(), &Invocation{Run: run, Path: path, Site: path, Attempt: 1, Status: SuspendedNode, Cause: "well?", Started: time.Now(), Ended: time.Now()}))
}

func TestSuspendedRunIsNobodysUntilItIsClaimed(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	r := newRun(runID(1))
	require.NoError(t, j.Accept(t.Context(), r))
	waits(t, j, r.ID, "ask")
	require.NoError(t, j.Suspend(t.Context(), r, &Event{Run: r.ID, At: time.Now(), Type: "job_update", Data: []byte(`{"status":"suspended"}`)}))
	got, err := j.Run(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, Suspended, got.Status)
	require.Empty(t, got.Owner)
	orphans, err := j.Orphans(t.Context())
	require.NoError(t, err)
	require.Empty(t, orphans)
	events, err := j.Events(t.Context(), r.ID, 0, math.MaxInt)
	require.NoError(t, err)
	require.Equal(t, "job_update", events[len(events)-1].Type)

	require.NoError(t, j.Answer(t.Context(), Answer{Run: r.ID, Path: "ask", Name: "answer", Value: value.OfString("no")}))
	require.NoError(t, j.Answer(t.Context(), Answer{Run: r.ID, Path: "ask", Name: "answer", Value: value.OfString("yes")}))
	answers, err := j.Answers(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, []Answer{{Run: r.ID, Path: "ask", Name: "answer", Value: value.OfString("yes")}}, answers, "the later one")
	won, err := j.Claim(t.Context(), &got)
	require.NoError(t, err)
	require.True(t, won)
	require.ErrorIs(t, j.Suspend(t.Context(), &got), ErrAnswered, "an answer that came meanwhile is not slept over")
	require.NoError(t, j.Record(t.Context(), &Invocation{Run: r.ID, Path: "ask", Site: "ask", Attempt: 1, Status: Ran, Started: time.Now(), Ended: time.Now()}))
	require.NoError(t, j.Suspend(t.Context(), &got), "the node has taken it")
}

// An answer to the run of a node keeps the runs around it awake.
func TestAnswerToAChildKeepsItsParentAwake(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	parent, child := newRun(runID(1)), newRun(runID(2))
	child.Parent, child.ParentPath = parent.ID, "sub"
	require.NoError(t, j.Accept(t.Context(), parent))
	require.NoError(t, j.Accept(t.Context(), child))
	waits(t, j, parent.ID, "sub")
	waits(t, j, child.ID, "ask")
	require.NoError(t, j.Suspend(t.Context(), child))
	require.NoError(t, j.Answer(t.Context(), Answer{Run: child.ID, Path: "ask", Name: "answer", Value: value.OfInt(1)}))
	require.ErrorIs(t, j.Suspend(t.Context(), parent), ErrAnswered)
	runs, err := j.Runs(t.Context(), Filter{})
	require.NoError(t, err)
	require.Len(t, runs, 1, "runs of nodes are not listed unless asked for")
	runs, err = j.Runs(t.Context(), Filter{Children: true})
	require.NoError(t, err)
	require.Len(t, runs, 2)
	children, err := j.Children(t.Context(), parent.ID)
	require.NoError(t, err)
	require.Equal(t, child.ID, children[0].ID)
	got, err := j.ByTrigger(t.Context(), child.Trigger)
	require.NoError(t, err)
	require.Equal(t, child.ID, got.ID)
	_, err = j.ByTrigger(t.Context(), "another")
	require.ErrorIs(t, err, ErrNoRun)
}

// All answers of one call are recorded or none.
func TestAnswersToARunThatHasEnded(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	accept(t, j, runID(1))
	gone := newRun(runID(2))
	require.NoError(t, j.Accept(t.Context(), gone))
	require.NoError(t, j.Finish(t.Context(), end(gone, Completed)))
	err := j.Answer(t.Context(), Answer{Run: runID(1), Path: "a", Name: "answer", Value: value.OfInt(1)}, Answer{Run: runID(2), Path: "a", Name: "answer", Value: value.OfInt(1)})
	require.ErrorIs(t, err, ErrEnded)
	answers, err := j.Answers(t.Context(), runID(1))
	require.NoError(t, err)
	require.Empty(t, answers)
	require.ErrorIs(t, j.Answer(t.Context(), Answer{Run: runID(9)}), ErrNoRun)
}

// What a node's run left stays while the run around it is open, however old; then both go, answers too.
func TestRunsOfNodesStayWhileTheirRunIsOpen(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	old := time.Now().Add(-100 * time.Hour)
	parent, child := newRun(runID(1)), newRun(runID(2))
	parent.Accepted, child.Accepted, child.Parent, child.ParentPath = old, old, parent.ID, "sub"
	require.NoError(t, j.Accept(t.Context(), parent))
	require.NoError(t, j.Accept(t.Context(), child))
	require.NoError(t, j.Answer(t.Context(), Answer{Run: child.ID, Path: "ask", Name: "answer", Value: value.OfInt(1)}))
	done := end(child, Completed)
	done.Finished = old
	require.NoError(t, j.Finish(t.Context(), done))
	require.NoError(t, j.Retain(t.Context(), time.Hour, 0))
	_, err := j.Run(t.Context(), child.ID)
	require.NoError(t, err)

	done = end(parent, Completed)
	done.Finished = old
	require.NoError(t, j.Finish(t.Context(), done))
	require.NoError(t, j.Retain(t.Context(), time.Hour, 0))
	_, err = j.Run(t.Context(), child.ID)
	var gone *NotFoundError
	require.ErrorAs(t, err, &gone)
	answers, err := j.Answers(t.Context(), child.ID)
	require.NoError(t, err)
	require.Empty(t, answers)
}
