package journal

import (
	"context"
	"math"
	"strings"
	"time"

	"levee/cache/sqlite"
)

// Begin makes it durable that an invocation with effects is about to run.
func (j *Journal) Begin(ctx context.Context, inv Invocation) error {
	inv.Status = Started
	return j.Write(ctx, Entry{Invocation: &inv})
}

// maxLog bounds what is kept of an invocation's log.
const maxLog = 64 << 10

// Entry is an event, or the end of an invocation, in its place among others.
type Entry struct {
	Event      *Event
	Invocation *Invocation
}

// Write stores events and the ends of invocations in one transaction and sets their Seq, in order. It is idempotent: an end that
// is there already stays, so that after a run was resumed what ran is not said to have been cached; only one that brought no
// result (started, failed, cancelled, skipped, suspended) gives way, and any to one that ran again. Calls at the same time share a commit:
// many small ones are as good as one.
func (j *Journal) Write(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	rows := make([]row, len(entries))
	for i, e := range entries { // here, and not on the goroutine for which all others wait
		rows[i] = newRow(e)
	}
	err := j.write(ctx, true, func(t *tx) error {
		return t.store(rows)
	})
	if err != nil {
		for _, e := range entries {
			e.setSeq(0)
		}
	}
	return err
}

func (e Entry) setSeq(seq int64) {
	if e.Event != nil {
		e.Event.Seq = seq
	} else {
		e.Invocation.Seq = seq
	}
}

// row is an entry with what it takes to store it.
type row struct {
	Entry
	numbers int64 // how many messages it is
	outputs []byte
}

func newRow(e Entry) row {
	if e.Event != nil {
		e.Event.At = time.UnixMicro(e.Event.At.UnixMicro())
		return row{Entry: e, numbers: e.Event.messages()}
	}
	i := e.Invocation
	i.Started, i.Log = time.UnixMicro(i.Started.UnixMicro()), i.Log[:min(len(i.Log), maxLog)] // as they are read back
	if !i.Ended.IsZero() {
		i.Ended = time.UnixMicro(i.Ended.UnixMicro())
	}
	most := int64(inlineResult)
	if i.Effect { // it may not run again for its outputs
		most = math.MaxInt64
	}
	return row{Entry: e, numbers: i.messages(), outputs: encodeNamed(i.Outputs, most)}
}

func (r *row) store(t *tx) error {
	if r.Event != nil {
		return r.storeEvent(t)
	}
	return r.storeInvocation(t)
}

// endsAtOnce is how many ends one statement stores.
const endsAtOnce = 32

// store stores rows in their order.
func (t *tx) store(rows []row) error {
	for len(rows) > 0 {
		n := 1
		if !t.again && allEnds(rows) {
			n = endsAtOnce
			err := t.storeEnds(rows[:n])
			if err == nil {
				rows = rows[n:]
				continue
			}
			if !sqlite.IsTaken(err) {
				return err
			} // else none of them was stored, and one or more of them is there already
		}
		for i := range rows[:n] {
			if err := rows[i].store(t); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	return nil
}

// allEnds reports whether one statement may store what comes next: ends of one run.
func allEnds(rows []row) bool {
	if len(rows) < endsAtOnce {
		return false
	}
	for _, r := range rows[:endsAtOnce] {
		if r.Event != nil || r.Invocation.Status == Started || r.Invocation.Run != rows[0].Invocation.Run {
			return false
		}
	}
	return true
}

// storeEnds stores ends that are not there yet, or none.
func (t *tx) storeEnds(rows []row) error {
	run := rows[0].Invocation.Run
	p, err := t.at(run)
	if err != nil {
		return err
	}
	args, seqs := t.Args(), [endsAtOnce]int64{}
	for i := range rows {
		p.last += rows[i].numbers
		seqs[i] = p.last
		args = rows[i].columns(args, p.run, p.last)
	}
	if err := t.Insert(insertEnds, args); err != nil {
		return err
	}
	for i := range rows {
		rows[i].Invocation.Seq, rows[i].Invocation.Kept = seqs[i], false
	}
	t.draw(run, p)
	return nil
}

// columns are the values of an invocation's row.
func (r *row) columns(args []any, run, seq int64) []any {
	i := r.Invocation
	return append(args, run, seq, i.Path, int64(i.Attempt), string(i.Status), i.Site, text(i.Name), i.Type, hash(&i.Module), hash(&i.Key), r.outputs,
		i.Started.UnixMicro(), micros(i.Ended), i.Compile.Microseconds(), i.Peak, i.Effect, text(i.Error), text(i.Code), text(i.Cause), i.Log, i.Began, i.props())
}

const (
	insertOne = `INSERT INTO invocation(run, seq, path, attempt, status, site, name, type, module, key, outputs,
	started, ended, compile, peak, effect, error, code, cause, log, began, properties) VALUES`
	oneRow = `(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
)

var insertEnds = insertOne + oneRow + strings.Repeat(","+oneRow, endsAtOnce-1)

// An end that is begun again keeps its number until its next end has one, so that after a restart none is given twice.
const insertInvocation = insertOne + oneRow + `
	ON CONFLICT(run, path, attempt) DO UPDATE SET seq=CASE excluded.status WHEN 'started' THEN seq ELSE excluded.seq END, status=excluded.status, outputs=excluded.outputs, started=excluded.started,
	ended=excluded.ended, module=excluded.module, key=excluded.key, compile=excluded.compile, peak=excluded.peak, effect=excluded.effect,
	error=excluded.error, code=excluded.code, cause=excluded.cause, log=excluded.log, began=excluded.began,
	properties=excluded.properties
	WHERE status IN ('started','cancelled','failed','skipped','suspended') OR excluded.status='ran' AND excluded.started<>started`

func (r *row) storeInvocation(t *tx) error {
	i := r.Invocation
	p, err := t.at(i.Run)
	if err != nil {
		return err
	}
	var seq int64
	if i.Status == Started {
		p.begun--
		seq = p.begun
	} else {
		p.last += r.numbers
		seq = p.last
	}
	res, err := t.Exec(insertInvocation, r.columns(nil, p.run, seq)...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 { // the end that is there stays, and its number with it
		drawn := i.Seq
		err := t.QueryRow(`SELECT seq FROM invocation WHERE run=? AND path=? AND attempt=?`, p.run, i.Path, i.Attempt).Scan(&i.Seq)
		i.Kept = !t.again || i.Seq != drawn // what seemed to fail may have been stored: then it is this one
		return err
	}
	i.Seq, i.Kept = max(seq, 0), false // what only began has none
	t.draw(i.Run, p)
	return nil
}

func (r *row) storeEvent(t *tx) error {
	e := r.Event
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
	p.last += r.numbers
	if _, err := t.Exec(`INSERT INTO event(run, seq, at, type, node, data) VALUES(?,?,?,?,?,?)`,
		p.run, p.last, e.At.UnixMicro(), e.Type, e.Node, []byte(e.Data)); err != nil {
		return err
	}
	e.Seq = p.last
	t.draw(e.Run, p)
	return nil
}

func (t *tx) append(events []*Event) error {
	for _, e := range events {
		r := newRow(Entry{Event: e})
		if err := r.store(t); err != nil {
			return err
		}
	}
	return nil
}

// Most invocations have no error, and some no module or key: NULL takes no room and no time.

func (i *Invocation) props() any {
	if !i.Began || len(i.Properties) == 0 {
		return nil
	}
	return []byte(i.Properties)
}

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
