package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"levee/cache/sqlite"
	"levee/graph/value"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(childJob); job != "" {
		os.Exit(child(job, os.Getenv(childDir)))
	}
	os.Exit(m.Run())
}

// patience is when a test gives up waiting for something that never comes. No test passes because of it.
const patience = 2 * time.Minute

func open(t testing.TB, dir string, o Options) *Cache {
	t.Helper()
	c, err := Open(dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// clock is a time that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func keyOf(parts ...any) Key {
	b := NewKey()
	for i, p := range parts {
		b.String(fmt.Sprint("part ", i), fmt.Sprint(p))
	}
	return b.Key()
}

// blob is size bytes that seed determines.
func blob(seed uint64, size int) []byte {
	b := make([]byte, size)
	var s [32]byte
	s[0], s[1], s[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	rand.NewChaCha8(s).Read(b)
	return b
}

// sample is the n-th entry of the tests: every fifth has a value file.
func sample(t testing.TB, c *Cache, n int) *Entry {
	e := &Entry{Key: keyOf("sample", n), Node: "test/node", Site: fmt.Sprint("flow/", n%7), Cost: time.Duration(n) * time.Millisecond,
		Parts: NewKey().Int("n", int64(n)).Parts(), Log: []byte(fmt.Sprint("log ", n)),
		Outputs: []value.Value{value.OfInt(int64(n)), {}, value.OfString(fmt.Sprint("text ", n))}}
	if n%5 == 0 {
		v, err := c.PutValue(t.Context(), value.Bytes, blob(uint64(n), value.InlineMax+1000+n))
		require.NoError(t, err)
		e.Outputs = append(e.Outputs, v)
	}
	return e
}

// checkSample fails the test when a hit is not what sample stored.
func checkSample(t testing.TB, c *Cache, n int, e *Entry) {
	t.Helper()
	require.Equal(t, keyOf("sample", n), e.Key)
	want := []value.Value{value.OfInt(int64(n)), {}, value.OfString(fmt.Sprint("text ", n))}
	require.GreaterOrEqual(t, len(e.Outputs), 3)
	require.Equal(t, want, e.Outputs[:3])
	if n%5 != 0 {
		require.Len(t, e.Outputs, 3)
		return
	}
	b, err := c.Bytes(context.Background(), e.Outputs[3])
	if errors.Is(err, ErrLost) {
		return // damaged, and said so
	}
	require.NoError(t, err)
	require.True(t, bytes.Equal(blob(uint64(n), value.InlineMax+1000+n), b), "a wrong value was served")
}

// getAll gets all keys at the same time; nil is a miss.
func getAll(t testing.TB, c *Cache, keys []Key) []*Entry {
	found := make([]*Entry, len(keys))
	var wg sync.WaitGroup
	for i, k := range keys {
		wg.Go(func() {
			var err error
			if found[i], err = c.Get(t.Context(), k); err != nil {
				assert.ErrorIs(t, err, ErrMiss)
			}
		})
	}
	wg.Wait()
	return found
}

func TestStoredAndFound(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	for n := range 50 {
		require.NoError(t, c.Put(t.Context(), sample(t, c, n)))
	}
	require.NoError(t, c.Close())
	c = open(t, dir, Options{Check: true})
	keys := []Key{keyOf("absent")}
	for n := range 50 {
		keys = append(keys, keyOf("sample", n))
	}
	keys = append(keys, keys[1]) // asked twice
	found := getAll(t, c, keys)
	require.Nil(t, found[0])
	for n := range 50 {
		require.NotNil(t, found[n+1], n)
		checkSample(t, c, n, found[n+1])
		require.Equal(t, time.Duration(n)*time.Millisecond, found[n+1].Cost)
	}
	require.NotNil(t, found[51])
	_, err := c.Get(t.Context(), keys[0])
	require.ErrorIs(t, err, ErrMiss)

	stats := c.Stats()
	require.Equal(t, int64(51), stats.Hits)
	require.Equal(t, int64(2), stats.Misses)
	require.Zero(t, stats.Damaged)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Get(ctx, keys[1])
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, c.Put(ctx, sample(t, c, 1)), context.Canceled)
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "cache")
	c := open(t, dir, Options{})
	require.NoError(t, c.Put(t.Context(), sample(t, c, 5)))
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		return nil
	}))
}

func TestPutReplaces(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	k := keyOf("k")
	big, err := c.PutValue(t.Context(), value.Bytes, blob(1, value.InlineMax+1))
	require.NoError(t, err)
	require.NoError(t, c.Put(t.Context(), &Entry{Key: k, Outputs: []value.Value{big}}))
	require.NoError(t, c.Put(t.Context(), &Entry{Key: k, Outputs: []value.Value{value.OfInt(2)}}))
	e, err := c.Get(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, []value.Value{value.OfInt(2)}, e.Outputs)
	needed, err := c.needed(t.Context(), big.Digest)
	require.NoError(t, err)
	require.False(t, needed)
	require.NoError(t, c.Forget(t.Context(), k))
	_, err = c.Get(t.Context(), k)
	require.ErrorIs(t, err, ErrMiss)
}

func TestPutRefusesWhatAHitCouldNotServe(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	put := func(k Key, v value.Value) error {
		return c.Put(t.Context(), &Entry{Key: k, Outputs: []value.Value{v}})
	}
	require.Error(t, put(Key{}, value.OfInt(1)))
	require.Error(t, put(keyOf(1), value.Stored(value.Bytes, value.Digest{1}, 10)), "small, without its bytes")
	require.ErrorIs(t, put(keyOf(2), value.Stored(value.Bytes, value.Digest{1}, value.InlineMax+1)), ErrLost)
	// A large value that carries its bytes is written by Put itself.
	large := value.OfBytes(blob(1, value.InlineMax+1))
	require.NoError(t, put(keyOf(3), large))
	e, err := c.Get(t.Context(), keyOf(3))
	require.NoError(t, err)
	b, err := c.Bytes(t.Context(), e.Outputs[0])
	require.NoError(t, err)
	require.Equal(t, value.Sum(b), large.Digest)
}

func TestLookupByWhatWasObserved(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	k := keyOf("reads files")
	world := map[string]value.Digest{"a": {1}, "b": {2}}
	observe := func(paths []Observation) ([]Observation, error) {
		seen := make([]Observation, len(paths))
		for i, o := range paths {
			require.Zero(t, o.Digest)
			seen[i] = Observation{Op: o.Op, Path: o.Path, Digest: world[o.Path]}
		}
		return seen, nil
	}
	store := func(result int64, paths ...string) {
		seen := []Observation{}
		for _, p := range paths {
			seen = append(seen, Observation{Op: "read", Path: p, Digest: world[p]})
		}
		require.NoError(t, c.Put(t.Context(), &Entry{Key: k, Outputs: []value.Value{value.OfInt(result)}, Observations: seen}))
	}
	hit := func() any {
		e, err := c.Lookup(t.Context(), k, observe)
		if err != nil {
			require.ErrorIs(t, err, ErrMiss)
			return nil
		}
		require.Equal(t, k, e.Key)
		require.NotEmpty(t, e.Observations)
		enc, _ := e.Outputs[0].Inline()
		return value.DecodeInt(enc)
	}
	require.Nil(t, hit())
	store(1, "b", "a", "a")
	require.EqualValues(t, 1, hit())
	_, err := c.Get(t.Context(), k)
	require.ErrorIs(t, err, ErrMiss, "without looking at the files there is no hit")

	world["b"] = value.Digest{3}
	require.Nil(t, hit())
	store(2, "a", "b")
	require.EqualValues(t, 2, hit())
	world["b"] = value.Digest{2}
	require.EqualValues(t, 1, hit(), "the old content is back, and its result")

	delete(world, "b")
	store(3, "a", "c") // other paths under the same key
	require.EqualValues(t, 3, hit())
	for i := range 6 {
		store(int64(10+i), "a", fmt.Sprint("p", i))
	}
	require.Len(t, c.pathsets(t.Context(), k), maxPathsets)
	require.EqualValues(t, 15, hit())

	_, err = c.Lookup(t.Context(), k, func([]Observation) ([]Observation, error) { return nil, errors.New("cannot look") })
	require.ErrorIs(t, err, ErrMiss)
	require.NoError(t, c.Forget(t.Context(), k))
	require.Nil(t, hit())
}

func TestDirectoryRemovedWhileRunning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := open(t, dir, Options{})
	require.NoError(t, c.Put(t.Context(), sample(t, c, 5)))
	require.NoError(t, os.RemoveAll(dir))
	_, err := c.Get(t.Context(), keyOf("sample", 5))
	require.ErrorIs(t, err, ErrMiss, "its file is gone")
	require.NoError(t, c.Put(t.Context(), sample(t, c, 10)))
	require.FileExists(t, filepath.Join(dir, "cache.db"))
	e, err := c.Get(t.Context(), keyOf("sample", 10))
	require.NoError(t, err)
	checkSample(t, c, 10, e)
	require.NoError(t, c.Close())
	c = open(t, dir, Options{})
	e, err = c.Get(t.Context(), keyOf("sample", 10))
	require.NoError(t, err, "what was stored after the removal is really there")
	checkSample(t, c, 10, e)
}

func TestNewerCacheIsSetAside(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	require.NoError(t, c.write(t.Context(), func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`PRAGMA user_version = 99`)
		return err
	}))
	require.NoError(t, c.Close())
	c = open(t, dir, Options{})
	require.NoError(t, c.Put(t.Context(), sample(t, c, 1)))
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "*", "cache.db"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
}

func TestListAndUsage(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	for n := range 20 {
		require.NoError(t, c.Put(t.Context(), sample(t, c, n)))
	}
	var all []Item
	for before := int64(0); ; before = all[len(all)-1].ID {
		items, err := c.List(t.Context(), before, 7)
		require.NoError(t, err)
		if len(items) == 0 {
			break
		}
		all = append(all, items...)
	}
	require.Len(t, all, 20)
	require.Equal(t, keyOf("sample", 19), all[0].Key)
	require.Equal(t, "test/node", all[0].Node)
	require.Greater(t, all[4].Size, int64(value.InlineMax), "with its file")
	u, err := c.Usage(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(20), u.Entries)
	require.Equal(t, int64(4), u.Files)
	require.Greater(t, u.Bytes(), int64(4*value.InlineMax))
}

func TestUsesAreWrittenTogether(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	require.NoError(t, c.Put(t.Context(), sample(t, c, 1)))
	stored := clk.now().Unix()
	at := func() (at int64) {
		require.NoError(t, c.db.Load().Reader().QueryRow(`SELECT at FROM use`).Scan(&at))
		return at
	}
	get := func() {
		_, err := c.Get(t.Context(), keyOf("sample", 1))
		require.NoError(t, err)
		c.flushUses(t.Context())
	}
	clk.add(30 * time.Minute)
	get()
	require.Equal(t, stored, at(), "within the hour nothing is written")
	clk.add(2 * time.Hour)
	get()
	require.Equal(t, clk.now().Unix(), at())
	clk.add(10 * time.Minute)
	_, err := c.Get(t.Context(), keyOf("sample", 1))
	require.NoError(t, err)
	require.Empty(t, c.uses.take(), "a hot row waits for no writing")
}

func TestManyUsesAreWrittenAtOnce(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	keys := make([]Key, flushAt)
	for n := range keys {
		keys[n] = keyOf(n)
		require.NoError(t, c.Put(t.Context(), &Entry{Key: keys[n]}))
	}
	clk.add(2 * time.Hour)
	getAll(t, c, keys)
	require.Eventually(t, func() bool {
		var n int
		err := c.db.Load().Reader().QueryRow(`SELECT count(*) FROM use WHERE at = ?`, clk.now().Unix()).Scan(&n)
		return err == nil && n == flushAt
	}, patience, time.Millisecond)
}

func TestOnlyTheLastDamagedDatabasesAreKept(t *testing.T) {
	dir := t.TempDir()
	for range keptDamaged + 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cache.db"), blob(1, 8192), 0o600))
		c := open(t, dir, Options{})
		require.NoError(t, c.Put(t.Context(), sample(t, c, 1)))
		require.NoError(t, c.Close())
	}
	kept, err := os.ReadDir(filepath.Join(dir, "quarantine"))
	require.NoError(t, err)
	require.Len(t, kept, keptDamaged)
}

// TestHammer lets everything run at once; under -race it finds what is not guarded.
func TestHammer(t *testing.T) {
	c := open(t, t.TempDir(), Options{MaxBytes: 3 << 20})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for range 60 {
				n := rng.IntN(40)
				switch rng.IntN(12) {
				case 0:
					_, err := c.Trim(t.Context(), 1<<20)
					noError(t, err)
				case 1:
					_, err := c.Verify(t.Context())
					noError(t, err)
				case 2:
					_, err := c.List(t.Context(), 0, 10)
					noError(t, err)
				case 3, 4, 5:
					if err := c.Put(t.Context(), sample(t, c, n)); !errors.Is(err, ErrLost) {
						noError(t, err)
					}
				case 6:
					noError(t, c.Forget(t.Context(), keyOf("sample", n)))
				default:
					e, err := c.Get(t.Context(), keyOf("sample", n))
					if err == nil {
						checkSample(t, c, n, e)
					} else if !errors.Is(err, ErrMiss) {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	r, err := c.Verify(t.Context())
	require.NoError(t, err)
	require.Zero(t, r.BadEntries+r.BadFiles, "%+v", r)
	require.Empty(t, r.Database)
}

func noError(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}
