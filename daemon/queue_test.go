package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon/journal"
)

// turns gives tickets turns one after the other and says whose they were.
func turns(tickets map[*ticket]string, most int) (order []string) {
	for len(order) < most {
		var next *ticket
		for t := range tickets {
			if t.begun() {
				next = t
			}
		}
		if next == nil {
			return order
		}
		order = append(order, tickets[next])
		delete(tickets, next)
		next.leave()
	}
	return order
}

func TestOneRunDoesNotWaitForAllOfAnotherWorkflow(t *testing.T) {
	q := newQueue(1)
	first := q.enter("busy", false) // has its turn
	tickets := map[*ticket]string{}
	for n := range 490 {
		tickets[q.enter("busy", false)] = fmt.Sprint("busy", n)
	}
	other := q.enter("other", false)
	tickets[other] = "other"
	require.Equal(t, 2, other.position())
	first.leave()
	order := turns(tickets, 1000)
	require.Len(t, order, 491)
	require.Equal(t, "other", order[1])
	for n := range 490 {
		at := n
		if n > 0 {
			at++
		}
		require.Equal(t, fmt.Sprint("busy", n), order[at], "in the order in which they came")
	}
	require.Empty(t, q.lines)
	require.Empty(t, q.ring)
	require.Zero(t, q.running)
}

func TestPositionsAreTheTurnsToCome(t *testing.T) {
	for range 200 {
		q := newQueue(1)
		begin := q.enter("none", false)
		tickets := map[*ticket]string{}
		var list []*ticket
		var queue []journal.Run
		for n := range rand.IntN(40) {
			w := fmt.Sprint("w", rand.IntN(5))
			tk := q.enter(w, false)
			tickets[tk] = fmt.Sprint(n)
			list = append(list, tk)
			queue = append(queue, journal.Run{ID: fmt.Sprint(n), Workflow: w})
		}
		want := map[string]int{}
		for n, tk := range list {
			want[fmt.Sprint(n)] = tk.position()
		}
		require.Equal(t, want, places(queue), "what is told from the history")
		begin.leave()
		for i, id := range turns(tickets, 1000) {
			require.Equal(t, want[id], i+1)
		}
	}
}

func TestSoManyAtATimeAndSerialOnesAlone(t *testing.T) {
	q := newQueue(3)
	a1, a2, b1, b2, b3 := q.enter("a", true), q.enter("a", true), q.enter("b", false), q.enter("b", false), q.enter("b", false)
	has := func(tickets ...*ticket) (list []bool) {
		for _, tk := range tickets {
			list = append(list, tk.begun())
		}
		return list
	}
	require.Equal(t, []bool{true, false, true, true, false}, has(a1, a2, b1, b2, b3))
	b1.leave()
	require.Equal(t, []bool{false, true}, has(a2, b3), "a serial run in front does not hold up the others")
	a1.leave()
	require.True(t, a2.begun())
	require.Equal(t, 3, q.begun())

	waits := q.enter("a", true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, waits.wait(ctx, nil))
	waits.leave()
	closed := make(chan struct{})
	close(closed)
	require.False(t, b2.wait(t.Context(), closed), "nothing is started any more")
	for _, tk := range []*ticket{a2, b2, b3} {
		tk.leave()
	}
	require.Empty(t, q.lines)
}
