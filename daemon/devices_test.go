package daemon

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestSlotsAreTakenInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{free: 1}
		require.NoError(t, s.take(t.Context(), func() { t.Error("there was a place") }))
		var order []int
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				require.NoError(t, s.take(t.Context(), func() {}))
				order = append(order, i) // one place: one at a time
				s.give()
			})
			synctest.Wait() // it stands in the line
		}
		s.give()
		all.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
		require.NoError(t, s.take(t.Context(), func() { t.Error("nobody is there any more") }))
	})
}

// Who gives up leaves the line, also when the place comes at that moment: no place is ever lost or made.
func TestSlotsHammer(t *testing.T) {
	const places = 3
	s := &slots{free: places}
	gone := errors.New("gone")
	var inside atomic.Int32
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for n := range 300 {
				ctx, cancel := context.WithCancelCause(t.Context())
				err := s.take(ctx, func() {
					if (i+n)%3 == 0 {
						go cancel(gone)
					}
				})
				if err == nil {
					if inside.Add(1) > places {
						t.Error("too many inside")
					}
					inside.Add(-1)
					s.give()
				} else if !errors.Is(err, gone) {
					t.Error(err)
				}
				cancel(nil)
			}
		})
	}
	all.Wait()
	require.Equal(t, places, s.free)
	require.Empty(t, s.line)
}
