// Package journal is the run history: runs, their invocations, outputs and events, in state.db. It is precious: every write is
// durable when its call returns, nothing is ever deleted to make room for new work, and what went missing from outside is
// noticed. It knows nothing of the cache, which may be thrown away.
package journal

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"levee/cache/sqlite"
)

//go:embed schema.sql
var schema string

const (
	fileName    = "state.db"
	backupName  = "state.backup.db"
	witnessName = "state.witness"
	reserveName = "reserve"
	ownersDir   = "owners"
)

// ErrFull says that the disk has no room. What was to be written may be tried again: every write is idempotent.
var ErrFull = errors.New("the disk is full")

// Journal is an open history. Several processes may have the same one open.
type Journal struct {
	db    *sqlite.DB
	dir   string
	owner string
	alive *flock.Flock // held as long as this process lives: others see by it whose runs are orphans
	notes []string

	mu   sync.Mutex
	seqs map[string]int64 // guarded by mu: last seq given out, of the runs of this process
}

// Options of Open.
type Options struct {
	ReadOnly bool // only look: no owner, no reserve, no repair
}

// Open opens the history below dir, which must be on a local disk. A damaged file is set aside and the last backup, or an
// empty history, takes its place; Notes says so. Errors a caller decides by: *sqlite.RemoteError, *sqlite.VersionError.
func Open(ctx context.Context, dir string, o Options) (*Journal, error) {
	j := &Journal{dir: dir, seqs: make(map[string]int64)}
	if o.ReadOnly {
		db, err := sqlite.Open(filepath.Join(dir, fileName), options())
		j.db = db
		return j, err
	}
	if err := j.own(); err != nil {
		return nil, err
	}
	if err := j.open(ctx); err != nil {
		j.disown()
		return nil, err
	}
	if err := j.keepReserve(); err != nil {
		j.notes = append(j.notes, fmt.Sprintf("no reserve against a full disk: %v", err))
	}
	return j, nil
}

func options() sqlite.Options {
	return sqlite.Options{Sync: sqlite.Full, Schema: []string{schema}, Check: true}
}

func (j *Journal) open(ctx context.Context) error {
	path := filepath.Join(j.dir, fileName)
	o := options()
	o.Witness = filepath.Join(j.dir, witnessName)
	db, err := sqlite.Open(path, o)
	var loss *sqlite.LossError
	switch {
	case errors.As(err, &loss):
		j.notes = append(j.notes, "the run history lost its end: "+loss.Error()+"; runs that were recorded there may run again")
		o.AcceptLoss = true
		db, err = sqlite.Open(path, o)
	case sqlite.IsCorrupt(err):
		db, err = j.replace(path, o, err)
	}
	j.db = db
	return err
}

// replace sets a damaged history aside and opens the last backup, or nothing, in its place.
func (j *Journal) replace(path string, o sqlite.Options, damage error) (*sqlite.DB, error) {
	aside, err := sqlite.Quarantine(path)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("the run history is damaged (%v) and was set aside in %s", damage, aside)
	backup := filepath.Join(j.dir, backupName)
	if info, err := os.Stat(backup); err == nil {
		if err := copyFile(backup, path); err != nil {
			return nil, err
		}
		note += fmt.Sprintf("; history restored from the backup of %s", info.ModTime().Format(time.RFC3339))
	} else {
		note += "; there was no backup, the history starts empty"
	}
	j.notes = append(j.notes, note)
	o.AcceptLoss = true
	return sqlite.Open(path, o)
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// Notes are what an operator must hear of: damage, loss, repairs.
func (j *Journal) Notes() []string { return j.notes }

// Close lets accepted writes finish.
func (j *Journal) Close() error {
	err := j.db.Close()
	j.disown()
	return err
}

// own makes this process known, so that its runs are not taken for orphans while it lives.
func (j *Journal) own() error {
	var id [8]byte
	rand.Read(id[:])
	j.owner = hex.EncodeToString(id[:])
	if err := os.MkdirAll(filepath.Join(j.dir, ownersDir), 0o700); err != nil {
		return err
	}
	j.alive = flock.New(j.ownerFile(j.owner))
	ok, err := j.alive.TryLock()
	if err == nil && !ok {
		err = errors.New("lock of a new name is taken")
	}
	return err
}

func (j *Journal) disown() {
	if j.alive != nil {
		os.Remove(j.alive.Path())
		j.alive.Unlock()
		j.alive = nil
	}
}

func (j *Journal) ownerFile(owner string) string {
	return filepath.Join(j.dir, ownersDir, owner+".lock")
}

// lives reports whether the process that is known by this name still runs.
func (j *Journal) lives(owner string) bool {
	if owner == j.owner {
		return true
	}
	path := j.ownerFile(owner)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	lock := flock.New(path)
	free, err := lock.TryLock()
	if err != nil || !free {
		return true
	}
	os.Remove(path)
	lock.Unlock()
	return false
}

// nextSeqs gives out n sequence numbers of a run and returns the first.
func (j *Journal) nextSeqs(ctx context.Context, run string, n int) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	last, ok := j.seqs[run]
	if !ok {
		row := j.db.Reader().QueryRowContext(ctx,
			`SELECT max((SELECT coalesce(max(seq),0) FROM event WHERE run=?1), (SELECT coalesce(max(seq),0) FROM invocation WHERE run=?1))`, run)
		if err := row.Scan(&last); err != nil {
			return 0, err
		}
	}
	j.seqs[run] = last + int64(n)
	return last + 1, nil
}

func (j *Journal) forget(run string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.seqs, run)
}

// full turns the driver's words for a full disk into ErrFull, after giving the reserve back to the file system once.
func (j *Journal) full(err error) error {
	if err == nil || !sqlite.IsFull(err) {
		return err
	}
	os.Remove(filepath.Join(j.dir, reserveName))
	return fmt.Errorf("%w: %v", ErrFull, err)
}

// reserveSize is kept free for the history: on a full disk SQLite can not even delete without room for its WAL.
const reserveSize = 32 << 20

func (j *Journal) keepReserve() error {
	path := filepath.Join(j.dir, reserveName)
	if info, err := os.Stat(path); err == nil && info.Size() == reserveSize {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return allocate(f, reserveSize)
}
