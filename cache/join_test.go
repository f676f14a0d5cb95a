package cache

import (
	"context"
	"errors"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// joined is a cache of which only Join is used.
func joined() *Cache { return &Cache{} }

func TestEqualWorkRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := joined()
		var ran, shared atomic.Int64
		release := make(chan struct{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				e, other, err := c.Join(t.Context(), keyOf(1), func(context.Context) (*Entry, error) {
					ran.Add(1)
					<-release
					return &Entry{Node: "n"}, nil
				})
				if other {
					shared.Add(1)
				}
				if err != nil || e.Node != "n" {
					t.Errorf("%v %v", e, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		require.EqualValues(t, 1, ran.Load())
		require.EqualValues(t, 19, shared.Load())
		require.EqualValues(t, 19, c.Stats().Joined)
	})
}

func TestWaiterLeavesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := joined()
		release, ended := make(chan struct{}), make(chan error, 1)
		work := func(ctx context.Context) (*Entry, error) {
			select {
			case <-release:
				return &Entry{}, nil
			case <-ctx.Done():
				ended <- context.Cause(ctx)
				return nil, ctx.Err()
			}
		}
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := c.Join(first, keyOf(1), work)
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			_, other, err := c.Join(t.Context(), keyOf(1), work)
			if err != nil || !other {
				t.Error(other, err)
			}
		})
		synctest.Wait()
		leave() // the one who began it
		synctest.Wait()
		require.Empty(t, ended)
		close(release)
		wg.Wait()
	})
}

func TestLastWaiterEndsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := joined()
		ctx, leave := context.WithCancelCause(t.Context())
		stopped, release := make(chan error, 1), make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				c.Join(ctx, keyOf(1), func(ctx context.Context) (*Entry, error) {
					<-ctx.Done()
					stopped <- context.Cause(ctx)
					<-release
					return nil, ctx.Err()
				})
			})
		}
		synctest.Wait()
		why := errors.New("why")
		leave(why)
		wg.Wait()
		require.ErrorIs(t, <-stopped, why)
		// The ended work has not returned yet, and nobody may join it.
		e, other, err := c.Join(t.Context(), keyOf(1), func(context.Context) (*Entry, error) { return &Entry{Node: "new"}, nil })
		require.NoError(t, err)
		require.False(t, other)
		require.Equal(t, "new", e.Node)
		close(release)
		c.joins.close()
	})
}

func TestPanicAndGoexitBecomeErrors(t *testing.T) {
	c := joined()
	_, _, err := c.Join(t.Context(), keyOf(1), func(context.Context) (*Entry, error) { panic("boom") })
	var p *PanicError
	require.ErrorAs(t, err, &p)
	require.Equal(t, "boom", p.Value)
	e, _, err := c.Join(t.Context(), keyOf(1), func(context.Context) (*Entry, error) { goruntime.Goexit(); return nil, nil })
	require.Error(t, err)
	require.Nil(t, e)
}

func TestCloseEndsWorkInFlight(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	started := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _, err := c.Join(context.Background(), keyOf(1), func(ctx context.Context) (*Entry, error) {
			close(started)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		})
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	<-started
	require.NoError(t, c.Close())
	wg.Wait()
	_, _, err := c.Join(context.Background(), keyOf(1), nil)
	require.ErrorIs(t, err, ErrClosed)
}

func TestJoinHammer(t *testing.T) {
	c := joined()
	var wg sync.WaitGroup
	var inside [4]atomic.Int64
	for w := range 32 {
		wg.Go(func() {
			for i := range 200 {
				n := (w + i) % len(inside)
				ctx, cancel := context.WithCancel(context.Background())
				if i%3 == 0 {
					go cancel()
				}
				c.Join(ctx, keyOf(n), func(ctx context.Context) (*Entry, error) {
					if inside[n].Add(1) > 1 && ctx.Err() == nil {
						// Two at once are only right when the other one has been ended.
						goruntime.Gosched()
					}
					defer inside[n].Add(-1)
					goruntime.Gosched()
					return &Entry{}, ctx.Err()
				})
				cancel()
			}
		})
	}
	wg.Wait()
	c.joins.close()
	require.Empty(t, c.joins.open)
}
