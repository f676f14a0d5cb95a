package cache

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Detail returns all that is known of a stored result: the observed key k.Observed(seen) of one that has observations.
// It is ErrMiss when there is none. It does not count as a use.
func (c *Cache) Detail(ctx context.Context, k Key) (*Entry, error) {
	db := c.db.Load()
	var key, sum, body, dsum, detail []byte
	e := &Entry{Key: k}
	err := db.Reader().QueryRowContext(ctx, `SELECT a.key, a.sum, a.body, d.site, d.node, d.sum, d.body
		FROM action a JOIN detail d USING(id) WHERE a.key = ?`, k[:]).Scan(&key, &sum, &body, &e.Site, &e.Node, &dsum, &detail)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		if !errors.Is(err, sql.ErrNoRows) {
			c.failed(db, err)
		}
		return nil, ErrMiss
	case !c.intact(e, key, sum, body):
		return nil, ErrMiss
	}
	if !bytes.Equal(dsum, checksum("detail", key, detail)) || decodeDetail(e, detail) != nil {
		return nil, ErrMiss
	}
	return e, nil
}

// Difference is a part that two keys do not share. A zero Was or Now is a part that one of them does not have.
type Difference struct {
	Label string `json:"label"`
	Was   Part   `json:"was"`
	Now   Part   `json:"now"`
}

// Nearby is an earlier result of the same place in a workflow.
type Nearby struct {
	Key     Key          `json:"-"` // the key under which it is stored
	Created time.Time    `json:"created"`
	Diff    []Difference `json:"diff"` // in the order of the parts asked for; empty when only the order of the parts differs
}

// nearestOf is how many entries of a site are compared: the newest ones, since an edit is compared with what was before.
const nearestOf = 32

// Nearest returns the stored result of site, other than that of key, whose parts differ least from parts, and of equal
// ones the newest; nil when there is none. It answers why a node ran again.
func (c *Cache) Nearest(ctx context.Context, site string, parts []Part, key Key) (*Nearby, error) {
	db := c.db.Load()
	rows, err := db.Reader().QueryContext(ctx, `SELECT a.key, a.sum, a.body, d.sum, d.body
		FROM detail d JOIN action a USING(id) WHERE d.site = ? ORDER BY d.id DESC LIMIT ?`, site, nearestOf)
	if err != nil {
		return nil, c.failed(db, err)
	}
	defer rows.Close()
	var best *Nearby
	for rows.Next() {
		var rawKey, sum, body, dsum, detail []byte
		if err := rows.Scan(&rawKey, &sum, &body, &dsum, &detail); err != nil {
			break // rows.Err says why
		}
		var e Entry
		if !c.intact(&e, rawKey, sum, body) || !bytes.Equal(dsum, checksum("detail", rawKey, detail)) {
			continue
		}
		if e.Key = Key(rawKey); e.Key == key || decodeDetail(&e, detail) != nil {
			continue
		}
		diff := Compare(e.Parts, parts)
		if best == nil || len(diff) < len(best.Diff) {
			best = &Nearby{Key: e.Key, Created: e.Created, Diff: diff}
		}
	}
	return best, c.failed(db, rows.Err())
}

// Compare lists the parts in which two keys differ. Parts of the same label are compared in their order.
func Compare(was, now []Part) []Difference {
	old := map[string][]Part{}
	for _, p := range was {
		old[p.Label] = append(old[p.Label], p)
	}
	var diff []Difference
	for _, p := range now {
		queue := old[p.Label]
		if len(queue) == 0 {
			diff = append(diff, Difference{Label: p.Label, Now: p})
			continue
		}
		if old[p.Label] = queue[1:]; queue[0].Hash != p.Hash {
			diff = append(diff, Difference{Label: p.Label, Was: queue[0], Now: p})
		}
	}
	for _, p := range was {
		if i := slices.IndexFunc(old[p.Label], func(q Part) bool { return q == p }); i >= 0 {
			old[p.Label] = slices.Delete(old[p.Label], i, i+1)
			diff = append(diff, Difference{Label: p.Label, Was: p})
		}
	}
	return diff
}
