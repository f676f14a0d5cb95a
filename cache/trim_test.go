package cache

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func held(t *testing.T, c *Cache, name string) bool {
	t.Helper()
	return c.one(keyOf(name)) != nil
}

func TestTrimTakesTheLeastWorthFirst(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	put := func(name string, cost time.Duration) {
		require.NoError(t, c.Put(t.Context(), &Entry{Key: keyOf(name), Cost: cost, Outputs: []value.Value{value.OfBytes(blob(1, 100<<10))}}))
	}
	put("old and cheap", 0)
	put("old and used", 0)
	put("old and costly", time.Hour)
	clk.add(48 * time.Hour)
	put("new", 0)
	require.True(t, held(t, c, "old and used"))
	u, err := c.Usage(t.Context())
	require.NoError(t, err)

	done, err := c.Trim(t.Context(), u.Bytes())
	require.NoError(t, err)
	require.Zero(t, done, "small enough already")
	done, err = c.Trim(t.Context(), u.Bytes()-1)
	require.NoError(t, err)
	require.Equal(t, 1, done.Entries)
	require.GreaterOrEqual(t, done.Bytes, int64(100<<10))
	require.False(t, held(t, c, "old and cheap"))
	require.True(t, held(t, c, "old and used"))
	require.True(t, held(t, c, "old and costly"))
	require.True(t, held(t, c, "new"))
	require.EqualValues(t, 1, c.Stats().Trimmed)

	_, err = c.Trim(t.Context(), 0)
	require.NoError(t, err)
	u, err = c.Usage(t.Context())
	require.NoError(t, err)
	require.Zero(t, u.Entries)
}

func TestTrimInSlicesGivesSpaceBack(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	const n = trimSlice*2 + 100
	for i := range n {
		require.NoError(t, c.Put(t.Context(), &Entry{Key: keyOf(i), Outputs: []value.Value{value.OfBytes(blob(uint64(i), 2000))}}))
	}
	before, err := c.Usage(t.Context())
	require.NoError(t, err)
	done, err := c.Trim(t.Context(), before.Bytes()/4)
	require.NoError(t, err)
	require.Greater(t, done.Entries, trimSlice)
	require.Less(t, done.Entries, n)
	after, err := c.Usage(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, after.Bytes(), before.Bytes()/4)
	require.Equal(t, int64(n-done.Entries), after.Entries)
	p, err := c.db.Load().Pages(t.Context())
	require.NoError(t, err)
	require.Less(t, p.Total*4096, before.RowBytes)
	r, err := c.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, r.Clean(), "%+v", r)
}

func TestTrimKeepsWhatOpenRunsUse(t *testing.T) {
	clk := &clock{at: time.Now()}
	var opened time.Time
	c := open(t, t.TempDir(), Options{now: clk.now, KeepSince: func() time.Time { return opened }})
	require.NoError(t, c.Put(t.Context(), sample(t, c, 5)))
	clk.add(24 * time.Hour)
	opened = clk.now()
	require.NoError(t, c.Put(t.Context(), sample(t, c, 10)))
	input, err := c.PutValue(t.Context(), value.Bytes, blob(77, value.InlineMax+7)) // needed by no result
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(c.files.path(input.Digest), clk.now(), clk.now()))
	clk.add(72 * time.Hour)
	_, err = c.Trim(t.Context(), 0)
	require.NoError(t, err)
	_, err = c.Get(t.Context(), keyOf("sample", 5))
	require.ErrorIs(t, err, ErrMiss)
	e, err := c.Get(t.Context(), keyOf("sample", 10))
	require.NoError(t, err)
	checkSample(t, c, 10, e)
	require.True(t, there(c, input))
	opened = time.Time{}
	_, err = c.Trim(t.Context(), 0)
	require.NoError(t, err)
	require.False(t, there(c, input))
}

func TestFilesGoWithTheirLastResult(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	shared, err := c.PutValue(t.Context(), value.Bytes, blob(1, value.InlineMax+1))
	require.NoError(t, err)
	for _, name := range []string{"a", "b"} {
		require.NoError(t, c.Put(t.Context(), &Entry{Key: keyOf(name), Outputs: []value.Value{shared}}))
		clk.add(2 * time.Hour)
	}
	var ids []int64
	items, err := c.List(t.Context(), 0, 10)
	require.NoError(t, err)
	for _, it := range items {
		ids = append(ids, it.ID)
	}
	var done Trimmed
	require.NoError(t, c.trimSlice(t.Context(), &done, ids[:1]))
	require.True(t, there(c, shared))
	require.NoError(t, c.trimSlice(t.Context(), &done, ids[1:]))
	require.False(t, there(c, shared))
	require.Equal(t, 1, done.Files)
}

func TestTrimLeavesFilesOfFreshHits(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	require.NoError(t, c.Put(t.Context(), sample(t, c, 5)))
	clk.add(24 * time.Hour)
	e, err := c.Get(t.Context(), keyOf("sample", 5))
	require.NoError(t, err)
	_, err = c.Trim(t.Context(), 0)
	require.NoError(t, err)
	f, err := c.Open(t.Context(), e.Outputs[3])
	require.NoError(t, err, "a hit whose values are gone before they are opened is of no use")
	require.NoError(t, f.Close())
}

func TestSweepTakesOrphansAndLeftovers(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	orphan, err := c.PutValue(t.Context(), value.Bytes, blob(1, value.InlineMax+1))
	require.NoError(t, err)
	leftover := filepath.Join(c.files.tmp(), "put-crashed")
	require.NoError(t, os.WriteFile(leftover, []byte("x"), 0o600))
	require.NoError(t, c.Put(t.Context(), sample(t, c, 5)))
	_, err = c.Trim(t.Context(), 1<<40)
	require.NoError(t, err)
	require.True(t, there(c, orphan), "somebody may be about to use it")
	require.FileExists(t, leftover)
	clk.add(orphanGrace + time.Hour)
	_, err = c.Trim(t.Context(), 1<<40)
	require.NoError(t, err)
	require.False(t, there(c, orphan))
	require.NoFileExists(t, leftover)
	e, err := c.Get(t.Context(), keyOf("sample", 5))
	require.NoError(t, err)
	checkSample(t, c, 5, e)
}

func TestBackgroundTrimKeepsTheLimit(t *testing.T) {
	c := open(t, t.TempDir(), Options{MaxBytes: 2 << 20})
	for i := range 60 {
		require.NoError(t, c.Put(t.Context(), &Entry{Key: keyOf(i), Outputs: []value.Value{value.OfBytes(blob(uint64(i), 100<<10))}}))
	}
	require.Eventually(t, func() bool {
		u, err := c.Usage(t.Context())
		return err == nil && u.Bytes() <= 2<<20 && c.Stats().Trimmed > 0
	}, patience, 5*time.Millisecond)
}

func TestWorthGrowsWithCost(t *testing.T) {
	require.Equal(t, worth(3600*100, 1<<20, 0), int64(100))
	require.Greater(t, worth(0, 1000, 1e6), worth(0, 1000, 1e3))
	require.Greater(t, worth(0, 1000, 1e6), worth(0, 1e6, 1e6))
	require.Equal(t, int64(30*24), worth(0, 0, 1<<62))
	require.Equal(t, int64(0), worth(0, -5, -5))
}

func TestVerifyRemovesWhatIsDamaged(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	for n := range 150 {
		require.NoError(t, c.Put(t.Context(), sample(t, c, n)))
	}
	r, err := c.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, r.Clean())
	require.Equal(t, 150, r.Entries)
	require.Equal(t, 30, r.Files)

	e, err := c.Get(t.Context(), keyOf("sample", 10))
	require.NoError(t, err)
	path := c.files.path(e.Outputs[3].Digest)
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, blob(99, int(e.Outputs[3].Size)), 0o600))
	db := c.db.Load()
	require.NoError(t, db.Write(t.Context(), execSQL(`UPDATE action SET body = zeroblob(length(body)) WHERE id = 3`)))
	require.NoError(t, db.Write(t.Context(), execSQL(`UPDATE detail SET body = x'00' WHERE id = 4`)))
	r, err = c.Verify(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, r.BadEntries)
	require.Equal(t, 1, r.BadFiles)
	require.Equal(t, 1, r.Incomplete, "the entry whose file was bad")
	r, err = c.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, r.Clean(), "%+v", r)
	require.Equal(t, 147, r.Entries)
}

// there looks for a value file without noting a use.
func there(c *Cache, v value.Value) bool {
	_, err := c.files.stat(v.Digest)
	return err == nil
}
