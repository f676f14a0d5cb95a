package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// ByTrigger returns the run that a trigger has started; the error is ErrNoRun when there is none.
func (j *Journal) ByTrigger(ctx context.Context, trigger string) (Run, error) {
	list, err := j.runs(ctx, `WHERE trigger=?`, trigger)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w with the trigger %s", ErrNoRun, trigger)
	}
	if err != nil {
		return Run{}, err
	}
	return list[0], nil
}

// Children returns the runs of a run's nodes, in the order in which they were accepted.
func (j *Journal) Children(ctx context.Context, id string) ([]Run, error) {
	return j.runs(ctx, `WHERE parent=? AND parent<>'' ORDER BY accepted, num`, id)
}

// CancelAsked returns the open runs whose end somebody asked for.
func (j *Journal) CancelAsked(ctx context.Context) (ids []string, err error) {
	err = j.read(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, `SELECT id FROM run WHERE finished IS NULL AND cancelled IS NOT NULL`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}
