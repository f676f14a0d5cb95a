package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
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
	large, err := value.New("string", bytes.Repeat([]byte("a"), inlineResult+1))
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

// TestReaderGoesOnFromTheLastNumber records from many callers while a reader follows: it must see every number once, in order.
func TestReaderGoesOnFromTheLastNumber(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	const callers, each, runs = 16, 40, 2
	for n := range runs {
		accept(t, j, runID(n))
	}
	var wg sync.WaitGroup
	errs := make(chan error, callers*2)
	for c := range callers {
		wg.Go(func() {
			for n := range each {
				id := runID((c + n) % runs)
				err := j.Record(t.Context(), benchInvocation(id, c*each+n))
				errs <- errors.Join(err, j.Append(t.Context(), &Event{Run: id, At: time.UnixMicro(1), Type: "log_update", Data: []byte(`{}`)}))
			}
		})
	}
	follow := func(look *Journal, run string) {
		last := int64(0)
		for last < callers*each*2/runs {
			page, err := look.Events(t.Context(), run, last, 7)
			if err != nil {
				errs <- err
				return
			}
			for _, e := range page {
				if e.Seq != last+1 {
					errs <- fmt.Errorf("run %s: %d comes after %d", run, e.Seq, last)
					return
				}
				last = e.Seq
			}
		}
	}
	look := open(t, dir, Options{ReadOnly: true})
	wg.Go(func() { follow(look, runID(0)) })
	wg.Go(func() { follow(j, runID(1)) })
	go func() { wg.Wait(); close(errs) }()
	for err := range errs {
		require.NoError(t, err)
	}
}

// TestNumbersOfAFailedWriteAreGivenAgain: a member that fails must leave no gap, for itself and those that shared its batch.
func TestNumbersOfAFailedWriteAreGivenAgain(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	accept(t, j, runID(1))
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			run := runID(1 + n%2) // every other one has no such run
			err := j.Record(t.Context(), benchInvocation(runID(1), 100+n), benchInvocation(run, n))
			if (n%2 == 1) != errors.Is(err, ErrNoRun) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	events, err := j.Events(t.Context(), runID(1), 0, math.MaxInt)
	require.NoError(t, err)
	require.Len(t, events, 60)
	for i, e := range events {
		require.Equal(t, int64(i+1), e.Seq)
	}
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

func TestNoNumberTwiceOverARestart(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), dir, Options{})
	require.NoError(t, err)
	accept(t, j, runID(1))
	inv := benchInvocation(runID(1), 1)
	inv.Status = FailedNode
	require.NoError(t, j.Record(t.Context(), inv))
	require.NoError(t, j.Begin(t.Context(), *inv))
	require.NoError(t, j.Close())
	j = open(t, dir, Options{})
	events, err := j.Events(t.Context(), runID(1), 0, math.MaxInt)
	require.NoError(t, err)
	require.Empty(t, events, "it goes on again")
	inv.Status = Ran
	require.NoError(t, j.Record(t.Context(), inv))
	require.Equal(t, int64(2), inv.Seq, "somebody has seen 1")
}

// TestManyEndsAtOnce writes ends of which some are there already, and events among them, and compares with the same one by one.
func TestManyEndsAtOnce(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_000_000)
	of := func(run string, n int, s InvocationStatus) Entry {
		return Entry{Invocation: &Invocation{Run: run, Path: fmt.Sprintf("all[%d].n", n), Attempt: 1, Status: s, Site: "all.n", Type: "mix",
			Started: at, Ended: at.Add(time.Duration(n)), Outputs: []Named{{Name: "n", Value: value.OfInt(int64(n))}}, Log: []byte("info: a\n"[:8*(n%2)]), Began: n%3 == 0}}
	}
	list := func(run string) (entries []Entry) {
		for n := range 200 {
			s := Ran
			if n == 150 {
				s = Started
			}
			entries = append(entries, of(run, n, s))
			if n == 90 {
				entries = append(entries, Entry{Event: &Event{Run: run, At: at, Type: "log_update", Data: []byte(`{}`)}})
			}
		}
		return entries
	}
	j := open(t, t.TempDir(), Options{})
	var got [2][]Invocation
	var seqs [2][]int64
	for i, alone := range []bool{true, false} {
		run := accept(t, j, runID(i+1)).ID
		for _, n := range []int{40, 41, 199} { // as of a process that was killed
			require.NoError(t, j.Write(t.Context(), of(run, n, Ran)))
		}
		require.NoError(t, j.Write(t.Context(), of(run, 42, FailedNode)))
		entries := list(run)
		if alone {
			for _, e := range entries {
				require.NoError(t, j.Write(t.Context(), e))
			}
		} else {
			require.NoError(t, j.Write(t.Context(), entries...))
		}
		for _, e := range entries {
			if e.Event != nil {
				seqs[i] = append(seqs[i], e.Event.Seq)
				continue
			}
			seqs[i] = append(seqs[i], e.Invocation.Seq)
			require.Equal(t, slices.Contains([]string{"all[40].n", "all[41].n", "all[199].n"}, e.Invocation.Path), e.Invocation.Kept, e.Invocation.Path)
		}
		var err error
		got[i], err = j.Invocations(t.Context(), run, "")
		require.NoError(t, err)
		for n := range got[i] {
			got[i][n].Run = ""
		}
	}
	require.Len(t, got[0], 200)
	require.Equal(t, seqs[0], seqs[1])
	require.Equal(t, got[0], got[1])
}
