package journal

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Retain forgets ended runs that are older than maxAge, and then the oldest ones until the file is below maxBytes. Open runs
// always stay. It works in slices, so that nobody waits long for the one writer.
func (j *Journal) Retain(ctx context.Context, maxAge time.Duration, maxBytes int64) error {
	old := time.Now().Add(-maxAge).UnixMicro()
	for {
		n, err := j.drop(ctx, `SELECT id FROM run WHERE finished IS NOT NULL AND accepted < ? ORDER BY accepted LIMIT 20`, old)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for {
		pages, err := j.db.Pages(ctx)
		if err != nil {
			return err
		}
		if int64(pages.Total-pages.Free)*pageSize <= maxBytes {
			return j.db.Vacuum(ctx, vacuumPages)
		}
		n, err := j.drop(ctx, `SELECT id FROM run WHERE finished IS NOT NULL ORDER BY accepted LIMIT 20`)
		if err != nil || n == 0 {
			return err
		}
	}
}

const pageSize, vacuumPages = 4096, 256

// drop deletes the runs that a query names, with all they have, and returns how many they were.
func (j *Journal) drop(ctx context.Context, query string, args ...any) (int, error) {
	var n int
	err := j.db.Write(ctx, func(tx *sql.Tx) error {
		n = 0
		ids, err := texts(ctx, tx, query, args...)
		if err != nil {
			return err
		}
		for _, id := range ids {
			for _, q := range []string{`DELETE FROM event WHERE run=?`, `DELETE FROM invocation WHERE run=?`, `DELETE FROM run WHERE id=?`} {
				if _, err := tx.ExecContext(ctx, q, id); err != nil {
					return err
				}
			}
		}
		n = len(ids)
		return nil
	})
	return n, j.full(err)
}

func texts(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// Backup writes a whole copy of the history beside it, which takes its place should it ever be damaged.
func (j *Journal) Backup(ctx context.Context) error {
	tmp := filepath.Join(j.dir, fmt.Sprintf(".%s.%s", backupName, j.owner))
	os.Remove(tmp)
	if err := j.db.Backup(ctx, tmp); err != nil {
		os.Remove(tmp)
		return j.full(err)
	}
	if err := os.Rename(tmp, filepath.Join(j.dir, backupName)); err != nil {
		return err
	}
	return j.keepReserve()
}

// OldestOpen is when the oldest open run was accepted; false when none is open. What such runs found in the cache must stay.
func (j *Journal) OldestOpen(ctx context.Context) (time.Time, bool, error) {
	var at sql.NullInt64
	err := j.db.Reader().QueryRowContext(ctx, `SELECT min(accepted) FROM run WHERE finished IS NULL`).Scan(&at)
	return time.UnixMicro(at.Int64), at.Valid, err
}
