package cache

import (
	"context"
	"fmt"
	"strings"
	"time"

	"levee/cache/sqlite"
	"levee/graph/value"
)

// maxPathsets is how many different sets of paths are kept per key. A node whose paths differ more often than that
// depends on something that a list of paths cannot say.
const maxPathsets = 4

// row is an entry as it is stored.
type row struct {
	key          Key // the key under which it is found, with the observations
	base         Key // without them
	site, node   string
	sum, body    []byte
	dsum, detail []byte
	paths        []byte // nil without observations
	files        []value.Digest
	size, cost   int64
	at           int64

	entry *Entry // as it is found while it is not stored yet

	// guarded by puts.mu
	err   error
	ended bool // it is stored, or err says why not
	then  []func(error)
}

// bytes is what the row takes up, without value files.
func (r *row) bytes() int64 { return int64(len(r.body) + len(r.detail)) }

// Put stores a result. Values over value.InlineMax must come from PutValue, or carry their bytes, which are then written
// first. Only results of success may be stored. With ErrFull nothing was stored; the run can go on without.
func (c *Cache) Put(ctx context.Context, e *Entry) error {
	r, err := c.newRow(ctx, e)
	if err != nil {
		return err
	}
	b, err := c.add(ctx, r, true)
	if err != nil {
		return err
	}
	select {
	case <-b.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settleOutput makes sure that the bytes of an output are where a hit will look for them.
func (c *Cache) settleOutput(ctx context.Context, v value.Value) error {
	if v.IsZero() {
		return nil
	}
	enc, inline := v.Inline()
	switch {
	case inline && int64(len(enc)) != v.Size:
		return fmt.Errorf("cache: value of %d bytes carries %d", v.Size, len(enc))
	case v.Size <= value.InlineMax && !inline:
		return fmt.Errorf("cache: value of %d bytes does not carry them", v.Size)
	case v.Size <= value.InlineMax:
		return nil
	case inline:
		return c.storeBytes(ctx, v.Digest, enc)
	case !c.files.has(v.Digest, v.Size):
		return fmt.Errorf("%w: %s %s", ErrLost, v.Type, v.Digest.Short())
	}
	return nil
}

// newRow makes the row of an entry whose bytes are where they belong.
func (c *Cache) newRow(ctx context.Context, e *Entry) (*row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.Key.IsZero() {
		return nil, fmt.Errorf("cache: entry without a key")
	}
	for i, v := range e.Outputs {
		if err := c.settleOutput(ctx, v); err != nil {
			return nil, fmt.Errorf("output %d: %w", i, err)
		}
	}
	if e.Created.IsZero() {
		e.Created = c.opts.now()
	}
	r := &row{key: e.Key.Observed(e.Observations), base: e.Key, site: e.Site, node: e.Node, body: encodeBody(e), detail: encodeDetail(e),
		at: c.opts.now().Unix(), cost: e.Cost.Microseconds()}
	r.sum = checksum("action", r.key[:], r.body)
	r.dsum = checksum("detail", r.key[:], r.detail)
	if len(e.Observations) > 0 {
		r.paths = encodeObservations(e.Observations, false)
	}
	r.size = int64(len(r.body) + len(r.detail) + len(r.paths))
	for _, v := range e.Outputs {
		if v.Size > value.InlineMax {
			r.files = append(r.files, v.Digest)
			r.size += v.Size
		}
	}
	r.entry = &Entry{Key: r.key, Outputs: e.Outputs, Cost: e.Cost.Truncate(time.Microsecond), Created: time.UnixMicro(e.Created.UnixMicro())}
	e.row = r
	return r, nil
}

// rowsAtOnce are the numbers of rows per statement, of which there are few, so that each stays prepared.
var rowsAtOnce = [...]int{32, 8, 1}

// insertRows stores rows, in their order.
func insertRows(tx *sqlite.Tx, rows []*row) error {
	for _, n := range rowsAtOnce {
		for ; len(rows) >= n; rows = rows[n:] {
			err := insertNew(tx, rows[:n])
			if sqlite.IsTaken(err) { // none of them was stored: some key is there already, or twice among them
				err = replaceRows(tx, rows[:n])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

var insertsNew = func() map[int][3]string {
	m := map[int][3]string{}
	for _, n := range rowsAtOnce {
		several := func(insert, row string) string { return insert + row + strings.Repeat(", "+row, n-1) }
		// OR REPLACE: an id may be used again after a delete.
		m[n] = [3]string{
			several(`INSERT INTO action(id, key, sum, body) VALUES `, `(?, ?, ?, ?)`),
			several(`INSERT OR REPLACE INTO detail(id, site, node, sum, body) VALUES `, `(?, ?, ?, ?, ?)`),
			several(`INSERT OR REPLACE INTO use(id, at, size, cost) VALUES `, `(?, ?, ?, ?)`),
		}
	}
	return m
}()

// insertNew stores rows whose keys are not there, or none.
func insertNew(tx *sqlite.Tx, rows []*row) error {
	var id int64
	if err := tx.QueryRow(`SELECT coalesce(max(id), 0) FROM action`).Scan(&id); err != nil {
		return err
	}
	for table, insert := range insertsNew[len(rows)] {
		args := tx.Args()
		for i, r := range rows {
			switch id := id + 1 + int64(i); table {
			case 0:
				args = append(args, id, r.key[:], r.sum, r.body)
			case 1:
				args = append(args, id, r.site, r.node, r.dsum, r.detail)
			case 2:
				args = append(args, id, r.at, r.size, r.cost)
			}
		}
		if err := tx.Insert(insert, args); err != nil {
			return err
		}
	}
	for i, r := range rows {
		if err := r.insertOthers(tx, id+1+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

// replaceRows stores rows whose keys may be there.
func replaceRows(tx *sqlite.Tx, rows []*row) error {
	for _, r := range rows {
		var id int64
		err := tx.QueryRow(`INSERT INTO action(key, sum, body) VALUES (?, ?, ?)
			ON CONFLICT(key) DO UPDATE SET sum = excluded.sum, body = excluded.body RETURNING id`, r.key[:], r.sum, r.body).Scan(&id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(insertsNew[1][1], id, r.site, r.node, r.dsum, r.detail); err != nil {
			return err
		}
		if _, err := tx.Exec(insertsNew[1][2], id, r.at, r.size, r.cost); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM ref WHERE action = ?`, id); err != nil {
			return err
		}
		if err := r.insertOthers(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// insertOthers stores what few rows have: value files and observations.
func (r *row) insertOthers(tx *sqlite.Tx, id int64) error {
	for _, d := range r.files {
		if _, err := tx.Exec(`INSERT OR IGNORE INTO ref(digest, action) VALUES (?, ?)`, d[:], id); err != nil {
			return err
		}
	}
	if r.paths == nil {
		return nil
	}
	if _, err := tx.Exec(`INSERT INTO pathset(key, sum, body, last) VALUES (?, ?, ?, ?)
		ON CONFLICT(key, sum) DO UPDATE SET last = excluded.last, body = excluded.body`,
		r.base[:], checksum("pathset", r.base[:], r.paths), r.paths, id); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM pathset WHERE key = ?1 AND id NOT IN (
		SELECT id FROM pathset WHERE key = ?1 ORDER BY last DESC, id DESC LIMIT ?2)`, r.base[:], maxPathsets)
	return err
}

// deleteRows removes results with all that hangs on them, and returns the value files that they needed. A file may still
// be needed by another result.
func (c *Cache) deleteRows(ctx context.Context, ids []int64) (files []value.Digest, err error) {
	err = c.write(ctx, func(tx *sqlite.Tx) error {
		files = files[:0]
		for _, id := range ids {
			refs, err := tx.Query(`DELETE FROM ref WHERE action = ? RETURNING digest`, id)
			if err != nil {
				return err
			}
			for refs.Next() {
				var raw []byte
				if err := refs.Scan(&raw); err != nil {
					break // refs.Err says why
				}
				if len(raw) == len(value.Digest{}) {
					files = append(files, value.Digest(raw))
				}
			}
			if err := refs.Err(); err != nil {
				return err
			}
			for _, q := range deletes {
				if _, err := tx.Exec(q, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return files, err
}

var deletes = [...]string{`DELETE FROM action WHERE id = ?`, `DELETE FROM detail WHERE id = ?`, `DELETE FROM use WHERE id = ?`,
	`DELETE FROM pathset WHERE last = ?`}
