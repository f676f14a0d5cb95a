package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// What becomes of a run as a whole: it is accepted, has its turn, is perhaps asked to end, and ends once. The messages that say
// so are written in the same transaction: who reads them sees what the row says, and no other end than the one.

// DuplicateError says that a trigger has started a run already.
type DuplicateError struct {
	Run    string
	Status Status
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("run %s (%s) has this trigger", e.Run, e.Status)
}

// Errors of the methods that change a run.
var (
	ErrEnded       = errors.New("the run has ended")
	ErrTaken       = errors.New("another process has taken up the run")
	ErrCancelAsked = errors.New("somebody asked for the end of the run")
)

// Accept records a run before anyone is told that it was accepted. Calling it again with the same run is no error. The error
// is *DuplicateError when its trigger is used up, and ErrFull also when the disk is so full that what is under way should
// have the rest.
func (j *Journal) Accept(ctx context.Context, r *Run, events ...*Event) error {
	files, err := json.Marshal(r.Files)
	if err != nil {
		return err
	}
	how, err := json.Marshal(r.How)
	if err != nil {
		return err
	}
	if err := j.roomForRun(); err != nil {
		return err
	}
	r.Owner = j.owner
	var dup *DuplicateError
	err = j.write(ctx, false, func(t *tx) error {
		dup = nil
		res, err := t.Exec(`INSERT INTO run(id, trigger, workflow, file, name, source, inputs, files, why, status, accepted, owner, started, parent, parent_path, options)
			VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(trigger) DO NOTHING`,
			r.ID, r.Trigger, r.Workflow, r.File, r.Name, r.Source, encodeNamed(r.Inputs, math.MaxInt64), files, r.Why, r.Status, r.Accepted.UnixMicro(), r.Owner,
			micros(r.Started), r.Parent, r.ParentPath, how)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		switch {
		case err != nil:
			return err
		case n == 1:
			return t.append(events)
		}
		dup = &DuplicateError{}
		return t.QueryRow(`SELECT id, status FROM run WHERE trigger=?`, r.Trigger).Scan(&dup.Run, &dup.Status)
	})
	switch {
	case err != nil:
		return err
	case dup != nil && dup.Run != r.ID: // the same ID: this very run had been stored when that seemed to fail
		return dup
	}
	return nil
}

// Start takes a run out of the queue. The error is ErrCancelAsked when it must be ended instead.
func (j *Journal) Start(ctx context.Context, r *Run, events ...*Event) error {
	at := r.Started
	if at.IsZero() {
		at = time.UnixMicro(time.Now().UnixMicro())
	}
	err := j.change(ctx, r, events, `UPDATE run SET status='running', started=coalesce(started, ?) WHERE id=? AND epoch=? AND finished IS NULL AND cancelled IS NULL`,
		at.UnixMicro(), r.ID, r.Epoch)
	if err == nil {
		r.Status, r.Started = Running, at
	}
	return err
}

// SetStatus says what an open run is about.
func (j *Journal) SetStatus(ctx context.Context, r *Run, s Status, events ...*Event) error {
	err := j.change(ctx, r, events, `UPDATE run SET status=? WHERE id=? AND epoch=? AND finished IS NULL`, s, r.ID, r.Epoch)
	if err == nil {
		r.Status = s
	}
	return err
}

// change is an update of an open run with the events that tell of it.
func (j *Journal) change(ctx context.Context, r *Run, events []*Event, update string, args ...any) error {
	var verdict error
	err := j.write(ctx, true, func(t *tx) (err error) {
		verdict, err = t.alter(r, events, update, args...)
		return err
	})
	return errors.Join(err, verdict)
}

// alter updates an open run and appends the events that tell of it; the verdict says why there was none to update.
func (t *tx) alter(r *Run, events []*Event, update string, args ...any) (verdict, err error) {
	res, err := t.Exec(update, args...)
	if err != nil {
		return nil, err
	}
	switch n, err := res.RowsAffected(); {
	case err != nil:
		return nil, err
	case n == 1:
		return nil, t.append(events)
	}
	return t.why(r)
}

// why says why an open run was not found as it was expected.
func (t *tx) why(r *Run) (verdict, err error) {
	var finished sql.NullInt64
	var epoch int
	err = t.QueryRow(`SELECT finished, epoch FROM run WHERE id=?`, r.ID).Scan(&finished, &epoch)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: %s", ErrNoRun, r.ID), nil
	case err != nil:
		return nil, err
	case finished.Valid:
		return ErrEnded, nil
	case epoch != r.Epoch:
		return ErrTaken, nil
	}
	return ErrCancelAsked, nil
}

// RequestCancel makes it durable that a run, and the runs of its nodes, shall end: none of them starts any more, whatever
// becomes of the processes that have them in hand. Asking again is no error.
func (j *Journal) RequestCancel(ctx context.Context, id string) error {
	var verdict error
	err := j.write(ctx, true, func(t *tx) error {
		verdict = nil
		var finished sql.NullInt64
		switch err := t.QueryRow(`SELECT finished FROM run WHERE id=?`, id).Scan(&finished); {
		case errors.Is(err, sql.ErrNoRows):
			verdict = fmt.Errorf("%w: %s", ErrNoRun, id)
			return nil
		case err != nil:
			return err
		case finished.Valid:
			verdict = ErrEnded
			return nil
		}
		_, err := t.Exec(`WITH RECURSIVE family(id) AS (SELECT ?1 UNION SELECT run.id FROM run JOIN family ON run.parent=family.id AND run.parent<>'')
			UPDATE run SET cancelled=?2 WHERE id IN family AND finished IS NULL AND cancelled IS NULL`, id, time.Now().UnixMicro())
		return err
	})
	return errors.Join(err, verdict)
}

// Finish writes the one end of a run, and the message that tells of it. A second end is ErrEnded, the end of a run that was
// claimed away ErrTaken; the same end once more is no error.
func (j *Journal) Finish(ctx context.Context, r *Run, events ...*Event) error {
	if !r.Status.Terminal() {
		return fmt.Errorf("%s is no end of a run", r.Status)
	}
	var verdict error
	err := j.write(ctx, true, func(t *tx) error {
		verdict = nil
		res, err := t.Exec(`UPDATE run SET status=?, finished=?, error=?, code=?, cause=?, outputs=?, ran=?, cached=?, failed=?, skipped=?
			WHERE id=? AND epoch=? AND finished IS NULL`,
			r.Status, r.Finished.UnixMicro(), r.Error, r.Code, r.Cause, encodeNamed(r.Outputs, math.MaxInt64),
			r.Counts.Ran, r.Counts.Cached, r.Counts.Failed, r.Counts.Skipped, r.ID, r.Epoch)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		switch {
		case err != nil:
			return err
		case n == 1:
			return t.append(events)
		}
		var same bool
		if err := t.QueryRow(`SELECT EXISTS(SELECT 1 FROM run WHERE id=? AND epoch=? AND status=? AND finished=?)`,
			r.ID, r.Epoch, r.Status, r.Finished.UnixMicro()).Scan(&same); err != nil || same {
			return err
		}
		verdict, err = t.why(r)
		return err
	})
	return errors.Join(err, verdict)
}

// Claim takes up a run whose process is gone, or that is suspended, or that shall be ended in spite of its process; false when
// somebody else did, or it has ended. It is in the queue then, also when it had been under way.
func (j *Journal) Claim(ctx context.Context, r *Run) (bool, error) {
	var won bool
	err := j.write(ctx, true, func(t *tx) error {
		res, err := t.Exec(`UPDATE run SET owner=?, epoch=epoch+1, status='queued' WHERE id=? AND epoch=? AND finished IS NULL`, j.owner, r.ID, r.Epoch)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		won = n == 1
		if err == nil && !won && t.again {
			err = t.QueryRow(`SELECT EXISTS(SELECT 1 FROM run WHERE id=? AND epoch=? AND owner=? AND finished IS NULL)`, r.ID, r.Epoch+1, j.owner).Scan(&won)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if won {
		r.Owner, r.Epoch, r.Status = j.owner, r.Epoch+1, Queued
	}
	return won, nil
}
