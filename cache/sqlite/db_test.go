package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
)

var notes = []string{`CREATE TABLE note(id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE) STRICT;`}

func open(t testing.TB, path string, o Options) *DB {
	t.Helper()
	if o.Sync == "" {
		o.Sync = Normal
	}
	if o.Schema == nil {
		o.Schema = notes
	}
	db, err := Open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func insert(body any) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO note(body) VALUES (?)`, body)
		return err
	}
}

func count(t testing.TB, db *DB) (n int) {
	t.Helper()
	require.NoError(t, db.Reader().QueryRow(`SELECT count(*) FROM note`).Scan(&n))
	return n
}

func TestLinkedSQLiteHasTheWALFix(t *testing.T) {
	name, number, _ := sqlite3.Version()
	require.GreaterOrEqual(t, number, minVersion, name)
}

func TestSettings(t *testing.T) {
	for _, s := range []Sync{Full, Normal} {
		path := filepath.Join(t.TempDir(), "a#b?c %20.db") // characters that mean something in a URI
		db := open(t, path, Options{Sync: s})
		require.FileExists(t, path)
		require.NoError(t, db.Write(t.Context(), insert([]byte("x"))))
		level := map[Sync]string{Full: "2", Normal: "1"}[s]
		for pragma, want := range map[string]string{
			"synchronous": level, "journal_mode": "wal", "auto_vacuum": "2", "cell_size_check": "1", "trusted_schema": "0",
			"mmap_size": "0", "temp_store": "2", "journal_size_limit": "67108864", "page_size": "4096", "foreign_keys": "1",
		} {
			var got string
			require.NoError(t, db.write.QueryRow("PRAGMA "+pragma).Scan(&got), pragma)
			require.Equal(t, want, got, pragma)
		}
		_, err := db.Reader().Exec(`DELETE FROM note`)
		require.Error(t, err, "readers cannot write")
		for _, f := range family(path) {
			info, err := os.Stat(f)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
		}
	}
	_, err := Open(filepath.Join(t.TempDir(), "x.db"), Options{})
	require.ErrorContains(t, err, "Sync")
}

func TestModeOfAnOldFileIsNarrowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	require.NoError(t, open(t, path, Options{}).Close())
	require.NoError(t, os.Chmod(path, 0o644))
	open(t, path, Options{})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	_, err = Open(link, Options{Sync: Normal, Schema: notes})
	require.ErrorContains(t, err, "regular file")
}

func TestSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := open(t, path, Options{})
	require.NoError(t, db.Write(t.Context(), insert([]byte("kept"))))
	require.NoError(t, db.Close())

	two := append(notes[:1:1], `CREATE TABLE more(id INTEGER PRIMARY KEY) STRICT; INSERT INTO more VALUES (7);`)
	_, err := Open(path, Options{Sync: Normal, Schema: append(two[:2:2], `CREATE TABLE third(x); NONSENSE;`)})
	require.ErrorContains(t, err, "schema version 3")
	db = open(t, path, Options{Schema: two})
	require.Equal(t, 1, count(t, db))
	var id int
	require.NoError(t, db.Reader().QueryRow(`SELECT id FROM more`).Scan(&id), "the failed script took nothing with it")
	require.Equal(t, 7, id)
	require.NoError(t, db.Close())

	var version *VersionError
	_, err = Open(path, Options{Sync: Normal, Schema: notes})
	require.ErrorAs(t, err, &version)
	require.Equal(t, 2, version.Have)
	require.Equal(t, 1, version.Know)
}

func TestWriteAfterClose(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	require.NoError(t, db.Close())
	require.NoError(t, db.Close())
	require.ErrorIs(t, db.Write(t.Context(), insert([]byte("x"))), ErrClosed)
}

func TestInPlace(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "x.db"), Options{})
	require.True(t, db.InPlace())
	require.NoError(t, os.RemoveAll(dir))
	require.False(t, db.InPlace())
}

func newJob(fn func(*Tx) error) *job { return &job{fn: fn, done: make(chan struct{})} }

func TestMemberOfABatchFailsAlone(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	mine := errors.New("mine")
	batch := []*job{
		newJob(insert([]byte("a"))), newJob(insert([]byte("a"))), // the second breaks UNIQUE
		newJob(func(*Tx) error { return mine }), newJob(insert([]byte("b"))),
		newJob(func(*Tx) error { panic("boom") }), newJob(insert([]byte("c"))),
	}
	db.writer.serve(batch)
	require.NoError(t, batch[0].err)
	require.Error(t, batch[1].err)
	require.ErrorIs(t, batch[2].err, mine)
	require.NoError(t, batch[3].err)
	require.Equal(t, "boom", batch[4].panicked)
	require.NoError(t, batch[5].err)
	require.Equal(t, 3, count(t, db))
}

func TestPanicGoesToTheCaller(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	require.PanicsWithValue(t, "boom", func() { db.Write(t.Context(), func(*Tx) error { panic("boom") }) })
	require.NoError(t, db.Write(t.Context(), insert([]byte("on"))))
}

func TestCallbackThatEndsTheGoroutineLeavesNobodyWaiting(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	end := func(*Tx) error { goexit(); return nil }
	require.ErrorIs(t, db.Write(t.Context(), end), ErrClosed)
	require.ErrorIs(t, db.Write(t.Context(), insert([]byte("x"))), ErrClosed)
}

func TestLeavingBeforeTheWriterTookIt(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		db.Write(context.Background(), func(*Tx) error { close(inside); <-release; return nil })
	})
	<-inside
	cancel()
	require.ErrorIs(t, db.Write(ctx, insert([]byte("never"))), context.Canceled)
	close(release)
	wg.Wait()
	require.Equal(t, 0, count(t, db))
}

// TestHammer mixes good, failing and abandoned writes with readers and checks that exactly the acknowledged ones are there.
func TestHammer(t *testing.T) {
	var commits uint64
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{AfterCommit: func(seq uint64) { commits = seq }})
	const callers, each = 24, 40
	var mu sync.Mutex
	stored := 0
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				body := []byte(fmt.Sprintf("%d/%d", c, i))
				ctx, cancel := context.WithCancel(context.Background())
				switch i % 4 {
				case 1:
					body = []byte("same") // one of all of these is stored
				case 2:
					cancel()
				case 3:
					go cancel() // during the write, perhaps
				}
				err := db.Write(ctx, insert(body))
				cancel()
				mu.Lock()
				if err == nil {
					stored++
				}
				mu.Unlock()
				var n int
				if err := db.Reader().QueryRow(`SELECT count(*) FROM note WHERE body = ?`, body).Scan(&n); err != nil {
					t.Errorf("read: %v", err)
				}
				if err == nil && n != 1 {
					t.Errorf("%s was acknowledged and is there %d times", body, n)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, db.Close())
	require.Positive(t, commits)
	db = open(t, db.Path(), Options{Check: true})
	require.Equal(t, stored, count(t, db))
}

func TestVacuumAndCheckpointGiveSpaceBack(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	for i := range 64 {
		require.NoError(t, db.Write(t.Context(), insert(append(make([]byte, 16<<10), byte(i)))))
	}
	require.NoError(t, db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM note`)
		return err
	}))
	before, err := db.Pages(t.Context())
	require.NoError(t, err)
	require.Greater(t, before.Free, int64(200))
	require.NoError(t, db.Vacuum(t.Context(), 100))
	after, err := db.Pages(t.Context())
	require.NoError(t, err)
	require.Equal(t, before.Free-100, after.Free)
	require.Less(t, after.Total, before.Total)
	require.NoError(t, db.Vacuum(t.Context(), 1<<20))
	require.NoError(t, db.Checkpoint(t.Context()))
	info, err := os.Stat(db.Path())
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(64<<10))
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "x.db"), Options{})
	require.NoError(t, db.Write(t.Context(), insert([]byte("x"))))
	copied := filepath.Join(dir, "copy.db")
	require.NoError(t, db.Backup(t.Context(), copied))
	require.Error(t, db.Backup(t.Context(), copied), "an existing file is not overwritten")
	require.Equal(t, 1, count(t, open(t, copied, Options{Check: true})))
}

func TestErrorKinds(t *testing.T) {
	wrap := func(e error) error { return fmt.Errorf("sqlite: %w", e) }
	quota := sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrWrite, SystemErrno: syscall.EDQUOT}
	fsync := sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrFsync, SystemErrno: syscall.EIO}
	require.True(t, IsFull(wrap(quota)))
	require.True(t, IsFull(wrap(sqlite3.Error{Code: sqlite3.ErrFull})))
	require.True(t, IsFull(wrap(&os.PathError{Err: syscall.ENOSPC})))
	require.False(t, IsFull(wrap(fsync)))
	require.True(t, isFsync(wrap(fsync)))
	require.False(t, isFsync(wrap(quota)))
	require.True(t, IsCorrupt(wrap(sqlite3.Error{Code: sqlite3.ErrNotADB})))
	require.True(t, IsCorrupt(wrap(sqlite3.Error{Code: sqlite3.ErrCorrupt})))
	require.True(t, IsBusy(wrap(sqlite3.Error{Code: sqlite3.ErrBusy})))
	require.True(t, IsMisfit(wrap(sqlite3.Error{Code: sqlite3.ErrError})))
	require.False(t, IsMisfit(wrap(quota)) || IsMisfit(nil))
	require.False(t, IsCorrupt(nil) || IsFull(nil) || IsBusy(nil) || isFsync(nil))
}
