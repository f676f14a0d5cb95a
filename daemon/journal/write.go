package journal

import (
	"context"
	"time"
)

// Begin makes it durable that an invocation with effects is about to run.
func (j *Journal) Begin(ctx context.Context, inv Invocation) error {
	inv.Status = Started
	return j.Record(ctx, &inv)
}

// maxLog bounds what is kept of an invocation's log.
const maxLog = 64 << 10

// Record writes the ends of invocations in one transaction and sets their Seq, in order. It is idempotent: an end that is there
// already stays, so that after a run was resumed what ran is not said to have been cached; only one that brought no result
// (started, failed, cancelled, skipped, suspended) gives way. Calls at the same time share a commit: many small ones are as good as one.
func (j *Journal) Record(ctx context.Context, invs ...*Invocation) error {
	if len(invs) == 0 {
		return nil
	}
	rows := make([]invocationRow, len(invs))
	for i, inv := range invs { // here, and not on the goroutine for which all others wait
		rows[i] = invocationRow{inv: inv, outputs: encodeNamed(inv.Outputs, inv.Effect)}
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
	WHERE status IN ('started','cancelled','failed','skipped','suspended')`

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
	err := j.write(ctx, true, func(t *tx) error { return t.append(events) })
	if err != nil {
		for _, e := range events {
			e.Seq = 0
		}
	}
	return err
}

func (t *tx) append(events []*Event) error {
	for _, e := range events {
		if err := e.store(t); err != nil {
			return err
		}
	}
	return nil
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
