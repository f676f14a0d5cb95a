package journal

import (
	"context"
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
