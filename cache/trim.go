package cache

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"levee/graph/value"
)

const (
	// useGrace protects a value file that was written or used a short time ago: somebody may be about to name it in a row.
	useGrace = 10 * time.Minute
	// orphanGrace is how long a file that no result needs is kept: it may be an input of a run.
	orphanGrace = 24 * time.Hour
)

// Trimmed says what a trim removed.
type Trimmed struct {
	Entries int   `json:"entries"` // results
	Files   int   `json:"files"`   // value files
	Bytes   int64 `json:"bytes"`   // of rows and files together
}

// Trim removes results until the cache has at most max bytes: first value files that no result needs, then results in the
// order of their last use, where one that was costly to make for its size counts as used later (up to 30 days). What was
// used since Options.KeepSince stays, and value files used in the last ten minutes. It works in slices of 500 results,
// between which others write.
func (c *Cache) Trim(ctx context.Context, max int64) (Trimmed, error) {
	var t Trimmed
	c.trimming.Lock() // two at once would each free what is too much
	defer c.trimming.Unlock()
	c.flushUses(ctx)
	keep := c.keepSince()
	u, err := c.Usage(ctx)
	if err != nil {
		return t, err
	}
	if u.Bytes() > max {
		if err := c.sweep(ctx, &t, u.Bytes()-max, useGrace); err != nil {
			return t, err
		}
	} else if err := c.sweep(ctx, &t, math.MaxInt64, orphanGrace); err != nil {
		return t, err
	}
	// A round can free less than it counted, because results share files: so measure, and go on while it helps.
	for range 4 {
		if u, err = c.Usage(ctx); err != nil || u.Bytes() <= max {
			break
		}
		before := t.Entries
		if err = c.trimRows(ctx, &t, u.Bytes()-max, keep); err != nil || t.Entries == before {
			break
		}
	}
	c.count.trimmed.Add(int64(t.Entries))
	if err == nil && t.Entries > 0 {
		err = c.giveBack(ctx)
	}
	if u, usage := c.Usage(ctx); usage == nil {
		c.count.bytes.Store(u.Bytes())
	}
	return t, err
}

// keepSince is the time from which on uses are kept, with the steps in which uses are noted taken off.
func (c *Cache) keepSince() time.Time {
	if c.opts.KeepSince == nil {
		return time.Time{}
	}
	t := c.opts.KeepSince()
	if t.IsZero() {
		return t
	}
	return t.Add(-useRowStep)
}

// worth is the hour, since 1970, as of which a row counts as used: the real one, and later by a day for each doubling of
// what a byte of it cost to make, from a microsecond on, up to 30 days.
func worth(at, size, cost int64) int64 {
	bonus := 24 * math.Log2(1+float64(max(cost, 0))/float64(max(size, 0)+512))
	return at/3600 + int64(min(bonus, 30*24))
}

// trimRows removes rows of at least need bytes, the least worth ones first. The rows are read twice, so that it needs no
// memory for them: first to find the worth up to which to remove, then to remove.
func (c *Cache) trimRows(ctx context.Context, t *Trimmed, need int64, keep time.Time) error {
	byHour := map[int64]int64{}
	err := c.eachUse(ctx, keep, func(_, hour, size int64) error {
		byHour[hour] += size
		return nil
	})
	if err != nil {
		return err
	}
	hours := make([]int64, 0, len(byHour))
	for hour := range byHour {
		hours = append(hours, hour)
	}
	slices.Sort(hours)
	cut, left := int64(math.MinInt64), need // all below cut goes, and of cut itself as much as is left
	for _, hour := range hours {
		if cut = hour; byHour[hour] >= left {
			break
		}
		left -= byHour[hour]
	}
	slice := make([]int64, 0, trimSlice)
	err = c.eachUse(ctx, keep, func(id, hour, size int64) error {
		if hour > cut || (hour == cut && left <= 0) {
			return nil
		}
		if hour == cut {
			left -= size
		}
		if slice = append(slice, id); len(slice) < trimSlice {
			return nil
		}
		err := c.trimSlice(ctx, t, slice)
		slice = slice[:0]
		return err
	})
	if err != nil {
		return err
	}
	return c.trimSlice(ctx, t, slice)
}

// useRow is what trimming knows of a result.
type useRow struct{ id, at, size, cost int64 }

const usePage = 4096

// eachUse calls fn for each row that may be trimmed. It reads page by page, so that no connection is held while fn works:
// fn needs one too, and there may be only one.
func (c *Cache) eachUse(ctx context.Context, keep time.Time, fn func(id, hour, size int64) error) error {
	page := make([]useRow, 0, usePage)
	for after := int64(math.MinInt64); ; after = page[len(page)-1].id {
		var err error
		if page, err = c.usePage(ctx, page[:0], after); err != nil || len(page) == 0 {
			return err
		}
		for _, u := range page {
			if !keep.IsZero() && u.at >= keep.Unix() {
				continue
			}
			if err := fn(u.id, worth(u.at, u.size, u.cost), u.size); err != nil {
				return err
			}
		}
	}
}

func (c *Cache) usePage(ctx context.Context, page []useRow, after int64) ([]useRow, error) {
	db := c.db.Load()
	rows, err := db.Reader().QueryContext(ctx, `SELECT id, at, size, cost FROM use WHERE id > ? ORDER BY id LIMIT ?`, after, usePage)
	if err != nil {
		return page, c.failed(db, err)
	}
	defer rows.Close()
	for rows.Next() {
		var u useRow
		if err := rows.Scan(&u.id, &u.at, &u.size, &u.cost); err != nil {
			return page, err
		}
		page = append(page, u)
	}
	return page, c.failed(db, rows.Err())
}

// trimSlice removes results, and then their files: a crash between leaves a file that a later sweep finds.
func (c *Cache) trimSlice(ctx context.Context, t *Trimmed, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	before, err := c.rowBytes(ctx)
	if err != nil {
		return err
	}
	files, err := c.deleteRows(ctx, ids)
	if err != nil {
		return fmt.Errorf("cache: trim: %w", err)
	}
	t.Entries += len(ids)
	if after, err := c.rowBytes(ctx); err == nil {
		t.Bytes += max(before-after, 0)
	}
	limit := c.fileLimit(useGrace)
	for _, d := range files {
		info, err := c.files.stat(d)
		if err != nil || !info.used.Before(limit) {
			continue
		}
		if needed, err := c.needed(ctx, d); err != nil || needed {
			continue
		}
		c.files.remove(d)
		t.Files++
		t.Bytes += info.size
	}
	return nil
}

// fileLimit is the time of last use before which a file that no result needs may go.
func (c *Cache) fileLimit(grace time.Duration) time.Time {
	limit := c.opts.now().Add(-grace)
	if keep := c.keepSince(); !keep.IsZero() && keep.Before(limit) {
		return keep
	}
	return limit
}

// sweep removes up to need bytes of value files that no result needs and that were not used for grace.
func (c *Cache) sweep(ctx context.Context, t *Trimmed, need int64, grace time.Duration) error {
	limit := c.fileLimit(grace)
	return c.files.walk(ctx, orphanGrace, func(f file) error {
		if need <= 0 || !f.used.Before(limit) {
			return nil
		}
		needed, err := c.needed(ctx, f.digest)
		if err != nil || needed {
			return err
		}
		c.files.remove(f.digest)
		t.Files++
		t.Bytes += f.size
		need -= f.size
		return nil
	})
}

// needed reports whether a result names the file.
func (c *Cache) needed(ctx context.Context, d value.Digest) (needed bool, err error) {
	db := c.db.Load()
	err = db.Reader().QueryRowContext(ctx, `SELECT EXISTS(SELECT 1 FROM ref WHERE digest = ?)`, d[:]).Scan(&needed)
	return needed, c.failed(db, err)
}

// giveBack returns free pages to the file system in small steps. Some are left, since the cache will grow again.
func (c *Cache) giveBack(ctx context.Context) error {
	db := c.db.Load()
	for {
		p, err := db.Pages(ctx)
		if err != nil {
			return c.failed(db, err)
		}
		if p.Free <= p.Total/8+vacuumSlice {
			return nil
		}
		if err := db.Vacuum(ctx, vacuumSlice); err != nil {
			return c.failed(db, err)
		}
	}
}
