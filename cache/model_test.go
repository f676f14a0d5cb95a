package cache

import (
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"levee/cache/sqlite"
	"levee/graph/value"
)

func execSQL(q string) func(*sqlite.Tx) error {
	return func(tx *sqlite.Tx) error {
		_, err := tx.Exec(q)
		return err
	}
}

// TestAgainstAModel runs random operations on the cache and on a map, with closing and opening in between: as long as
// nothing is trimmed or damaged, the two agree exactly.
func TestAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "levee-cache-model")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{dir: dir, stored: map[Key]stored{}, world: map[string]value.Digest{}}
		m.reopen(t)
		defer func() { m.c.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "putObserved": m.putObserved, "get": m.get, "lookup": m.lookup, "forget": m.forget,
			"change": m.change, "reopen": m.reopen,
		})
	})
}

type stored struct {
	value value.Value
	bytes []byte
}

type model struct {
	dir    string
	c      *Cache
	stored map[Key]stored
	world  map[string]value.Digest // the content of files
}

func (m *model) reopen(t *rapid.T) {
	if m.c != nil {
		if err := m.c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(m.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.c = c
}

func (m *model) key(t *rapid.T) Key { return keyOf("model", rapid.IntRange(0, 5).Draw(t, "key")) }

func (m *model) output(t *rapid.T) stored {
	size := rapid.SampledFrom([]int{0, 10, 5000, value.InlineMax, value.InlineMax + 1}).Draw(t, "size")
	b := blob(rapid.Uint64Range(0, 3).Draw(t, "seed"), size)
	v, err := m.c.PutValue(t.Context(), value.Bytes, b)
	if err != nil {
		t.Fatal(err)
	}
	return stored{v, b}
}

func (m *model) put(t *rapid.T) {
	k, out := m.key(t), m.output(t)
	if err := m.c.Put(t.Context(), &Entry{Key: k, Outputs: []value.Value{out.value}}); err != nil {
		t.Fatal(err)
	}
	m.stored[k] = out
}

// observed is a key that only ever stores results with observations of the one file "f".
func (m *model) observed(t *rapid.T) Key {
	return keyOf("observed", rapid.IntRange(0, 2).Draw(t, "key"))
}

func (m *model) seen() []Observation {
	return []Observation{{Op: "read", Path: "f", Digest: m.world["f"]}}
}

func (m *model) putObserved(t *rapid.T) {
	k, out := m.observed(t), m.output(t)
	if err := m.c.Put(t.Context(), &Entry{Key: k, Outputs: []value.Value{out.value}, Observations: m.seen()}); err != nil {
		t.Fatal(err)
	}
	m.stored[k.Observed(m.seen())] = out
}

func (m *model) change(t *rapid.T) {
	m.world["f"] = value.Digest{rapid.ByteRange(0, 3).Draw(t, "content")}
}

func (m *model) check(t *rapid.T, e *Entry, err error, want stored, there bool) {
	if !there {
		if err != ErrMiss {
			t.Fatalf("want a miss, got %v, %v", e, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.c.Bytes(t.Context(), e.Outputs[0])
	if err != nil || string(b) != string(want.bytes) || e.Outputs[0].Digest != want.value.Digest {
		t.Fatal(fmt.Errorf("wrong value: %v", err))
	}
}

func (m *model) get(t *rapid.T) {
	k := m.key(t)
	e, err := m.c.Get(t.Context(), k)
	want, there := m.stored[k]
	m.check(t, e, err, want, there)
}

func (m *model) lookup(t *rapid.T) {
	k := m.observed(t)
	e, err := m.c.Lookup(t.Context(), k, func([]Observation) ([]Observation, error) { return m.seen(), nil })
	want, there := m.stored[k.Observed(m.seen())]
	m.check(t, e, err, want, there)
}

func (m *model) forget(t *rapid.T) {
	k := m.key(t)
	if err := m.c.Forget(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	delete(m.stored, k)
}
