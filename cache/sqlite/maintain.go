package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// QuickCheck looks for damage in the structure of the file (1.6 GB/s). The error is one for which IsCorrupt is true.
// It does not see a changed byte inside a row (so keep a digest in each), nor a lost WAL (so keep a witness).
func (db *DB) QuickCheck(ctx context.Context) error { return quickCheck(ctx, db.read) }

func quickCheck(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("sqlite: quick_check: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("sqlite: quick_check: %s: %w", verdict, ErrCorrupt)
	}
	return nil
}

// Vacuum gives up to pages free pages of 4 KiB back to the file system. 256 pages hold the writer for about 2 ms.
func (db *DB) Vacuum(ctx context.Context, pages int) error {
	return db.Write(ctx, func(tx *Tx) error {
		rows, err := tx.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", max(pages, 0)))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() { // each step frees one page
		}
		return rows.Err()
	})
}

// Checkpoint folds the WAL into the database and empties it. Only useful to give space back: SQLite folds by itself,
// and a WAL file that is used again commits faster than one that grows.
func (db *DB) Checkpoint(ctx context.Context) error {
	var busy, logged, done int
	err := db.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &logged, &done)
	if err != nil {
		return fmt.Errorf("sqlite: checkpoint: %w", err)
	}
	return nil
}

// Pages is the size of a database in pages of 4 KiB.
type Pages struct{ Total, Free int64 }

// Pages counts the pages of the file and how many of them Vacuum could give back.
func (db *DB) Pages(ctx context.Context) (Pages, error) {
	var p Pages
	const q = "SELECT page_count, freelist_count FROM pragma_page_count(), pragma_freelist_count()"
	if err := db.read.QueryRowContext(ctx, q).Scan(&p.Total, &p.Free); err != nil {
		return Pages{}, fmt.Errorf("sqlite: %w", err)
	}
	return p, nil
}

// Backup writes a whole, compact copy of the database to a new file at path (mode 0600), while others read and write.
func (db *DB) Backup(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("sqlite: backup: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("sqlite: backup: %w", err)
	}
	// A connection of its own: a read-only one may not create files, and the writer's would keep everybody waiting.
	own := openPool(db.dsn, 0, 1)
	if _, err = own.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		err = errors.Join(fmt.Errorf("sqlite: backup: %w", err), os.Remove(path))
	}
	return errors.Join(err, own.Close())
}

// Quarantine moves the three files of a closed database into quarantine/<time>/ beside it and returns that folder.
// Nothing is deleted: an operator may still get rows out of it.
func Quarantine(path string) (string, error) {
	parent := filepath.Join(filepath.Dir(path), "quarantine")
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", fmt.Errorf("sqlite: quarantine: %w", err)
	}
	base := filepath.Join(parent, time.Now().UTC().Format("20060102T150405.000"))
	dir := base
	for n := 1; ; n++ {
		err := os.Mkdir(dir, 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || n > 1000 {
			return "", fmt.Errorf("sqlite: quarantine: %w", err)
		}
		dir = fmt.Sprintf("%s-%d", base, n)
	}
	for _, name := range family(path) {
		err := os.Rename(name, filepath.Join(dir, filepath.Base(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("sqlite: quarantine: %w", err)
		}
	}
	return dir, nil
}
