package cache

import (
	"context"
	"errors"
	"os"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/cache/sqlite"
	"levee/graph/value"
)

// heldUp keeps the writer from doing anything until release is called.
func heldUp(t *testing.T, c *Cache) (release func()) {
	began, end, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		over <- c.write(context.Background(), func(*sqlite.Tx) error { close(began); <-end; return nil })
	}()
	<-began
	return func() {
		close(end)
		require.NoError(t, <-over)
	}
}

func TestResultIsFoundBeforeItIsStored(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	release := heldUp(t, c)
	mark, key := c.Mark(), keyOf("sample", 3)
	e := sample(t, c, 3)
	require.NoError(t, c.PutSoon(t.Context(), e))
	stored := make(chan error, 1)
	c.WhenStored(e, func(err error) { stored <- err })
	require.False(t, e.Stored())
	require.True(t, c.PutSince(mark, key))
	require.False(t, c.PutSince(c.Mark(), key))
	require.False(t, c.PutSince(mark, keyOf("another")))

	found, err := c.Get(t.Context(), key)
	require.NoError(t, err)
	checkSample(t, c, 3, found)
	require.False(t, found.Stored())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Flush(ctx), context.Canceled)
	select {
	case <-stored:
		t.Fatal("it cannot be stored: the writer is held up")
	default:
	}
	release()
	require.NoError(t, c.Flush(t.Context()))
	require.NoError(t, <-stored)
	c.WhenStored(e, func(err error) { stored <- err })
	require.NoError(t, <-stored, "at once")
	require.EqualValues(t, 1, c.Stats().Stored)
	require.Empty(t, c.puts.found)
	require.Zero(t, c.puts.bytes)

	found, err = c.Get(t.Context(), key)
	require.NoError(t, err)
	checkSample(t, c, 3, found)
	require.True(t, found.Stored())
}

func TestCloseStoresWhatWasPut(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	for n := range 100 {
		require.NoError(t, c.PutSoon(t.Context(), sample(t, c, n)))
	}
	require.NoError(t, c.Close())
	c = open(t, dir, Options{})
	for n := range 100 {
		found, err := c.Get(t.Context(), keyOf("sample", n))
		require.NoError(t, err)
		checkSample(t, c, n, found)
	}
	require.Error(t, errors.Join(c.Close(), c.Put(t.Context(), sample(t, c, 1))), "nothing is stored any more")
}

func TestWhoWaitsWaitsForNoCompany(t *testing.T) {
	c := open(t, t.TempDir(), Options{wait: time.Hour})
	require.NoError(t, c.PutSoon(t.Context(), sample(t, c, 1)))
	require.NoError(t, c.Put(t.Context(), sample(t, c, 2)))
	require.NoError(t, c.PutSoon(t.Context(), sample(t, c, 3)))
	require.NoError(t, c.Flush(t.Context()))
	last, stored := sample(t, c, 4), make(chan error, 1)
	require.NoError(t, c.PutSoon(t.Context(), last))
	c.WhenStored(last, func(err error) { stored <- err })
	c.Hurry()
	require.NoError(t, <-stored)
	for n := range 2 * batchMost { // and enough is no longer few
		require.NoError(t, c.PutSoon(t.Context(), &Entry{Key: keyOf("many", n)}))
	}
	require.NoError(t, c.PutSoon(t.Context(), sample(t, c, 6)))
	require.NoError(t, c.Close())
	require.EqualValues(t, 4+2*batchMost+1, c.Stats().Stored)
}

// One batch holds keys that are there, keys twice, and new ones.
func TestBatchReplacesWhatIsThere(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	old := func(n int) *Entry {
		return &Entry{Key: keyOf(n), Site: "w#old", Outputs: []value.Value{value.OfString("old")}}
	}
	for n := range 20 {
		require.NoError(t, c.Put(t.Context(), old(3*n)))
	}
	release := heldUp(t, c)
	for n := range 60 {
		require.NoError(t, c.PutSoon(t.Context(), old(n)))
		if n%2 == 0 {
			require.NoError(t, c.PutSoon(t.Context(), &Entry{Key: keyOf(n), Site: "w#new", Outputs: []value.Value{value.OfInt(int64(n))}}))
		}
	}
	release()
	require.NoError(t, c.Flush(t.Context()))
	for n := range 60 {
		want, site := value.OfString("old"), "w#old"
		if n%2 == 0 {
			want, site = value.OfInt(int64(n)), "w#new"
		}
		e, err := c.Detail(t.Context(), keyOf(n))
		require.NoError(t, err)
		require.Equal(t, want.Digest, e.Outputs[0].Digest)
		require.Equal(t, site, e.Site)
	}
	u, err := c.Usage(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 60, u.Entries)
	r, err := c.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, r.Clean())
}

func TestOnlySoMuchIsOnItsWay(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	release := sync.OnceFunc(heldUp(t, c))
	defer release()
	large := value.OfString(strings.Repeat("x", value.InlineMax))
	var wg sync.WaitGroup
	for n := range 2 * batchBytes / value.InlineMax {
		wg.Go(func() {
			if err := c.PutSoon(context.Background(), &Entry{Key: keyOf(n), Outputs: []value.Value{large}}); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool {
		c.puts.mu.Lock()
		defer c.puts.mu.Unlock()
		return c.puts.bytes > batchBytes-value.InlineMax
	}, patience, time.Millisecond)
	c.puts.mu.Lock()
	require.LessOrEqual(t, c.puts.bytes, int64(batchBytes))
	c.puts.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() { cancel() })
	require.ErrorIs(t, c.PutSoon(ctx, &Entry{Key: keyOf("late"), Outputs: []value.Value{large}}), context.Canceled)
	release()
	wg.Wait()
	require.NoError(t, c.Flush(t.Context()))
	require.EqualValues(t, 2*batchBytes/value.InlineMax, c.Stats().Stored)
}

// TestLookUpsAtOnce has many more goroutines than there are readers look keys up, of others and the same, that are stored meanwhile, and go
// away and come again, so that readers leave and come: what was put before is found, and everybody gets an answer.
func TestLookUpsAtOnce(t *testing.T) {
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(8))
	c := open(t, t.TempDir(), Options{})
	want := func(g, n int) value.Digest { return value.OfInt(int64(g*10_000 + n)).Digest }
	look := func(g, n int) {
		if e, err := c.Get(t.Context(), keyOf(g, n)); err != nil || e.Outputs[0].Digest != want(g, n) {
			t.Errorf("%d/%d: %v", g, n, err)
		}
	}
	rounds := 30
	if os.Getenv("LEVEE_SOAK") != "" {
		rounds = 300
	}
	for round := range rounds {
		var wg sync.WaitGroup
		for g := range 64 {
			wg.Go(func() {
				for n := 3 * round; n < 3*round+3; n++ {
					if err := c.PutSoon(t.Context(), &Entry{Key: keyOf(g, n), Outputs: []value.Value{value.OfInt(int64(g*10_000 + n))}}); err != nil {
						t.Error(err)
					}
					look(g, n)
					look(g, n/2)
					if round > 0 { // of another goroutine, and one key of all
						look((g+n)%64, n%(3*round))
						look(7, 3*round-1)
					}
					if _, err := c.Get(t.Context(), keyOf(g, 3*rounds+n)); !errors.Is(err, ErrMiss) {
						t.Errorf("%d/%d was never put: %v", g, 3*rounds+n, err)
					}
				}
			})
		}
		wg.Wait()
		c.looks.mu.Lock()
		require.Empty(t, c.looks.waiting)
		c.looks.mu.Unlock()
	}
}
