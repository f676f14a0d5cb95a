package cache

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"

	"levee/graph/value"
)

// ErrMiss says that there is no usable result: none was stored, it was trimmed, or it was damaged.
var ErrMiss = errors.New("cache: no such result")

// Get returns the result stored under k, or ErrMiss; the only other error is that of ctx. The entry has no Node, Site,
// Parts, Log and Observations: those are in Detail. Values over value.InlineMax are there as files when Get returns;
// their content is verified when they are opened.
func (c *Cache) Get(ctx context.Context, k Key) (*Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := c.one(k)
	c.counted(e != nil)
	if e == nil {
		return nil, ErrMiss
	}
	return e, nil
}

func (c *Cache) counted(hit bool) {
	if hit {
		c.count.hits.Add(1)
	} else {
		c.count.misses.Add(1)
	}
}

// chunks are the numbers of keys per statement; few different ones, so that each stays prepared.
var chunks = [...]int{64, 16, 4, 1}

var selects = func() map[int]string {
	m := map[int]string{}
	for _, n := range chunks {
		m[n] = "SELECT id, key, sum, body FROM action WHERE key IN (?" + strings.Repeat(",?", n-1) + ")"
	}
	return m
}()

// readChunk looks keys up, of which there are at most as many as in the largest chunk.
func (c *Cache) readChunk(ctx context.Context, keys []Key, found []*Entry) error {
	size := chunks[0]
	for _, n := range chunks {
		if n >= len(keys) {
			size = n
		}
	}
	args := make([]any, size)
	for i := range args {
		args[i] = keys[min(i, len(keys)-1)][:]
	}
	db := c.db.Load()
	// Without cancelling: a context that can end makes the driver start a goroutine, which costs more than the read.
	rows, err := db.Reader().QueryContext(context.WithoutCancel(ctx), selects[size], args...)
	if err != nil {
		return c.failed(db, err)
	}
	var damaged []int64
	for rows.Next() {
		var id int64
		var key sql.RawBytes
		var sum sql.RawBytes
		var body []byte
		if err := rows.Scan(&id, &key, &sum, &body); err != nil {
			break // rows.Err says why
		}
		e := &Entry{}
		copy(e.Key[:], key)
		if !c.intact(e, key, sum, body) {
			damaged = append(damaged, id)
			continue
		}
		if !c.present(e) {
			continue
		}
		c.used(id, e)
		for i := range keys {
			if keys[i] == e.Key {
				found[i] = e
			}
		}
	}
	err = errors.Join(rows.Err(), rows.Close())
	if len(damaged) > 0 {
		c.dropDamaged(ctx, damaged)
	}
	return c.failed(db, err)
}

// intact verifies and decodes a row.
func (c *Cache) intact(e *Entry, key, sum, body []byte) bool {
	return len(key) == len(e.Key) && bytes.Equal(sum, checksum("action", key, body)) && decodeBody(e, body) == nil
}

// present reports whether the value files of an entry are there. One that is gone makes a miss, and the next Put replaces
// the row.
func (c *Cache) present(e *Entry) bool {
	for _, v := range e.Outputs {
		if v.Size > value.InlineMax && !c.files.has(v.Digest, v.Size) {
			return false
		}
	}
	return true
}

func (c *Cache) dropDamaged(ctx context.Context, ids []int64) {
	c.count.damaged.Add(int64(len(ids)))
	c.log.Warn("damaged rows of the cache were dropped", "rows", len(ids))
	if _, err := c.deleteRows(ctx, ids); err != nil {
		c.log.Debug("dropping damaged rows failed", "why", err)
	}
}

// Lookup is Get for a node that also depends on what it read or wrote outside of its inputs. Under k the cache remembers
// which paths such nodes saw; observe is given them without digests and returns them as they are now, and a result that
// was stored with the same is a hit. An error of observe means that these paths cannot be the same. A result stored
// without observations is found first. The entry's Key is k, and its Observations are those that observe returned.
func (c *Cache) Lookup(ctx context.Context, k Key, observe func([]Observation) ([]Observation, error)) (*Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, err := c.lookup(ctx, k, observe)
	if err != nil {
		return nil, err
	}
	c.counted(e != nil)
	if e == nil {
		return nil, ErrMiss
	}
	return e, nil
}

func (c *Cache) lookup(ctx context.Context, k Key, observe func([]Observation) ([]Observation, error)) (*Entry, error) {
	if e := c.one(k); e != nil {
		return e, nil
	}
	for _, paths := range c.pathsets(ctx, k) {
		seen, err := observe(paths)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil || len(seen) == 0 {
			continue
		}
		if found := c.one(k.Observed(seen)); found != nil {
			e := *found // a copy: others may have it
			e.Key, e.Observations = k, seen
			return &e, nil
		}
	}
	return nil, ctx.Err()
}

// pathsets returns the sets of paths seen under k, the newest first.
func (c *Cache) pathsets(ctx context.Context, k Key) (sets [][]Observation) {
	db := c.db.Load()
	rows, err := db.Reader().QueryContext(ctx, `SELECT sum, body FROM pathset WHERE key = ? ORDER BY last DESC`, k[:])
	if err != nil {
		c.failed(db, err)
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var sum, body []byte
		if rows.Scan(&sum, &body) != nil || !bytes.Equal(sum, checksum("pathset", k[:], body)) {
			continue // a set that is not known only costs a run
		}
		r := reader{b: body}
		if seen := readObservations(&r, false); r.end() == nil {
			sets = append(sets, seen)
		}
	}
	c.failed(db, rows.Err())
	return sets
}
