package sqlite

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func goexit() { goruntime.Goexit() }

// copyFamily copies the files of a database that is open, as a power cut would leave them.
func copyFamily(t *testing.T, from, to string) {
	t.Helper()
	for i, name := range family(from) {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(family(to)[i], b, 0o600))
	}
}

func TestFullDatabaseRefusesAndGoesOn(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{MaxPages: 64})
	var err error
	rows := 0
	for ; err == nil && rows < 1000; rows++ {
		err = db.Write(t.Context(), insert(append(make([]byte, 8<<10), byte(rows>>8), byte(rows))))
	}
	require.True(t, IsFull(err), "%v", err)
	require.Equal(t, rows-1, count(t, db), "reading goes on")
	require.NoError(t, db.QuickCheck(t.Context()))
	require.NoError(t, db.Write(t.Context(), insert([]byte("small still fits"))), "one that fits is stored")
	require.NoError(t, db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM note`)
		return err
	}))
	require.NoError(t, db.Write(t.Context(), insert(make([]byte, 8<<10))))
}

func TestQuarantineTakesTheFamily(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600))
	require.NoError(t, os.WriteFile(path+"-wal", []byte("w"), 0o600))
	_, err := Open(path, Options{Sync: Normal, Schema: notes})
	require.True(t, IsCorrupt(err), "%v", err)
	to, err := Quarantine(path)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(to, "x.db"))
	require.NoFileExists(t, path)
	require.NoFileExists(t, path+"-wal")
	require.Equal(t, 0, count(t, open(t, path, Options{Check: true})))
	again, err := Quarantine(filepath.Join(dir, "absent.db"))
	require.NoError(t, err)
	require.NotEqual(t, to, again)
}

// TestDamagedPages overwrites whole pages: quick_check or the read must say so, and nothing may crash.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	db := open(t, whole, Options{})
	for i := range 200 {
		require.NoError(t, db.Write(t.Context(), insert(append(make([]byte, 500), byte(i)))))
	}
	require.NoError(t, db.Close())
	good, err := os.ReadFile(whole)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		bad := bytes.Clone(good)
		page := rng.IntN(len(bad) / 4096)
		for i := range 4096 {
			bad[page*4096+i] = byte(rng.Uint32())
		}
		path := filepath.Join(dir, "bad.db")
		for _, f := range family(path) {
			os.Remove(f)
		}
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		db, err := Open(path, Options{Sync: Normal, Schema: notes, Check: true})
		if err == nil {
			require.NoError(t, db.Close())
		}
		require.True(t, IsCorrupt(err), "page %d: %v", page, err)
	}
}

func TestWitnessNoticesALostTail(t *testing.T) {
	dir := t.TempDir()
	path, witness := filepath.Join(dir, "x.db"), filepath.Join(dir, "x.witness")
	o := Options{Sync: Full, Schema: notes, Witness: witness}
	var last uint64
	o.AfterCommit = func(seq uint64) { last = seq }
	db, err := Open(path, o)
	require.NoError(t, err)
	defer db.Close()
	for i := range 5 {
		require.NoError(t, db.Write(t.Context(), insert([]byte{byte(i)})))
	}
	require.Equal(t, uint64(5), last)

	crashed := filepath.Join(dir, "crashed.db")
	copyFamily(t, path, crashed)
	mark, err := os.ReadFile(witness)
	require.NoError(t, err)
	restart := func(t *testing.T, path string) (*DB, error) {
		o := o
		o.Witness = path + ".witness"
		require.NoError(t, os.WriteFile(o.Witness, mark, 0o600))
		return Open(path, o)
	}
	t.Run("whole", func(t *testing.T) {
		again, err := restart(t, crashed)
		require.NoError(t, err)
		require.Equal(t, 5, count(t, again))
		require.NoError(t, again.Write(t.Context(), insert([]byte("six"))))
		require.Equal(t, uint64(6), last, "the count goes on")
		require.NoError(t, again.Close())
	})
	t.Run("wal cut", func(t *testing.T) {
		cut := filepath.Join(dir, "cut.db")
		copyFamily(t, path, cut)
		info, err := os.Stat(cut + "-wal")
		require.NoError(t, err)
		require.NoError(t, os.Truncate(cut+"-wal", info.Size()-100))
		require.NoError(t, os.Remove(cut+"-shm"))
		_, err = restart(t, cut)
		var loss *LossError
		require.ErrorAs(t, err, &loss)
		require.Equal(t, uint64(4), loss.Have)
		require.Equal(t, uint64(5), loss.Want)
		require.False(t, loss.Replaced)

		o := o
		o.Witness, o.AcceptLoss = cut+".witness", true
		db, err := Open(cut, o)
		require.NoError(t, err)
		require.NoError(t, db.Close())
		o.AcceptLoss = false
		db, err = Open(cut, o)
		require.NoError(t, err, "accepted once, it is the truth from then on")
		require.NoError(t, db.Close())
	})
	t.Run("emptied", func(t *testing.T) {
		empty := filepath.Join(dir, "empty.db")
		require.NoError(t, os.WriteFile(empty, nil, 0o600))
		_, err := restart(t, empty)
		var loss *LossError
		require.ErrorAs(t, err, &loss)
		require.True(t, loss.Replaced)
	})
	t.Run("witness damaged", func(t *testing.T) {
		mark[3]++
		again, err := restart(t, crashed)
		require.NoError(t, err, "a damaged witness proves nothing")
		require.NoError(t, again.Close())
	})
}

func FuzzParseWitness(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, witnessSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, ok := parseWitness(b); ok {
			require.Len(t, b, witnessSize)
		}
	})
}
