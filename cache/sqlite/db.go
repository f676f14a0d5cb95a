// Package sqlite opens the SQLite databases of levee the one way that was measured to be safe and fast: WAL with an
// explicit synchronous level, one writer goroutine with group commit, and a separate pool of read-only connections.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Sync is the durability of a commit.
type Sync string

const (
	// Full makes every acknowledged commit survive a power cut.
	Full Sync = "FULL"
	// Normal never damages the file, but a power cut may take the last commits: right for what can be computed again.
	Normal Sync = "NORMAL"
)

// minVersion is the first SQLite without the WAL-reset race (https://www.sqlite.org/wal.html#walresetbug), in which two
// connections that checkpoint and write at one instant lose commits.
const minVersion = 3051003

// MaxBatch is the largest number of writes that share one commit.
const MaxBatch = 512

// Options says how a database is opened.
type Options struct {
	Sync    Sync     // required: the driver would silently choose NORMAL
	Schema  []string // Schema[i] is the script that brings version i to version i+1 (PRAGMA user_version)
	Readers int      // read-only connections; 0 = one per CPU

	// MaxPages bounds the file to so many pages of 4 KiB; past it writes fail as on a full disk. 0 = no bound.
	MaxPages int64
	// Check runs quick_check before the database is used (about 0.6 s per GB).
	Check bool

	// Witness names a file that notes the last commit, outside the database: at the next Open it proves that the end
	// of the history is gone, which SQLite cannot see when a WAL was cut or removed. Empty = none.
	Witness string
	// AcceptLoss opens a database of which the witness says that it lost commits, and starts a new witness.
	AcceptLoss bool

	// AfterCommit is called by the writer goroutine after each commit and before those who wait for it are told.
	// seq grows by one with each commit; with a witness it goes on over restarts. It must not call Write.
	AfterCommit func(seq uint64)
}

// DB is an open database. All methods are safe for concurrent use.
type DB struct {
	path    string
	dsn     string // of connections that may write
	write   *sql.DB
	read    *sql.DB
	writer  *writer
	opened  os.FileInfo
	closing sync.Once
	closed  error
}

// Open opens or creates the database at path (mode 0600), checks it as o asks, and brings its schema up to date in one
// transaction. Errors the caller decides by: *LossError, *VersionError, *RemoteError, and those for which IsCorrupt or
// IsFull is true.
func Open(path string, o Options) (*DB, error) {
	if o.Sync != Full && o.Sync != Normal {
		return nil, fmt.Errorf("sqlite: Sync must be FULL or NORMAL, not %q", o.Sync)
	}
	if name, number, _ := sqlite3.Version(); number < minVersion {
		return nil, fmt.Errorf("sqlite: linked against SQLite %s, which can lose commits; 3.51.3 or newer is needed", name)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %v", err)
	}
	if err := Local(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	db := &DB{path: path, dsn: writeDSN(path, o.Sync)}
	db.write = openPool(db.dsn, o.MaxPages, 1)
	if err := db.start(o); err != nil {
		return nil, errors.Join(err, db.write.Close())
	}
	return db, nil
}

// start does what needs the writing connection alone, before anybody else can use the database.
func (db *DB) start(o Options) error {
	ctx := context.Background()
	if o.Check {
		if err := quickCheck(ctx, db.write); err != nil {
			return err
		}
	}
	if err := migrate(ctx, db.write, db.path, o.Schema); err != nil {
		return err
	}
	mark, err := openWitness(ctx, db.write, o.Witness, o.AcceptLoss)
	if err != nil {
		return err
	}
	if db.opened, err = os.Stat(db.path); err != nil {
		return errors.Join(fmt.Errorf("sqlite: %w", err), mark.close())
	}
	readers := o.Readers
	if readers <= 0 {
		readers = goruntime.NumCPU()
	}
	db.read = openPool(readDSN(db.path, o.Sync), 0, readers)
	db.writer = newWriter(db.write, mark, o.AfterCommit)
	return nil
}

// Reader is the pool of read-only connections. It sees every commit that Write has returned from.
func (db *DB) Reader() *sql.DB { return db.read }

// Path is the absolute path of the database file.
func (db *DB) Path() string { return db.path }

// InPlace reports whether path still names the file that was opened: false when somebody removed or replaced it, after
// which writes go nowhere that a restart would find.
func (db *DB) InPlace() bool {
	now, err := os.Stat(db.path)
	return err == nil && os.SameFile(now, db.opened)
}

// Close lets the writes that were accepted finish, then closes. Calling it again returns the same result.
func (db *DB) Close() error {
	db.closing.Do(func() {
		// Readers first: the connection that closes last folds the WAL into the database, and a reader may not.
		db.closed = errors.Join(db.writer.close(), db.read.Close(), db.write.Close())
	})
	return db.closed
}

// prepareFile creates the file with mode 0600 (SQLite would follow the umask; -wal and -shm copy the mode) and narrows
// what exists. It must not open an existing file: closing any descriptor of a file drops the POSIX locks that SQLite
// holds on it elsewhere in this process.
func prepareFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		return f.Close()
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("sqlite: %w", err)
	}
	for _, name := range family(path) {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("sqlite: %w", err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("sqlite: %s is not a regular file", name)
		}
		if info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("sqlite: %w", err)
			}
		}
	}
	return nil
}

// family lists the files that make up one database; only together do they hold all commits.
func family(path string) []string { return []string{path, path + "-wal", path + "-shm"} }

func writeDSN(path string, s Sync) string {
	return dsn(path, url.Values{
		"_auto_vacuum": {"incremental"}, "_journal_mode": {"WAL"}, "_synchronous": {string(s)}, "_busy_timeout": {"5000"},
		"_txlock": {"immediate"}, "_foreign_keys": {"on"}, "_stmt_cache_size": {"32"},
	})
}

func readDSN(path string, s Sync) string {
	return dsn(path, url.Values{
		"mode": {"ro"}, "_query_only": {"1"}, "_synchronous": {string(s)}, "_busy_timeout": {"5000"}, "_stmt_cache_size": {"32"},
	})
}

func dsn(path string, v url.Values) string {
	// As a URI, so that '?', '#' and '%' in a folder's name mean themselves.
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + v.Encode()
}

// connector makes connections of this package without the driver registry, which is global.
type connector struct {
	dsn      string
	maxPages int64
}

func (c connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	d := &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		// mmap_size 0: with a mapped file, a truncation from outside is a SIGBUS that kills the process.
		pragmas := `PRAGMA journal_size_limit=67108864; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;
			PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;`
		if c.maxPages > 0 {
			pragmas += fmt.Sprintf("PRAGMA max_page_count=%d;", c.maxPages)
		}
		_, err := conn.Exec(pragmas, nil)
		return err
	}}
	return d.Open(c.dsn)
}

func openPool(dsn string, maxPages int64, conns int) *sql.DB {
	pool := sql.OpenDB(connector{dsn: dsn, maxPages: maxPages})
	// Connections are kept: opening one costs more than a hundred reads, and needs the file to be where it was.
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool
}
