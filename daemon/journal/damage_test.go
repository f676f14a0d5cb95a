package journal

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"math"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/cache/sqlite"
)

// history writes one ended and one open run, the second after the backup if that is wanted.
func history(t *testing.T, dir string, backup bool) {
	t.Helper()
	j, err := Open(t.Context(), dir, Options{})
	require.NoError(t, err)
	require.NoError(t, j.Finish(t.Context(), end(accept(t, j, runID(1)), Completed)))
	accept(t, j, runID(2))
	for n := range 300 {
		require.NoError(t, j.Record(t.Context(), benchInvocation(runID(2), n)))
	}
	if backup {
		require.NoError(t, j.Backup(t.Context()))
	}
	accept(t, j, runID(3))
	require.NoError(t, j.Close())
}

func ids(t *testing.T, j *Journal) (list []string) {
	t.Helper()
	runs, err := j.Runs(t.Context(), Filter{})
	require.NoError(t, err)
	for _, r := range runs {
		list = append(list, r.ID)
	}
	return list
}

// overwrite fills the middle half of a file with noise, or writes it anew.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := len(b) / 4; i < len(b)/4*3; i++ {
		b[i] = byte(mathrand.Uint32())
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

func TestDamagedFileIsSetAside(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"noise": func(t *testing.T, dir string) { spoil(t, filepath.Join(dir, fileName)) },
		"no database": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), make([]byte, 8192), 0o600))
		},
		"truncated": func(t *testing.T, dir string) { require.NoError(t, os.Truncate(filepath.Join(dir, fileName), 20480)) },
		"schema": func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite3", filepath.Join(dir, fileName))
			require.NoError(t, err)
			_, err = db.Exec(`ALTER TABLE event RENAME COLUMN node TO nodf`) // as one flipped bit does it
			require.NoError(t, errors.Join(err, db.Close()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, backup := range []bool{true, false} {
				dir := t.TempDir()
				history(t, dir, backup)
				damage(t, dir)
				j := open(t, dir, Options{})
				require.Len(t, j.Notes(), 1)
				aside, err := filepath.Glob(filepath.Join(dir, "quarantine", "*", fileName))
				require.NoError(t, err)
				require.Len(t, aside, 1)
				if !backup {
					require.Contains(t, j.Notes()[0], "no backup")
					require.Empty(t, ids(t, j))
				} else {
					require.Contains(t, j.Notes()[0], "restored from the backup of")
					require.Equal(t, []string{runID(2), runID(1)}, ids(t, j))
					orphans, err := j.Orphans(t.Context())
					require.NoError(t, err)
					require.Len(t, orphans, 1)
					require.NotEmpty(t, orphans[0].Doubt, "what it did since the backup is not known")
					list, err := j.Invocations(t.Context(), runID(2), "")
					require.NoError(t, err)
					require.Len(t, list, 300)
				}
				accept(t, j, runID(4))
				require.NoError(t, j.Close())
				again := open(t, dir, Options{})
				require.Empty(t, again.Notes())
				require.Contains(t, ids(t, again), runID(4))
			}
		})
	}
}

func TestDamagedBackupIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	history(t, dir, true)
	spoil(t, filepath.Join(dir, fileName))
	spoil(t, filepath.Join(dir, backupName))
	j := open(t, dir, Options{})
	require.Len(t, j.Notes(), 1)
	require.Contains(t, j.Notes()[0], "the backup can not be used")
	require.Empty(t, ids(t, j))
	leftovers, err := filepath.Glob(filepath.Join(dir, fileName+".restore*"))
	require.NoError(t, err)
	require.Empty(t, leftovers)
}

func TestEmptiedOrRemovedFileIsNoticed(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			for _, backup := range []bool{true, false} {
				dir := t.TempDir()
				history(t, dir, backup)
				require.NoError(t, damage(filepath.Join(dir, fileName)))
				_, err := Open(t.Context(), dir, Options{ReadOnly: true})
				require.ErrorContains(t, err, "removed or emptied")
				j := open(t, dir, Options{})
				require.Len(t, j.Notes(), 1, "SQLite calls an empty file a new database")
				if backup {
					require.Equal(t, []string{runID(2), runID(1)}, ids(t, j))
				} else {
					require.Empty(t, ids(t, j))
				}
			}
		})
	}
}

// TestRemovedWALIsNoticed takes away the WAL of a history whose process was killed.
func TestRemovedWALIsNoticed(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	accept(t, j, runID(1))
	_, err := j.store.db.Reader().Exec(`SELECT 1`)
	require.NoError(t, err)
	require.NoError(t, j.store.db.Checkpoint(t.Context()))
	for n := range 20 {
		require.NoError(t, j.Record(t.Context(), benchInvocation(runID(1), n)))
	}
	killed := t.TempDir()
	for _, name := range []string{fileName, witnessName} { // no WAL
		b, err := os.ReadFile(j.path(name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(killed, name), b, 0o600))
	}
	after := open(t, killed, Options{})
	require.Len(t, after.Notes(), 1)
	require.Contains(t, after.Notes()[0], "lost something")
	orphans, err := after.Orphans(t.Context())
	require.NoError(t, err)
	require.Len(t, orphans, 1, "what is left is kept")
	require.Contains(t, orphans[0].Doubt, "are gone")
	require.NoError(t, after.Close())
	require.Empty(t, open(t, killed, Options{}).Notes(), "it is said once")
}

func TestRepairOnlyAlone(t *testing.T) {
	dir := t.TempDir()
	history(t, dir, true)
	c := startChild(t, "hold", dir)
	require.Equal(t, "holds", c.line(t))
	spoil(t, filepath.Join(dir, fileName))
	_, err := Open(t.Context(), dir, Options{})
	require.ErrorContains(t, err, "another process")
	require.NoDirExists(t, filepath.Join(dir, "quarantine"))
	c.kill()
	require.Len(t, open(t, dir, Options{}).Notes(), 1)
}

func TestFileTakenAwayWhileInUse(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	accept(t, j, runID(1))
	require.NoError(t, os.Remove(j.path(fileName)))
	require.ErrorIs(t, j.Record(t.Context(), benchInvocation(runID(1), 1)), ErrBroken, "nobody would find it again")
}

// failingCommits is a disk whose fsync fails in the commits that are named; stored says whether the commit is there nevertheless.
func failingCommits(stored bool, which ...int) func(context.Context, *sqlite.DB, func(*sqlite.Tx) error) error {
	n := 0
	stopped := map[*sqlite.DB]bool{}
	return func(ctx context.Context, db *sqlite.DB, fn func(*sqlite.Tx) error) error {
		if stopped[db] {
			return sqlite.ErrStopped
		}
		n++
		for _, w := range which {
			if w != n {
				continue
			}
			stopped[db] = true
			if stored {
				if err := db.Write(ctx, fn); err != nil {
					return err
				}
			} else {
				err := db.Write(ctx, func(tx *sqlite.Tx) error { return errors.Join(fn(tx), errUndo) })
				if !errors.Is(err, errUndo) {
					return err
				}
			}
			return &sqlite.CommitError{Err: errors.New("fsync: EIO")}
		}
		return db.Write(ctx, fn)
	}
}

var errUndo = errors.New("undo")

func TestFailedFsyncIsReconciled(t *testing.T) {
	for _, stored := range []bool{true, false} {
		for failing := 1; failing <= 6; failing++ {
			dir := t.TempDir()
			j := open(t, dir, Options{commit: failingCommits(stored, failing)})
			r := accept(t, j, runID(1))
			won, err := j.Claim(t.Context(), r)
			require.NoError(t, err)
			require.True(t, won)
			inv := benchInvocation(r.ID, 1)
			require.NoError(t, j.Record(t.Context(), inv))
			e := &Event{Run: r.ID, At: time.UnixMicro(5), Type: "log_update", Data: []byte(`{}`)}
			require.NoError(t, j.Append(t.Context(), e))
			require.NoError(t, j.Begin(t.Context(), *benchInvocation(r.ID, 2)))
			require.NoError(t, j.Finish(t.Context(), end(r, Completed)))
			events, err := j.Events(t.Context(), r.ID, 0, math.MaxInt)
			require.NoError(t, err)
			require.Equal(t, []Event{told(inv.end()), told(*e)}, events, "each once")
			got, err := j.Run(t.Context(), r.ID)
			require.NoError(t, err)
			require.Equal(t, 1, got.Epoch)
			require.Equal(t, Completed, got.Status)
			list, err := j.Invocations(t.Context(), r.ID, "")
			require.NoError(t, err)
			require.Len(t, list, 2)
		}
	}
}

func TestSecondFailedFsyncEndsWriting(t *testing.T) {
	j := open(t, t.TempDir(), Options{commit: failingCommits(false, 2, 4)})
	r := accept(t, j, runID(1))
	require.NoError(t, j.Record(t.Context(), benchInvocation(r.ID, 1)))
	require.ErrorIs(t, j.Record(t.Context(), benchInvocation(r.ID, 2)), ErrBroken)
	require.ErrorIs(t, j.Accept(t.Context(), newRun(runID(2))), ErrBroken)
	list, err := j.Invocations(t.Context(), r.ID, "")
	require.NoError(t, err)
	require.Len(t, list, 1, "reading goes on")
}

func TestLookingTouchesNothing(t *testing.T) {
	base := t.TempDir()
	absent := filepath.Join(base, "absent")
	j := open(t, absent, Options{ReadOnly: true})
	require.Empty(t, ids(t, j))
	_, open1, err := j.OldestOpen(t.Context())
	require.NoError(t, err)
	require.False(t, open1)
	require.NoDirExists(t, absent)

	dir := filepath.Join(base, "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	history(t, dir, false)
	names := func() (list []string) {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if info, infoErr := d.Info(); infoErr == nil && !d.IsDir() && filepath.Ext(path) != ".db-shm" && info.Size() > 0 {
				list = append(list, path+info.ModTime().String())
			}
			return err
		}))
		return list
	}
	before := names()
	j = open(t, dir, Options{ReadOnly: true})
	require.Len(t, ids(t, j), 3)
	require.ErrorIs(t, j.Accept(t.Context(), newRun(runID(9))), ErrReadOnly)
	over := newRun(runID(1))
	over.Status = Completed
	require.ErrorIs(t, j.Finish(t.Context(), over), ErrReadOnly)
	require.ErrorIs(t, j.Retain(t.Context(), time.Hour, 1), ErrReadOnly)
	require.ErrorIs(t, j.Backup(t.Context()), ErrReadOnly)
	require.NoError(t, j.Close())
	require.Equal(t, before, names())
}

func TestNewerHistoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	history(t, dir, false)
	db, err := sql.Open("sqlite3", filepath.Join(dir, fileName))
	require.NoError(t, err)
	_, err = db.Exec(`PRAGMA user_version=99`)
	require.NoError(t, errors.Join(err, db.Close()))
	for _, look := range []bool{true, false} {
		_, err := Open(t.Context(), dir, Options{ReadOnly: look})
		var newer *sqlite.VersionError
		require.ErrorAs(t, err, &newer)
		require.Equal(t, 99, newer.Have)
	}
	entries, err := os.ReadDir(filepath.Join(dir, ownersDir))
	require.NoError(t, err)
	require.Empty(t, entries)
}
