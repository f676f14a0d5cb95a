// Package journal is the run history: runs, their invocations, outputs and events, in state.db. It is precious: every write is
// durable when its call returns, nothing is deleted to make room for new work, and what went missing from outside is noticed.
// It knows nothing of the cache, which may be thrown away.
package journal

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"

	"levee/cache/sqlite"
)

//go:embed schema.sql
var schema1 string

//go:embed schema2.sql
var schema2 string

//go:embed schema3.sql
var schema3 string

// schema holds the scripts that lead from one version of the tables to the next.
func schema() []string { return []string{schema1, schema2, schema3} }

const (
	fileName    = "state.db"
	backupName  = "state.backup.db"
	witnessName = "state.witness"
	checkedName = "state.checked"
	reserveName = "reserve"
	gateName    = "open.lock"
	ownersDir   = "owners"
)

// Errors of the methods that write.
var (
	// ErrFull says that the disk has no room. What was to be written is not stored and may be tried again as it is.
	ErrFull = errors.New("the disk is full")
	// ErrBroken says that the disk failed twice while the history was written, or that the history was taken away: nothing more
	// is recorded, and a process that gets it should end.
	ErrBroken = errors.New("the run history can not be written any more")
	// ErrReadOnly says that the journal was opened for looking only.
	ErrReadOnly = errors.New("the run history is open for looking only")
)

// Journal is an open history. Several processes may have the same one open. All methods are safe for concurrent use.
type Journal struct {
	dir     string
	opts    Options
	owner   string
	alive   *flock.Flock // held as long as this process lives: others see by it whose runs are orphans
	notes   []string
	look    *sql.DB      // instead of store when only looking
	spent   atomic.Bool  // the reserve is not there
	spends  atomic.Int64 // how often it was given to the disk
	closing sync.Once
	closed  error

	mu     sync.RWMutex
	store  *store // guarded by mu: another one after a failed fsync
	broken error  // guarded by mu
}

// Options of Open.
type Options struct {
	ReadOnly bool  // only look, also beside a running daemon: nothing is made, brought up to date, owned or repaired
	MinFree  int64 // bytes that must be free on the disk for a new run to be accepted; 0: 256 MiB

	maxPages int64 // of 4 KiB, for tests of a full disk
	commit   func(context.Context, *sqlite.DB, func(*sqlite.Tx) error) error
}

// Open opens the history below dir, which must be on a local disk. A damaged file is set aside and the last backup, or an
// empty history, takes its place; Notes says so. It waits while another process opens the same history. Errors a caller
// decides by: *sqlite.RemoteError, *sqlite.VersionError.
func Open(ctx context.Context, dir string, o Options) (*Journal, error) {
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.commit == nil {
		o.commit = func(ctx context.Context, db *sqlite.DB, fn func(*sqlite.Tx) error) error { return db.Write(ctx, fn) }
	}
	j := &Journal{dir: dir, opts: o}
	if o.ReadOnly {
		var err error
		j.look, err = openLook(ctx, j.path(fileName))
		return j, err
	}
	if err := os.MkdirAll(j.path(ownersDir), 0o700); err != nil {
		return nil, err
	}
	if err := sqlite.Local(dir); err != nil {
		return nil, err
	}
	// One at a time: so nobody takes a history for damaged that another one is just restoring, and nobody takes the lock of a
	// process that is just making it for that of a dead one.
	gate := flock.New(j.path(gateName))
	if ok, err := gate.TryLockContext(ctx, gateDelay); !ok {
		return nil, fmt.Errorf("run history: waiting for another process that opens it: %w", err)
	}
	defer gate.Unlock()
	others, err := j.sweepOwners()
	if err != nil {
		return nil, err
	}
	if err := j.own(); err != nil {
		return nil, err
	}
	if err := j.open(ctx, others); err != nil {
		j.disown()
		return nil, err
	}
	if err := j.keepReserve(); err != nil {
		j.note("no room is reserved against a full disk: %v", err)
	}
	return j, nil
}

func (j *Journal) path(name string) string { return filepath.Join(j.dir, name) }

func (j *Journal) note(format string, args ...any) {
	j.notes = append(j.notes, fmt.Sprintf(format, args...))
}

// Notes are what an operator must hear of: damage, loss, repairs.
func (j *Journal) Notes() []string { return j.notes }

// Close lets accepted writes finish. Runs that are still open are orphans from then on.
func (j *Journal) Close() error {
	j.closing.Do(func() {
		if j.look != nil {
			j.closed = j.look.Close()
			return
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		j.closed = j.store.db.Close()
		j.disown()
	})
	return j.closed
}

// read runs fn on the connections for reading.
func (j *Journal) read(fn func(*sql.DB) error) error {
	if j.look != nil {
		return fn(j.look)
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	return fn(j.store.db.Reader())
}

// syncDir makes renames in the journal's folder durable.
func (j *Journal) syncDir() error {
	d, err := os.Open(j.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
