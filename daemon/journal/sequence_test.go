package journal

import (
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
