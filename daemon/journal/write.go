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

// Errors of Finish.
var (
	ErrEnded = errors.New("the run has ended")
	ErrTaken = errors.New("another process has taken up the run")
)

// Accept records a run before anyone is told that it was accepted. Calling it again with the same run is no error. The error
// is *DuplicateError when its trigger is used up, and ErrFull also when the disk is so full that what is under way should
// have the rest.
func (j *Journal) Accept(ctx context.Context, r *Run) error {
	files, err := json.Marshal(r.Files)
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
		res, err := t.Exec(`INSERT INTO run(id, trigger, workflow, file, name, source, inputs, files, why, status, accepted, owner)
			VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(trigger) DO NOTHING`,
			r.ID, r.Trigger, r.Workflow, r.File, r.Name, r.Source, encodeNamed(r.Inputs, true), files, r.Why, r.Status, r.Accepted.UnixMicro(), r.Owner)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
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

// Begin makes it durable that an invocation with effects is about to run.
func (j *Journal) Begin(ctx context.Context, inv Invocation) error {
	inv.Status = Started
	return j.Record(ctx, &inv)
}

// maxLog bounds what is kept of an invocation's log.
const maxLog = 64 << 10

// Record writes the ends of invocations in one transaction and sets their Seq, in order. It is idempotent: an end that is there
// already stays, so that after a run was resumed what ran is not said to have been cached; only one that brought no result
// (started, failed, cancelled, skipped) gives way. Calls at the same time share a commit: many small ones are as good as one.
func (j *Journal) Record(ctx context.Context, invs ...*Invocation) error {
	if len(invs) == 0 {
		return nil
	}
	rows := make([]invocationRow, len(invs))
	for i, inv := range invs { // here, and not on the goroutine for which all others wait
		rows[i] = invocationRow{inv: inv, outputs: encodeNamed(inv.Outputs, false)}
	}
	err := j.write(ctx, true, func(t *tx) error {
		for i := range rows {
			if err := rows[i].store(t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, inv := range invs {
			inv.Seq = 0
		}
	}
	return err
}

type invocationRow struct {
	inv     *Invocation
	outputs []byte
}

// An end that is begun again keeps its number until its next end has one, so that after a restart none is given twice.
const insertInvocation = `INSERT INTO invocation(run, seq, path, attempt, status, site, type, module, key, outputs,
	started, ended, compile, peak, effect, error, code, cause, log) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
	ON CONFLICT(run, path, attempt) DO UPDATE SET seq=CASE excluded.status WHEN 'started' THEN seq ELSE excluded.seq END, status=excluded.status, outputs=excluded.outputs, started=excluded.started,
	ended=excluded.ended, module=excluded.module, key=excluded.key, compile=excluded.compile, peak=excluded.peak, effect=excluded.effect,
	error=excluded.error, code=excluded.code, cause=excluded.cause, log=excluded.log
	WHERE status IN ('started','cancelled','failed','skipped')`

func (row *invocationRow) store(t *tx) error {
	i := row.inv
	p, err := t.at(i.Run)
	if err != nil {
		return err
	}
	var seq int64
	if i.Status == Started {
		p.begun--
		seq = p.begun
	} else {
		p.last++
		seq = p.last
	}
	res, err := t.Exec(insertInvocation, p.run, seq, i.Path, i.Attempt, string(i.Status), i.Site, i.Type, hash(&i.Module), hash(&i.Key), row.outputs,
		i.Started.UnixMicro(), micros(i.Ended), i.Compile.Microseconds(), i.Peak, i.Effect, text(i.Error), text(i.Code), text(i.Cause), i.Log[:min(len(i.Log), maxLog)])
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 { // the end that is there stays, and its number with it
		return t.QueryRow(`SELECT seq FROM invocation WHERE run=? AND path=? AND attempt=?`, p.run, i.Path, i.Attempt).Scan(&i.Seq)
	}
	i.Seq = max(seq, 0) // what only began has none
	t.draw(i.Run, p)
	return nil
}

// Append writes events in one transaction and sets their Seq, in order.
func (j *Journal) Append(ctx context.Context, events ...*Event) error {
	if len(events) == 0 {
		return nil
	}
	err := j.write(ctx, true, func(t *tx) error {
		for _, e := range events {
			if err := e.store(t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, e := range events {
			e.Seq = 0
		}
	}
	return err
}

func (e *Event) store(t *tx) error {
	p, err := t.at(e.Run)
	if err != nil {
		return err
	}
	if t.again && e.Seq > 0 { // it may have been stored when that seemed to fail
		var there bool
		err := t.QueryRow(`SELECT EXISTS(SELECT 1 FROM event WHERE run=? AND seq=? AND at=? AND type=? AND node=?)`,
			p.run, e.Seq, e.At.UnixMicro(), e.Type, e.Node).Scan(&there)
		if err != nil || there {
			return err
		}
	}
	p.last++
	if _, err := t.Exec(`INSERT INTO event(run, seq, at, type, node, data) VALUES(?,?,?,?,?,?)`,
		p.run, p.last, e.At.UnixMicro(), e.Type, e.Node, []byte(e.Data)); err != nil {
		return err
	}
	e.Seq = p.last
	t.draw(e.Run, p)
	return nil
}

// Finish writes the one end of a run. A second end is ErrEnded, the end of a run that was claimed away ErrTaken; the same end
// once more is no error.
func (j *Journal) Finish(ctx context.Context, r *Run) error {
	var verdict error
	err := j.write(ctx, true, func(t *tx) error {
		verdict = nil
		res, err := t.Exec(`UPDATE run SET status=?, finished=?, error=?, code=?, cause=?, outputs=?, ran=?, cached=?, failed=?, skipped=?
			WHERE id=? AND epoch=? AND finished IS NULL`,
			r.Status, r.Finished.UnixMicro(), r.Error, r.Code, r.Cause, encodeNamed(r.Outputs, true),
			r.Counts.Ran, r.Counts.Cached, r.Counts.Failed, r.Counts.Skipped, r.ID, r.Epoch)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		var status Status
		var finished sql.NullInt64
		var epoch int
		err = t.QueryRow(`SELECT status, finished, epoch FROM run WHERE id=?`, r.ID).Scan(&status, &finished, &epoch)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			verdict, err = fmt.Errorf("%w: %s", ErrNoRun, r.ID), nil
		case finished.Valid && (status != r.Status || finished.Int64 != r.Finished.UnixMicro() || epoch != r.Epoch):
			verdict = ErrEnded
		case !finished.Valid:
			verdict = ErrTaken
		}
		return err
	})
	if err != nil {
		return err
	}
	return verdict
}

// Claim takes up a run whose process is gone; false when somebody else did, or it has ended.
func (j *Journal) Claim(ctx context.Context, r *Run) (bool, error) {
	var won bool
	err := j.write(ctx, true, func(t *tx) error {
		res, err := t.Exec(`UPDATE run SET owner=?, epoch=epoch+1 WHERE id=? AND epoch=? AND finished IS NULL`, j.owner, r.ID, r.Epoch)
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
		r.Owner, r.Epoch = j.owner, r.Epoch+1
	}
	return won, nil
}

// Most invocations have no error, and some no module or key: NULL takes no room and no time.

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func hash(h *[32]byte) any {
	if *h == ([32]byte{}) {
		return nil
	}
	return h[:]
}

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
