package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// DuplicateError says that a trigger has started a run already.
type DuplicateError struct {
	Run    string
	Status Status
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("run %s (%s) has this trigger", e.Run, e.Status)
}

// ErrEnded says that a run has ended already.
var ErrEnded = errors.New("the run has ended")

// Accept records a run before anyone is told that it was accepted. The error is *DuplicateError when its trigger is used up.
func (j *Journal) Accept(ctx context.Context, r *Run) error {
	files, err := json.Marshal(r.Files)
	if err != nil {
		return err
	}
	r.Owner = j.owner
	var dup *DuplicateError
	err = j.db.Write(ctx, func(tx *sql.Tx) error {
		dup = nil
		res, err := tx.ExecContext(ctx, `INSERT INTO run(id, trigger, workflow, file, name, source, inputs, files, why, status, accepted, owner)
			VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(trigger) DO NOTHING`,
			r.ID, r.Trigger, r.Workflow, r.File, r.Name, r.Source, encodeNamed(r.Inputs, true), string(files), r.Why, r.Status, r.Accepted.UnixMicro(), r.Owner)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		dup = &DuplicateError{}
		return tx.QueryRowContext(ctx, `SELECT id, status FROM run WHERE trigger=?`, r.Trigger).Scan(&dup.Run, &dup.Status)
	})
	switch {
	case err != nil:
		return j.full(err)
	case dup != nil && dup.Run != r.ID: // the same ID: this very call had committed when it seemed to fail
		return dup
	}
	return nil
}

// Begin makes it durable that an invocation with effects is about to run.
func (j *Journal) Begin(ctx context.Context, inv Invocation) error {
	inv.Status = Started
	return j.Record(ctx, &inv)
}

// Record writes the ends of invocations in one transaction and sets their Seq. An end that is there already stays: a resumed
// run meets the invocations that ended before, and what ran is not said to have been cached.
func (j *Journal) Record(ctx context.Context, invs ...*Invocation) error {
	if len(invs) == 0 {
		return nil
	}
	seq, err := j.nextSeqs(ctx, invs[0].Run, len(invs))
	if err != nil {
		return err
	}
	for i, inv := range invs {
		inv.Seq = seq + int64(i)
	}
	return j.full(j.db.Write(ctx, func(tx *sql.Tx) error {
		for _, i := range invs {
			if _, err := tx.ExecContext(ctx, `INSERT INTO invocation(run, path, attempt, seq, status, site, type, module, key, outputs,
				started, ended, compile, peak, effect, error, code, cause, log) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
				ON CONFLICT DO UPDATE SET seq=excluded.seq, status=excluded.status, outputs=excluded.outputs, started=excluded.started, ended=excluded.ended,
				compile=excluded.compile, peak=excluded.peak, error=excluded.error, code=excluded.code, cause=excluded.cause, log=excluded.log
				WHERE status IN ('started','cancelled','failed','skipped')`,
				i.Run, i.Path, i.Attempt, i.Seq, i.Status, i.Site, i.Type, i.Module[:], i.Key[:], encodeNamed(i.Outputs, false),
				i.Started.UnixMicro(), micros(i.Ended), i.Compile.Microseconds(), i.Peak, i.Effect, i.Error, i.Code, i.Cause, i.Log); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Append writes events of one run in one transaction and sets their Seq.
func (j *Journal) Append(ctx context.Context, events ...*Event) error {
	if len(events) == 0 {
		return nil
	}
	seq, err := j.nextSeqs(ctx, events[0].Run, len(events))
	if err != nil {
		return err
	}
	for i, e := range events {
		e.Seq = seq + int64(i)
	}
	return j.full(j.db.Write(ctx, func(tx *sql.Tx) error {
		for _, e := range events {
			if _, err := tx.ExecContext(ctx, `INSERT INTO event(run, seq, at, type, node, data) VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
				e.Run, e.Seq, e.At.UnixMicro(), e.Type, e.Node, string(e.Data)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Finish writes the one end of a run together with its last events; a second end is ErrEnded.
func (j *Journal) Finish(ctx context.Context, r *Run) error {
	var ended bool
	err := j.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE run SET status=?, finished=?, error=?, code=?, cause=?, outputs=?, ran=?, cached=?, failed=?, skipped=?
			WHERE id=? AND finished IS NULL`,
			r.Status, r.Finished.UnixMicro(), r.Error, r.Code, r.Cause, encodeNamed(r.Outputs, true),
			r.Counts.Ran, r.Counts.Cached, r.Counts.Failed, r.Counts.Skipped, r.ID)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		ended = n == 0
		return err
	})
	if err == nil && ended {
		return ErrEnded
	}
	return j.full(err)
}

// Claim takes up a run whose process is gone; false when somebody else did, or it has ended.
func (j *Journal) Claim(ctx context.Context, r *Run) (bool, error) {
	var won bool
	err := j.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE run SET owner=?, epoch=epoch+1 WHERE id=? AND epoch=? AND finished IS NULL`, j.owner, r.ID, r.Epoch)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		won = n == 1
		return err
	})
	if won && err == nil {
		r.Owner, r.Epoch = j.owner, r.Epoch+1
	}
	return won, j.full(err)
}

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
