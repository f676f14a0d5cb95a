package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"levee/graph/value"
)

type counters struct {
	hits, misses, stored, joined, damaged, trimmed, full atomic.Int64
	bytes                                                atomic.Int64 // what the cache holds, as far as known
}

// Stats counts what happened since Open.
type Stats struct {
	Hits    int64 `json:"hits"`
	Misses  int64 `json:"misses"`
	Stored  int64 `json:"stored"`
	Joined  int64 `json:"joined"`  // calls of Join that waited for work of another
	Damaged int64 `json:"damaged"` // rows and files that were dropped, databases that were set aside
	Trimmed int64 `json:"trimmed"` // results
	Full    int64 `json:"full"`    // writes that found no room
}

// Stats returns the counters.
func (c *Cache) Stats() Stats {
	n := &c.count
	return Stats{Hits: n.hits.Load(), Misses: n.misses.Load(), Stored: n.stored.Load(), Joined: n.joined.Load(),
		Damaged: n.damaged.Load(), Trimmed: n.trimmed.Load(), Full: n.full.Load()}
}

// Usage is the size of a cache.
type Usage struct {
	Entries   int64 `json:"entries"`
	RowBytes  int64 `json:"row_bytes"` // pages in use
	Files     int64 `json:"files"`
	FileBytes int64 `json:"file_bytes"`
}

// Bytes is what Options.MaxBytes bounds.
func (u Usage) Bytes() int64 { return u.RowBytes + u.FileBytes }

// Usage measures the cache: it walks the value files (about 4 us each) and counts the rows.
func (c *Cache) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	db := c.db.Load()
	if err := db.Reader().QueryRowContext(ctx, `SELECT count(*) FROM use`).Scan(&u.Entries); err != nil {
		return u, c.failed(db, fmt.Errorf("cache: %w", err))
	}
	var err error
	if u.RowBytes, err = c.rowBytes(ctx); err != nil {
		return u, err
	}
	err = c.files.walk(ctx, orphanGrace, func(f file) error {
		u.Files++
		u.FileBytes += f.size
		return nil
	})
	return u, err
}

func (c *Cache) rowBytes(ctx context.Context) (int64, error) {
	db := c.db.Load()
	p, err := db.Pages(ctx)
	return (p.Total - p.Free) * 4096, c.failed(db, err)
}

// Item is a line of a listing.
type Item struct {
	ID      int64         `json:"-"`
	Key     Key           `json:"-"`
	Node    string        `json:"node"`
	Site    string        `json:"site"`
	Size    int64         `json:"size"` // bytes of the row and of its value files
	Cost    time.Duration `json:"cost"`
	Created time.Time     `json:"created"`
	Used    time.Time     `json:"used"` // within an hour
}

// List returns up to limit results, the newest first, beginning behind the one with ID before (0 = at the newest).
func (c *Cache) List(ctx context.Context, before int64, limit int) ([]Item, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	c.flushUses(ctx)
	db := c.db.Load()
	rows, err := db.Reader().QueryContext(ctx, `SELECT a.id, a.key, a.sum, a.body, d.node, d.site, u.size, u.at
		FROM action a JOIN detail d USING(id) JOIN use u USING(id) WHERE a.id < ? ORDER BY a.id DESC LIMIT ?`, before, limit)
	if err != nil {
		return nil, c.failed(db, fmt.Errorf("cache: %w", err))
	}
	defer rows.Close()
	var items []Item
	for rows.Next() {
		var it Item
		var key, sum, body []byte
		var at int64
		if err := rows.Scan(&it.ID, &key, &sum, &body, &it.Node, &it.Site, &it.Size, &at); err != nil {
			return items, fmt.Errorf("cache: %w", err)
		}
		var e Entry
		if !c.intact(&e, key, sum, body) {
			continue
		}
		it.Key, it.Cost, it.Created, it.Used = Key(key), e.Cost, e.Created, time.Unix(at, 0)
		items = append(items, it)
	}
	return items, c.failed(db, rows.Err())
}

// Report is what Verify found. What was damaged has been removed.
type Report struct {
	Entries    int    `json:"entries"`
	Files      int    `json:"files"`
	Bytes      int64  `json:"bytes"`       // hashed
	BadEntries int    `json:"bad_entries"` // rows whose content is not what was stored
	Incomplete int    `json:"incomplete"`  // rows whose value files are gone
	BadFiles   int    `json:"bad_files"`
	Database   string `json:"database,omitempty"` // what quick_check found; the database was set aside
}

// Clean reports whether nothing was wrong.
func (r Report) Clean() bool {
	return r.BadEntries == 0 && r.Incomplete == 0 && r.BadFiles == 0 && r.Database == ""
}

// Verify hashes every row and every value file again and removes what is damaged.
func (c *Cache) Verify(ctx context.Context) (Report, error) {
	var r Report
	db := c.db.Load()
	if err := c.failed(db, db.QuickCheck(ctx)); err != nil {
		if !c.replaced(db) {
			return r, err
		}
		r.Database = err.Error()
	}
	// Files first: a row that needs one which is removed here is then incomplete.
	err := c.files.walk(ctx, orphanGrace, func(f file) error {
		r.Files++
		r.Bytes += f.size
		c.files.forget(f.digest)
		fd, err := os.Open(c.files.path(f.digest))
		if err != nil {
			return ignoreAbsent(err)
		}
		defer fd.Close()
		if err := c.files.verify(ctx, fd, f.digest, f.size); !errors.Is(err, errDamaged) {
			return err
		}
		r.BadFiles++
		c.count.damaged.Add(1)
		c.files.removeSame(f.digest, fd)
		return nil
	})
	if err != nil {
		return r, err
	}
	db = c.db.Load()
	for after := int64(0); ; {
		next, err := c.verifyRows(ctx, &r, after)
		if err != nil && c.replaced(db) {
			r.Database = err.Error() // quick_check sees less than reading does
			return r, nil
		}
		if err != nil || next == after {
			return r, err
		}
		after = next
	}
}

// verifyRows verifies some rows behind the one with id after, and returns the id of the last.
func (c *Cache) verifyRows(ctx context.Context, r *Report, after int64) (int64, error) {
	db := c.db.Load()
	rows, err := db.Reader().QueryContext(ctx, `SELECT a.id, a.key, a.sum, a.body, d.sum, d.body
		FROM action a LEFT JOIN detail d USING(id) WHERE a.id > ? ORDER BY a.id LIMIT 64`, after)
	if err != nil {
		return after, c.failed(db, err)
	}
	defer rows.Close()
	var drop []int64
	for rows.Next() {
		var key, sum, body, dsum, detail []byte
		if err := rows.Scan(&after, &key, &sum, &body, &dsum, &detail); err != nil {
			return after, err
		}
		r.Entries++
		r.Bytes += int64(len(body) + len(detail))
		var e Entry
		switch {
		case !c.intact(&e, key, sum, body) || !inlineIntact(&e) || !bytes.Equal(dsum, checksum("detail", key, detail)):
			r.BadEntries++
		case !c.present(&e):
			r.Incomplete++
		default:
			continue
		}
		drop = append(drop, after)
	}
	if err := c.failed(db, errors.Join(rows.Err(), rows.Close())); err != nil || len(drop) == 0 {
		return after, err
	}
	_, err = c.deleteRows(ctx, drop)
	return after, err
}

// inlineIntact checks the values in a row against their own digests too, which a hit leaves to the sum of the row.
func inlineIntact(e *Entry) bool {
	for _, v := range e.Outputs {
		if enc, ok := v.Inline(); ok && value.Sum(enc) != v.Digest {
			return false
		}
	}
	return true
}
