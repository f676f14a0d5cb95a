// Package cache keeps the results of invocations: action key -> outputs -> bytes. It may lose, never lie, and never stop
// work: whatever is damaged is a miss, and a damaged database is set aside and begun anew. Rows live in cache.db, values
// over value.InlineMax in files named by their digest; the bytes are always there before the row that names them.
package cache

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"levee/cache/sqlite"
)

//go:embed schema.sql
var schema string

// Options says how a cache is opened. The zero value is a cache without a size limit that checks nothing at the start.
type Options struct {
	MaxBytes int64 // rows and value files together; trimmed in the background to nine tenths when over; 0 = no limit

	// KeepSince returns the start of the oldest open run: what was used since is never trimmed. nil = nothing is kept.
	KeepSince func() time.Time
	// Check runs quick_check over the database in the background (about 0.6 s per GB).
	Check bool
	Log   *slog.Logger // nil = silent

	now  func() time.Time
	max  int64         // pages, for tests of a full disk
	wait time.Duration // 0 = batchWait
}

// Cache is an open cache. All methods are safe for concurrent use, also by several processes on one directory.
type Cache struct {
	dir   string
	opts  Options
	log   *slog.Logger
	files *fileStore
	uses  *uses
	count counters
	joins flights
	looks looks
	puts  puts

	// db is replaced when the database is damaged or its files are gone; swap is held while that is done.
	db   atomic.Pointer[sqlite.DB]
	swap sync.Mutex

	keep     keeper
	trimming sync.Mutex // held by the one Trim that works
}

// Open opens or creates the cache in dir (mode 0700). A database that is damaged, or of an older or newer levee that
// cannot be read, is set aside in dir/quarantine, and an empty one begun; only a directory that cannot be used at all
// is an error.
func Open(dir string, o Options) (*Cache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %v", err)
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.wait == 0 {
		o.wait = batchWait
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cache{dir: dir, opts: o, log: o.Log, files: newFileStore(filepath.Join(dir, "values"), o.now), uses: newUses(o.now)}
	db, err := c.openDB()
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c.db.Store(db)
	c.puts.room.L = &c.puts.mu
	c.puts.live, c.puts.found = map[*batch]struct{}{}, map[Key]*Entry{}
	c.startKeeper()
	return c, nil
}

// Close ends the work in the background and equal work in flight, and writes down what was used.
func (c *Cache) Close() error {
	c.joins.close()
	_ = c.Flush(context.Background())
	c.stopKeeper()
	c.flushUses(context.Background())
	c.swap.Lock()
	defer c.swap.Unlock()
	return c.db.Load().Close()
}

// Dir is the cache's directory.
func (c *Cache) Dir() string { return c.dir }

func (c *Cache) dbPath() string { return filepath.Join(c.dir, "cache.db") }

// openDB opens cache.db, and sets aside one that cannot be used.
func (c *Cache) openDB() (*sqlite.DB, error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	o := sqlite.Options{Sync: sqlite.Normal, Schema: []string{schema}, MaxPages: c.opts.max}
	db, err := sqlite.Open(c.dbPath(), o)
	var version *sqlite.VersionError
	if err == nil || !(unusable(err) || errors.As(err, &version)) {
		return db, err
	}
	to, moved := c.quarantine()
	if moved != nil {
		return nil, errors.Join(err, moved)
	}
	c.log.Error("the cache could not be read; it was set aside and an empty one begun", "why", err, "kept", to)
	return sqlite.Open(c.dbPath(), o)
}

// keptDamaged is how many databases stay in quarantine. A cache can be made again, so more would only fill the disk.
const keptDamaged = 3

// quarantine moves the database aside and removes those that were there longest.
func (c *Cache) quarantine() (string, error) {
	to, err := sqlite.Quarantine(c.dbPath())
	if err != nil {
		return "", err
	}
	old, err := os.ReadDir(filepath.Dir(to)) // sorted by name, which begins with the time
	if err != nil {
		return to, nil // it is aside, and that is what counts
	}
	for i := range len(old) - keptDamaged {
		os.RemoveAll(filepath.Join(filepath.Dir(to), old[i].Name()))
	}
	return to, nil
}

// unusable reports whether the database must be set aside: it is damaged, or its tables are not those of the schema.
func unusable(err error) bool { return sqlite.IsCorrupt(err) || sqlite.IsMisfit(err) }

// failed looks at an error of the database and repairs what it can, so that the next call finds a cache that works.
// It returns err.
func (c *Cache) failed(db *sqlite.DB, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case unusable(err), errors.Is(err, sqlite.ErrStopped), !db.InPlace():
		c.replace(db, err)
	}
	return err
}

// replace opens the database anew, after moving it aside if it is damaged.
func (c *Cache) replace(old *sqlite.DB, why error) {
	c.swap.Lock()
	defer c.swap.Unlock()
	if c.db.Load() != old || c.keep.ended() {
		return // another caller was first
	}
	inPlace := old.InPlace()
	_ = old.Close() // it is given up: what it held is lost or on disk
	if inPlace && unusable(why) {
		c.count.damaged.Add(1)
		to, err := c.quarantine()
		if err != nil {
			c.log.Error("the damaged cache could not be set aside", "why", err)
			return
		}
		c.log.Error("the cache is damaged; it was set aside and an empty one begun", "why", why, "kept", to)
	} else {
		c.log.Warn("the cache is opened again: its files were removed or replaced, or the disk failed", "why", why)
	}
	db, err := c.openDB()
	if err != nil {
		// old stays in place, closed: every call is a miss, and each later failure tries again.
		c.log.Error("the cache cannot be opened; nothing is remembered for now", "why", err)
		return
	}
	c.uses.clear() // they are ids of rows of the old database
	c.db.Store(db)
}

// replaced reports whether another database has taken the place of db, waiting for a replacement under way.
func (c *Cache) replaced(db *sqlite.DB) bool {
	c.swap.Lock()
	defer c.swap.Unlock()
	return c.db.Load() != db
}

// write runs fn in the writer of the current database. When that turns out to be damaged, fn is run again on the new one.
func (c *Cache) write(ctx context.Context, fn func(*sqlite.Tx) error) error {
	db := c.db.Load()
	if !db.InPlace() {
		c.replace(db, errors.New("its file is gone"))
		db = c.db.Load()
	}
	err := c.failed(db, db.Write(ctx, fn))
	if err != nil && c.replaced(db) {
		db = c.db.Load()
		err = c.failed(db, db.Write(ctx, fn))
	}
	return err
}
