package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"levee/graph/value"
)

// Answer is what somebody answered to a node of a run that waits for it.
type Answer struct {
	Run, Path, Name string
	Value           value.Value
}

// ErrAnswered says that a run need not be suspended: somebody has answered.
var ErrAnswered = errors.New("a node that waited has its answer")

// Answer records answers, all or none. A later one replaces an earlier one. The error is ErrEnded when a run has ended.
func (j *Journal) Answer(ctx context.Context, answers ...Answer) error {
	var verdict error
	err := j.write(ctx, false, func(t *tx) error {
		verdict = nil
		nums := make([]int64, len(answers))
		for i, a := range answers {
			var finished sql.NullInt64
			err := t.QueryRow(`SELECT num, finished FROM run WHERE id=?`, a.Run).Scan(&nums[i], &finished)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				verdict = fmt.Errorf("%w: %s", ErrNoRun, a.Run)
				return nil
			case err != nil:
				return err
			case finished.Valid:
				verdict = ErrEnded
				return nil
			}
		}
		for i, a := range answers {
			if _, err := t.Exec(`INSERT INTO answer(run, path, name, value, at) VALUES(?,?,?,?,?)
				ON CONFLICT(run, path, name) DO UPDATE SET value=excluded.value, at=excluded.at`,
				nums[i], a.Path, a.Name, encodeNamed([]Named{{Name: a.Name, Value: a.Value}}, math.MaxInt64), time.Now().UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, verdict)
}

// Answers are what was answered to the nodes of a run.
func (j *Journal) Answers(ctx context.Context, run string) (list []Answer, err error) {
	err = j.read(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, `SELECT answer.path, answer.name, answer.value FROM answer JOIN run ON run.num=answer.run WHERE run.id=? ORDER BY answer.path, answer.name`, run)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			a := Answer{Run: run}
			var enc []byte
			if err := rows.Scan(&a.Path, &a.Name, &enc); err != nil {
				return err
			}
			named, err := decodeNamed(enc)
			if err != nil || len(named) != 1 {
				return errors.Join(errNamed, err)
			}
			a.Value = named[0].Value
			list = append(list, a)
		}
		return rows.Err()
	})
	return list, err
}

// pending holds for a run that has an answer, or one of whose nodes' runs has, that the node has not taken yet.
const pending = `EXISTS (
	WITH RECURSIVE family(num, id) AS (SELECT ?1, ?2 UNION SELECT run.num, run.id FROM run JOIN family ON run.parent=family.id AND run.parent<>'' AND run.finished IS NULL)
	SELECT 1 FROM family JOIN answer ON answer.run=family.num JOIN invocation ON invocation.run=answer.run AND invocation.path=answer.path
	WHERE invocation.status='suspended')`

// Suspend puts a run aside: it is in nobody's hand until somebody claims it. The error is ErrAnswered when an answer came meanwhile, and
// that of Start and Finish when the run has ended, was taken, or shall end.
func (j *Journal) Suspend(ctx context.Context, r *Run, events ...*Event) error {
	var verdict error
	err := j.write(ctx, true, func(t *tx) error {
		verdict = nil
		var num int64
		if err := t.QueryRow(`SELECT coalesce((SELECT num FROM run WHERE id=?), 0)`, r.ID).Scan(&num); err != nil {
			return err
		}
		var answered bool
		if err := t.QueryRow(`SELECT `+pending, num, r.ID).Scan(&answered); err != nil {
			return err
		}
		if answered {
			verdict = ErrAnswered
			return nil
		}
		var err error
		verdict, err = t.alter(r, events, `UPDATE run SET status='suspended', owner='' WHERE num=? AND epoch=? AND finished IS NULL AND cancelled IS NULL`, num, r.Epoch)
		return err
	})
	if err == nil && verdict == nil {
		r.Status, r.Owner = Suspended, ""
	}
	return errors.Join(err, verdict)
}
