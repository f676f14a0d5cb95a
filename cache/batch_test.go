package cache

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// heldUp keeps the writer from doing anything until release is called.
func heldUp(t *testing.T, c *Cache) (release func()) {
	began, end, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		over <- c.write(context.Background(), func(*sql.Tx) error { close(began); <-end; return nil })
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
	}, 20*time.Second, time.Millisecond)
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

// TestLookUpsAtOnce has many goroutines look keys up that others store meanwhile: what was put before is found.
func TestLookUpsAtOnce(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for n := range 200 {
				k := keyOf(g, n)
				if err := c.PutSoon(t.Context(), &Entry{Key: k, Outputs: []value.Value{value.OfInt(int64(g*1000 + n))}}); err != nil {
					t.Error(err)
				}
				for _, back := range []int{0, n / 2, n} {
					e, err := c.Get(t.Context(), keyOf(g, n-back))
					if err != nil || e.Outputs[0].Digest != value.OfInt(int64(g*1000+n-back)).Digest {
						t.Errorf("%d/%d: %v", g, n-back, err)
					}
				}
				if _, err := c.Get(t.Context(), keyOf(g, n+1)); !errors.Is(err, ErrMiss) {
					t.Errorf("%d/%d is not there yet: %v", g, n+1, err)
				}
			}
		})
	}
	wg.Wait()
}

// Who reads is not told to, and who waits is told once: a second word in its channel would be taken for its end, or fill it for ever.
func TestOneTurnForEach(t *testing.T) {
	var ls looks
	var all []*look
	for more := true; more; {
		l := &look{turn: make(chan bool, 2)}
		all = append(all, l)
		more = ls.enter(l)
	}
	readers := ls.readers
	ls.pass()
	ls.pass()
	ls.pass()
	require.Equal(t, readers-2, ls.readers)
	for i, l := range all {
		want := 0
		if i == len(all)-1 { // the one that waits
			want = 1
		}
		require.Len(t, l.turn, want)
	}
	require.Len(t, ls.take(), len(all))
}
