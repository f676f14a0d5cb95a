package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func runID(n int) string { return fmt.Sprintf("%016x", n) }

func newRun(id string) *Run {
	return &Run{
		ID: id, Trigger: "t" + id, Workflow: "/flows/thumbs.flow.yaml", Name: "thumbs", Source: []byte("levee: 1\n"), Why: "by hand",
		Status: Queued, Accepted: time.UnixMicro(1_700_000_000_000_000),
		Inputs: []Named{{Name: "width", Value: value.OfInt(256)}},
	}
}

func open(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	j, err := Open(t.Context(), dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

func accept(t testing.TB, j *Journal, id string) *Run {
	t.Helper()
	r := newRun(id)
	require.NoError(t, j.Accept(t.Context(), r))
	return r
}

func end(r *Run, s Status) *Run {
	r.Status, r.Finished = s, r.Accepted.Add(time.Minute)
	return r
}

func TestRunReadsAsItWasWritten(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	r := newRun(runID(1))
	big := value.Stored("image", value.Sum([]byte("elsewhere")), 1<<30)
	r.File, r.Inputs = "in/a.jpg", append(r.Inputs, Named{Name: "photo", Value: big}, Named{Name: "none", Value: value.OfString("")})
	r.Files = []value.FileRef{{Path: "in/a.jpg", Size: 7, Digest: value.Sum([]byte("a"))}}
	require.NoError(t, j.Accept(t.Context(), r))
	got, err := j.Run(t.Context(), runID(1))
	require.NoError(t, err)
	r.Outputs = []Named{}
	require.Equal(t, *r, got)

	end(r, Failed)
	r.Error, r.Code, r.Cause, r.Counts = "too big", "E_MEMORY", "photos[3].small", Counts{1, 2, 3, 4}
	r.Outputs = []Named{{Name: "n", Value: value.OfInt(-1)}}
	require.NoError(t, j.Finish(t.Context(), r))
	got, err = j.Run(t.Context(), "00000000")
	require.NoError(t, err)
	require.Equal(t, *r, got)
}

func TestTriggerStartsOneRun(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	first := accept(t, j, runID(1))
	require.NoError(t, j.Accept(t.Context(), first), "the same run again: it may have been stored when that seemed to fail")
	second := newRun(runID(2))
	second.Trigger = first.Trigger
	var dup *DuplicateError
	require.ErrorAs(t, j.Accept(t.Context(), second), &dup)
	require.Equal(t, &DuplicateError{Run: first.ID, Status: Queued}, dup)
	runs, err := j.Runs(t.Context(), Filter{})
	require.NoError(t, err)
	require.Len(t, runs, 1)
}

func TestRunEndsOnce(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	r := end(accept(t, j, runID(1)), Completed)
	stale := *r
	won, err := j.Claim(t.Context(), r)
	require.NoError(t, err)
	require.True(t, won)
	won, err = j.Claim(t.Context(), &Run{ID: r.ID})
	require.NoError(t, err)
	require.False(t, won, "of that epoch it was taken")
	require.ErrorIs(t, j.Finish(t.Context(), &stale), ErrTaken)
	require.ErrorContains(t, j.Finish(t.Context(), r), "no end")
	require.NoError(t, j.Finish(t.Context(), end(r, Completed)))
	require.NoError(t, j.Finish(t.Context(), r), "the same end")
	other := *r
	other.Status = Failed
	require.ErrorIs(t, j.Finish(t.Context(), &other), ErrEnded)
	won, err = j.Claim(t.Context(), r)
	require.NoError(t, err)
	require.False(t, won)
	require.ErrorIs(t, j.Finish(t.Context(), end(newRun(runID(9)), Failed)), ErrNoRun)
	got, err := j.Run(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, Completed, got.Status)
}

func TestRunByPrefix(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	for _, id := range []string{"00aa000000000001", "00aa000000000002", "00ab000000000003"} {
		accept(t, j, id)
	}
	r, err := j.Run(t.Context(), "00ab")
	require.NoError(t, err)
	require.Equal(t, "00ab000000000003", r.ID)
	var missing *NotFoundError
	_, err = j.Run(t.Context(), "00aa")
	require.ErrorAs(t, err, &missing)
	require.Len(t, missing.Many, 2)
	for _, prefix := range []string{"", "ff", "%", "00AA", "' OR 1"} {
		_, err = j.Run(t.Context(), prefix)
		require.ErrorAs(t, err, &missing, prefix)
		require.Empty(t, missing.Many)
	}
}

func TestRunsNewestFirstAndFiltered(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	for n := range 6 {
		r := newRun(runID(n + 1))
		r.Accepted = r.Accepted.Add(time.Duration(n/2) * time.Second) // two at a time
		if n%2 == 1 {
			r.Workflow, r.File = "/flows/other.flow.yaml", "a"
		}
		require.NoError(t, j.Accept(t.Context(), r))
		if n < 3 {
			require.NoError(t, j.Finish(t.Context(), end(r, Failed)))
		}
	}
	for _, c := range []struct {
		f    Filter
		want []int
	}{
		{Filter{}, []int{6, 5, 4, 3, 2, 1}},
		{Filter{Last: 2}, []int{6, 5}},
		{Filter{Status: []Status{Failed}}, []int{3, 2, 1}},
		{Filter{Status: []Status{Queued, Running}}, []int{6, 5, 4}},
		{Filter{Status: []Status{Queued}, Workflow: "/flows/other.flow.yaml", File: "a"}, []int{6, 4}},
		{Filter{Workflow: "/flows/other.flow.yaml", File: "a", Last: 1}, []int{6}},
		{Filter{Workflow: "/flows/other.flow.yaml"}, nil},
	} {
		runs, err := j.Runs(t.Context(), c.f)
		require.NoError(t, err)
		var got []int
		for _, r := range runs {
			var n int
			fmt.Sscanf(r.ID, "%x", &n)
			got = append(got, n)
		}
		require.Equal(t, c.want, got, "%+v", c.f)
	}
}

func TestInvocationReadsAsItWasWritten(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	accept(t, j, runID(1))
	inv := benchInvocation(runID(1), 3)
	inv.Status, inv.Error, inv.Code, inv.Cause, inv.Effect, inv.Compile = FailedNode, "no\x00\xff", "E", "c", true, time.Millisecond
	inv.Log = make([]byte, maxLog+1)
	inv.Outputs = append(inv.Outputs, Named{Name: "small", Value: value.OfInt(1)})
	require.NoError(t, j.Record(t.Context(), inv))
	require.Equal(t, int64(2), inv.Seq, "its log is a message too")
	list, err := j.Invocations(t.Context(), runID(1), "")
	require.NoError(t, err)
	inv.Log = inv.Log[:maxLog]
	require.Equal(t, []Invocation{*inv}, list) // with the bytes of its values: what had an effect may not run again for them

	pure := benchInvocation(runID(1), 4)
	large, err := value.New(t.Context(), "string", bytes.Repeat([]byte("a"), inlineResult+1))
	require.NoError(t, err)
	pure.Outputs = []Named{{Name: "small", Value: value.OfInt(1)}, {Name: "large", Value: large}}
	require.NoError(t, j.Record(t.Context(), pure))
	list, err = j.Invocations(t.Context(), runID(1), pure.Path)
	require.NoError(t, err)
	require.Equal(t, []Named{{Name: "small", Value: value.OfInt(1)}, {Name: "large", Value: value.Stored("string", large.Digest, large.Size)}}, list[0].Outputs)
	require.ErrorIs(t, j.Record(t.Context(), benchInvocation(runID(2), 1)), ErrNoRun)
	require.ErrorIs(t, j.Append(t.Context(), &Event{Run: runID(2)}), ErrNoRun)
}

func TestInvocationsUnder(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	accept(t, j, runID(1))
	for _, p := range [][2]string{
		{"photos[0].small", "photos.small"}, {"photos[10].small", "photos.small"}, {"photos[1].decode", "photos.decode"}, {"photos2", "photos2"},
		{"photos", "photos"}, {"plain.a", "plain.a"}, {"plain.ab", "plain.ab"}, {"report", "report"},
	} {
		require.NoError(t, j.Record(t.Context(), &Invocation{Run: runID(1), Path: p[0], Site: p[1], Attempt: 1, Status: Ran}))
	}
	for under, want := range map[string][]string{
		"photos":          {"photos[0].small", "photos[10].small", "photos[1].decode", "photos"},
		"photos[1]":       {"photos[1].decode"},
		"photos.small":    {"photos[0].small", "photos[10].small"},
		"photos[0].small": {"photos[0].small"},
		"plain.a":         {"plain.a"}, "plain": {"plain.a", "plain.ab"}, "report": {"report"}, "rep": nil, "%": nil, "photos.": nil,
	} {
		list, err := j.Invocations(t.Context(), runID(1), under)
		require.NoError(t, err)
		var got []string
		for _, i := range list {
			got = append(got, i.Path)
		}
		require.Equal(t, want, got, under)
	}
}

func TestEndThatBroughtAResultStays(t *testing.T) {
	for _, first := range []InvocationStatus{Started, Ran, Cached, Skipped, FailedNode, CancelledNode} {
		for _, second := range []InvocationStatus{Started, Ran, Cached, Skipped, FailedNode, CancelledNode} {
			t.Run(fmt.Sprintf("%s,%s", first, second), func(t *testing.T) {
				j := open(t, t.TempDir(), Options{})
				accept(t, j, runID(1))
				a, b := benchInvocation(runID(1), 1), benchInvocation(runID(1), 1)
				a.Status, b.Status, b.Peak = first, second, 7
				require.NoError(t, j.Record(t.Context(), a))
				require.NoError(t, j.Record(t.Context(), b))
				list, err := j.Invocations(t.Context(), runID(1), "")
				require.NoError(t, err)
				want := *b
				if first == Ran || first == Cached {
					want = *a
					require.Equal(t, a.Seq, b.Seq)
				}
				require.Equal(t, []Invocation{want}, list)
			})
		}
	}
}

func TestBeginIsNoEventUntilItEnds(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	accept(t, j, runID(1))
	for n := range 3 {
		require.NoError(t, j.Begin(t.Context(), *benchInvocation(runID(1), n)))
	}
	look := open(t, dir, Options{ReadOnly: true})
	events, err := look.Events(t.Context(), runID(1), 0, math.MaxInt)
	require.NoError(t, err)
	require.Empty(t, events)
	list, err := look.Invocations(t.Context(), runID(1), "")
	require.NoError(t, err)
	require.Len(t, list, 3)
	for _, i := range list {
		require.Equal(t, Started, i.Status)
		require.Zero(t, i.Seq)
	}
	inv := benchInvocation(runID(1), 1)
	require.NoError(t, j.Record(t.Context(), inv))
	events, err = look.Events(t.Context(), runID(1), 0, math.MaxInt)
	require.NoError(t, err)
	require.Equal(t, []Event{told(inv.end())}, events)
	text, err := json.Marshal(events[0])
	require.NoError(t, err)
	require.Equal(t, `{"type":"node_update","job_id":"`+runID(1)+`","seq":1,"at":"2023-11-14T22:13:20.000021Z","workflow_id":"/flows/thumbs.flow.yaml",`+
		`"node_id":"photos[1].small","node_name":"small","node_type":"image/resize","attempt":1,"status":"completed","cached":true,`+
		`"result":{"image":{"type":"image","size":120000,"digest":"`+inv.Outputs[0].Value.Digest.String()+`"}},`+
		`"started_at":"2023-11-14T22:13:20.000001Z","completed_at":"2023-11-14T22:13:20.000021Z","peak":1048576}`, string(text))
}

func TestLongRun(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	const size = 50_000
	fill(t, j, runID(1), size)
	list, err := j.Invocations(t.Context(), runID(1), "")
	require.NoError(t, err)
	require.Len(t, list, size)
	last, err := j.Events(t.Context(), runID(1), size-10, 20)
	require.NoError(t, err)
	require.Len(t, last, 10)
	page, err := j.Events(t.Context(), runID(1), 5, 10)
	require.NoError(t, err)
	require.Equal(t, int64(6), page[0].Seq)
	require.Len(t, page, 10)

	// The way to them neither reads nor sorts the whole run.
	rows, err := j.store.db.Reader().Query(`EXPLAIN QUERY PLAN `+selectEvents, 1, size-10, 10)
	require.NoError(t, err)
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		require.NotContains(t, detail, "TEMP B-TREE")
		require.NotRegexp(t, `^SCAN (event|invocation)`, detail)
	}
	require.NoError(t, rows.Close())
}
