package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"levee/cache/sqlite"
)

const (
	pageSize    = 4096
	dropRuns    = 20   // runs that are forgotten in one transaction
	dropRows    = 2000 // of invocations or events deleted in one: the writer is held for some milliseconds
	vacuumPages = 256  // given back in one: about 2 ms
)

// Retain forgets ended runs that ended longer ago than maxAge, and then the oldest ones until the history takes up no more than
// maxBytes; 0 is no bound. Open runs always stay, and of the last run of each workflow and file the row without its details,
// which says that it need not run again: such rows go only for maxBytes. It works in slices, so that nobody waits long for the
// one writer, and what a crash leaves half done is finished by the next call.
func (j *Journal) Retain(ctx context.Context, maxAge time.Duration, maxBytes int64) error {
	if err := j.sweep(ctx); err != nil {
		return err
	}
	if maxAge > 0 {
		old := time.Now().Add(-maxAge).UnixMicro()
		spare := fmt.Sprintf(`accepted < %d AND finished < %[1]d AND %s AND NOT (bare AND %s)`, old, ended, isLast)
		if err := j.forgetAll(ctx, spare, func(sqlite.Pages) bool { return false }); err != nil {
			return err
		}
	}
	if maxBytes > 0 {
		// The bound is on what is in use: free pages are given back below, or used again. First details, then the rows.
		fits := func(p sqlite.Pages) bool { return (p.Total-p.Free)*pageSize <= maxBytes }
		for _, spare := range []string{ended + ` AND NOT (bare AND ` + isLast + `)`, ended} {
			if err := j.forgetAll(ctx, spare, fits); err != nil {
				return err
			}
		}
	}
	return j.giveBack(ctx)
}

// ended holds for runs that nobody will ask for again: not for that of a node whose own run goes on.
const ended = `finished IS NOT NULL AND NOT EXISTS (SELECT 1 FROM run AS around WHERE around.id=run.parent AND around.finished IS NULL)`

// isLast holds for the newest run of its workflow and file; runs of nodes do not count.
const isLast = `parent='' AND NOT EXISTS (SELECT 1 FROM run AS later WHERE later.parent='' AND later.workflow=run.workflow AND later.file=run.file
	AND (later.accepted, later.num) > (run.accepted, run.num))`

// forgetAll forgets runs, the oldest first, until enough says so.
func (j *Journal) forgetAll(ctx context.Context, spare string, enough func(sqlite.Pages) bool) error {
	var from cursor
	for {
		pages, err := j.pages(ctx)
		if err != nil || enough(pages) {
			return err
		}
		// Looked for by a reader: to pass over the many that stay must not hold the writer.
		nums, err := j.oldest(ctx, spare, &from)
		if err != nil || len(nums) == 0 {
			return err
		}
		err = j.write(ctx, true, func(t *tx) error {
			for _, num := range nums {
				if err := t.forget(num); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = j.sweep(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// cursor is the last run that was looked at.
type cursor struct{ accepted, num int64 }

func (j *Journal) oldest(ctx context.Context, spare string, from *cursor) (nums []int64, err error) {
	err = j.read(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, fmt.Sprintf(`SELECT accepted, num FROM run WHERE (accepted, num) > (?, ?) AND %s
			ORDER BY accepted, num LIMIT %d`, spare, dropRuns), from.accepted, from.num)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := rows.Scan(&from.accepted, &from.num); err != nil {
				return err
			}
			nums = append(nums, from.num)
		}
		return rows.Err()
	})
	return nums, err
}

// forget makes an ended run vanish, or bare when it is the last of its kind and was not yet; what it had is deleted later.
func (t *tx) forget(num int64) error {
	var last, bare bool
	err := t.QueryRow(`SELECT `+isLast+`, bare FROM run WHERE num=?`, num).Scan(&last, &bare)
	if errors.Is(err, sql.ErrNoRows) { // another process was faster
		return nil
	}
	if err != nil {
		return err
	}
	query := `DELETE FROM run WHERE num=?`
	if last && !bare {
		query = `UPDATE run SET bare=1, source=NULL, inputs=NULL, files=NULL, outputs=NULL, options=NULL WHERE num=?`
	}
	for _, q := range []string{query, `DELETE FROM answer WHERE run=?`, `INSERT OR IGNORE INTO doomed(num) VALUES(?)`} {
		if _, err := t.Exec(q, num); err != nil {
			return err
		}
	}
	return nil
}

// sweep deletes the invocations and events of runs that are forgotten.
func (j *Journal) sweep(ctx context.Context) error {
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := j.write(ctx, true, func(t *tx) (err error) {
			done, err = t.sweepSome()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) sweepSome() (done bool, err error) {
	for left := int64(dropRows); left > 0; {
		var num int64
		switch err := t.QueryRow(`SELECT num FROM doomed LIMIT 1`).Scan(&num); {
		case errors.Is(err, sql.ErrNoRows):
			return true, nil
		case err != nil:
			return false, err
		}
		var n int64
		for _, table := range []string{"event", "invocation"} {
			res, err := t.Exec(`DELETE FROM `+table+` WHERE run=?1 AND seq IN (SELECT seq FROM `+table+` WHERE run=?1 ORDER BY seq LIMIT ?2)`, num, left-n)
			if err != nil {
				return false, err
			}
			deleted, err := res.RowsAffected()
			if err != nil {
				return false, err
			}
			n += deleted
		}
		if n < left {
			if _, err := t.Exec(`DELETE FROM doomed WHERE num=?`, num); err != nil {
				return false, err
			}
		}
		left -= n + 1
	}
	return false, nil
}

func (j *Journal) pages(ctx context.Context) (p sqlite.Pages, err error) {
	if j.look != nil {
		return p, ErrReadOnly
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.store.db.Pages(ctx)
}

// giveBack returns free pages to the file system while they are more than an eighth: those are used again soon. The file only
// shrinks at a checkpoint, which is made when the disk was full and otherwise comes by itself.
func (j *Journal) giveBack(ctx context.Context) error {
	for {
		pages, err := j.pages(ctx)
		if err != nil {
			return err
		}
		if pages.Free <= max(pages.Total/8, vacuumPages) {
			break
		}
		if err := j.vacuum(ctx); err != nil {
			return err
		}
	}
	if !j.spent.Load() {
		return nil
	}
	j.mu.RLock()
	err := j.store.db.Checkpoint(ctx)
	j.mu.RUnlock()
	if err != nil {
		return err
	}
	if err := j.keepReserve(); err != nil && !errors.Is(err, ErrFull) {
		return err
	}
	return nil
}

func (j *Journal) vacuum(ctx context.Context) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	err := j.store.db.Vacuum(ctx, vacuumPages)
	if sqlite.IsFull(err) {
		return fmt.Errorf("%w: %v", ErrFull, err)
	}
	return err
}

// Backup writes a whole copy of the history beside it, which takes its place should it ever be damaged.
func (j *Journal) Backup(ctx context.Context) error {
	if j.look != nil {
		return ErrReadOnly
	}
	tmp := j.path(fmt.Sprintf(".%s.%s", backupName, j.owner))
	os.Remove(tmp)
	defer os.Remove(tmp)
	j.mu.RLock()
	err := j.store.db.Backup(ctx, tmp)
	j.mu.RUnlock()
	if sqlite.IsFull(err) {
		return fmt.Errorf("%w: %v", ErrFull, err)
	}
	if err != nil {
		return err
	}
	if err := verify(ctx, tmp); err != nil { // a bad copy must not take the place of a good one
		return fmt.Errorf("backup: %w", err)
	}
	if err := os.Rename(tmp, j.path(backupName)); err != nil {
		return err
	}
	return j.syncDir()
}

// orphanGrace is how long the results of a run whose process is gone are kept for it: long enough for a box that is switched on
// again in the morning. A run that nobody takes up must not hold the cache's space for ever.
const orphanGrace = 24 * time.Hour

// OldestOpen is when the oldest open run was accepted that somebody works on or may take up again; false when there is none.
// What such runs found in the cache must stay.
func (j *Journal) OldestOpen(ctx context.Context) (at time.Time, open bool, err error) {
	type openRun struct {
		accepted int64
		owner    string
	}
	var list []openRun
	err = j.read(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, `SELECT accepted, owner FROM run WHERE finished IS NULL ORDER BY accepted`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r openRun
			if err := rows.Scan(&r.accepted, &r.owner); err != nil {
				return err
			}
			list = append(list, r)
		}
		return rows.Err()
	})
	for _, r := range list {
		if at := time.UnixMicro(r.accepted); time.Since(at) < orphanGrace || j.lives(r.owner) {
			return at, true, err
		}
	}
	return time.Time{}, false, err
}

// BackedUp is when the last backup was made; the zero time when there is none.
func (j *Journal) BackedUp() time.Time {
	info, err := os.Stat(j.path(backupName))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
