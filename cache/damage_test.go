package cache

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/graph/value"
)

// snapshot reads the files of a cache, as a power cut would leave them.
func snapshot(t *testing.T, dir string) map[string][]byte {
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".db-shm" {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		files[rel], err = os.ReadFile(path)
		return err
	}))
	return files
}

func restore(t *testing.T, files map[string][]byte) string {
	dir := t.TempDir()
	for rel, b := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, rel)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, rel), b, 0o600))
	}
	return dir
}

// TestDamageNeverGivesAWrongResult flips, cuts, zeroes and removes at random. All hits that are left must be right, no
// error may reach the caller, and the cache must take new results.
func TestDamageNeverGivesAWrongResult(t *testing.T) {
	const entries, rounds = 40, 150
	live := open(t, t.TempDir(), Options{})
	for n := range entries {
		require.NoError(t, live.Put(t.Context(), sample(t, live, n)))
		if n == entries/2 {
			require.NoError(t, live.db.Load().Checkpoint(t.Context()))
		}
	}
	withWAL := snapshot(t, live.Dir())
	require.NoError(t, live.Close())
	folded := snapshot(t, live.Dir())
	require.Contains(t, withWAL, "cache.db-wal")

	rng := rand.New(rand.NewPCG(7, 7))
	hits, lost := 0, 0
	for round := range rounds {
		whole := [...]map[string][]byte{withWAL, folded}[round%2]
		var names []string
		for name := range whole {
			names = append(names, name)
		}
		slices.Sort(names)
		dir := restore(t, whole)
		// The database more often than one of the many value files.
		name := names[rng.IntN(len(names))]
		if rng.IntN(3) > 0 {
			name = "cache.db"
		} else if _, ok := whole["cache.db-wal"]; ok && rng.IntN(2) == 0 {
			name = "cache.db-wal"
		}
		how := damage(t, rng, filepath.Join(dir, name), whole[name])

		c, err := Open(dir, Options{Check: round%3 == 0})
		require.NoError(t, err, "%s %s", how, name)
		for n := range entries {
			e, err := c.Get(t.Context(), keyOf("sample", n))
			if err != nil {
				require.ErrorIs(t, err, ErrMiss, "%s %s", how, name)
				lost++
				continue
			}
			hits++
			checkSample(t, c, n, e)
		}
		_, err = c.Verify(t.Context())
		require.NoError(t, err, "%s %s", how, name)
		require.NoError(t, c.Put(t.Context(), sample(t, c, 1001)), "%s %s", how, name)
		e, err := c.Get(t.Context(), keyOf("sample", 1001))
		require.NoError(t, err, "%s %s", how, name)
		checkSample(t, c, 1001, e)
		require.NoError(t, c.Close())
	}
	require.Positive(t, hits)
	require.Positive(t, lost)
	t.Logf("%d hits, %d misses", hits, lost)
}

func damage(t *testing.T, rng *rand.Rand, path string, content []byte) string {
	bad := append([]byte(nil), content...)
	at := rng.IntN(len(bad))
	how := "nothing"
	switch rng.IntN(6) {
	case 0, 1, 2:
		how = "flipped"
		for range 1 + rng.IntN(20) {
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		}
	case 3:
		how, bad = "cut", bad[:at]
	case 4:
		how = "zeroed"
		clear(bad[at/4096*4096 : min(at/4096*4096+4096, len(bad))])
	case 5:
		require.NoError(t, os.Remove(path))
		return "removed"
	}
	require.NoError(t, os.WriteFile(path, bad, 0o600))
	return how
}

func TestDamagedWhileOpen(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	for n := range 200 {
		e := sample(t, c, n)
		e.Log = blob(uint64(n), 3000)
		require.NoError(t, c.Put(t.Context(), e))
	}
	require.NoError(t, c.db.Load().Checkpoint(t.Context()))
	f, err := os.OpenFile(c.dbPath(), os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, info.Size()), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for n := range 200 {
		if e, err := c.Get(t.Context(), keyOf("sample", n)); err == nil {
			checkSample(t, c, n, e)
		} else {
			require.ErrorIs(t, err, ErrMiss)
		}
	}
	require.NoError(t, c.Put(t.Context(), sample(t, c, 500)))
	kept, err := filepath.Glob(filepath.Join(c.Dir(), "quarantine", "*", "cache.db"))
	require.NoError(t, err)
	require.NotEmpty(t, kept)
}

func TestFullDatabase(t *testing.T) {
	c := open(t, t.TempDir(), Options{max: 100})
	fill(t, c)
}

// TestFullDisk fills a real file system; only root may mount one.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("cannot mount a tmpfs here: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	c := open(t, filepath.Join(dir, "cache"), Options{})
	defer c.Close()
	fill(t, c)
	content := blob(9, 4<<20)
	v, err := c.PutValue(t.Context(), value.Bytes, content)
	require.ErrorIs(t, err, ErrFull)
	require.Equal(t, value.Sum(content), v.Digest, "named all the same")
	_, err = c.PutReader(t.Context(), bytes.NewReader(content))
	require.ErrorIs(t, err, ErrFull)
	left, err := os.ReadDir(c.files.tmp())
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=32m"))
	_, err = c.PutValue(t.Context(), value.Bytes, content)
	require.NoError(t, err)
	require.NoError(t, c.Put(t.Context(), sample(t, c, 5000)))
}

// fill stores until it is full, and checks that what was stored before is served.
func fill(t *testing.T, c *Cache) {
	stored := 0
	var err error
	for ; stored < 1000; stored++ {
		e := &Entry{Key: keyOf("fill", stored), Outputs: []value.Value{value.OfBytes(blob(uint64(stored), 20<<10))}}
		if err = c.Put(t.Context(), e); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, ErrFull)
	require.Positive(t, c.Stats().Full)
	require.Zero(t, c.Stats().Damaged)
	served := 0
	for n := range stored {
		e, err := c.Get(t.Context(), keyOf("fill", n))
		if errors.Is(err, ErrMiss) {
			continue // given up to make room
		}
		require.NoError(t, err)
		require.Equal(t, value.Sum(blob(uint64(n), 20<<10)), e.Outputs[0].Digest)
		served++
	}
	require.Positive(t, served)
}
