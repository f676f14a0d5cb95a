package cache

import "context"

// Forget removes the results stored under a key, also those that depend on observations.
func (c *Cache) Forget(ctx context.Context, k Key) error {
	if err := c.Flush(ctx); err != nil {
		return err
	}
	db := c.db.Load()
	rows, err := db.Reader().QueryContext(ctx, `SELECT id FROM action WHERE key = ?1 UNION SELECT last FROM pathset WHERE key = ?1`, k[:])
	if err != nil {
		return c.failed(db, err)
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			break
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return c.failed(db, err)
	}
	_, err = c.deleteRows(ctx, ids)
	return err
}
