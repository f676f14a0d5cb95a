package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// selectEvents is one statement, so one state of the database: from two, an event that came between them would be missed. Both
// sides come in the order of seq, so SQLite merges them and stops at the limit.
const selectEvents = `SELECT seq, at, type, node, data, NULL AS site, NULL AS name, 0 AS attempt, 0 AS started, 0 AS compile, 0 AS peak, NULL AS error, NULL AS code,
	NULL AS cause, NULL AS kind, NULL AS outputs, NULL AS log, 0 AS began, NULL AS properties FROM event WHERE run=?1 AND seq>?2
	UNION ALL
	SELECT seq, ended, status, path, NULL, site, name, attempt, started, compile, peak, error, code, cause, type, outputs, log, began, properties FROM invocation
	WHERE run=?1 AND seq>?2 AND status<>'started'
	ORDER BY seq LIMIT ?3`

// Events returns what happened in a run after a sequence number, in order, one by one, up to a number of them: the next page is
// after the last one's Seq.
func (j *Journal) Events(ctx context.Context, run string, after int64, limit int) (list []Event, err error) {
	err = j.read(func(db *sql.DB) error {
		num, workflow, err := number(ctx, db, run)
		if err != nil {
			return err
		}
		rows, err := db.QueryContext(ctx, selectEvents, num, max(after, 0), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			events, err := scanEvents(rows, run)
			if err != nil {
				return err
			}
			for _, e := range events { // of a row that is several, some may have been on the page before
				if e.Seq > after {
					e.Workflow = workflow
					list = append(list, e)
				}
			}
		}
		return rows.Err()
	})
	return list[:min(len(list), limit)], err
}

// LastProgress is the last event that tells how far the run as a whole is; one without a number when there is none.
func (j *Journal) LastProgress(ctx context.Context, run string) (e Event, err error) {
	e.Run = run
	err = j.read(func(db *sql.DB) error {
		var data []byte
		err := db.QueryRowContext(ctx, `SELECT seq, data FROM event WHERE run=(SELECT num FROM run WHERE id=?)
			AND type='job_update' AND instr(data, '"progress":')>0 ORDER BY seq DESC LIMIT 1`, run).Scan(&e.Seq, &data)
		e.Type, e.Data = "job_update", data
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return e, err
}

func scanEvents(row scanner, run string) ([]Event, error) {
	e, i := Event{Run: run}, Invocation{Run: run}
	var at sql.NullInt64
	var started, compile int64
	var data, outputs []byte
	var site, name, problem, code, cause, kind sql.NullString
	err := row.Scan(&e.Seq, &at, &e.Type, &e.Node, &data, &site, &name, &i.Attempt, &started, &compile, &i.Peak, &problem, &code, &cause, &kind,
		&outputs, &i.Log, &i.Began, (*[]byte)(&i.Properties))
	if err != nil {
		return nil, err
	}
	e.At, e.Data = time.UnixMicro(at.Int64), json.RawMessage(data)
	if !site.Valid {
		return e.Messages(), nil
	}
	i.Seq, i.Ended, i.Status, i.Path = e.Seq, e.At, InvocationStatus(e.Type), e.Node
	i.Site, i.Name, i.Type, i.Error, i.Code, i.Cause = site.String, name.String, kind.String, problem.String, code.String, cause.String
	i.Started, i.Compile = time.UnixMicro(started), time.Duration(compile)*time.Microsecond
	if len(outputs) > 0 {
		i.Outputs, err = decodeNamed(outputs)
	}
	return i.Messages(), err
}

// number returns what names a run in the tables, 0, which names none, when there is no such run, and its workflow.
func number(ctx context.Context, db *sql.DB, run string) (num int64, workflow string, err error) {
	err = db.QueryRowContext(ctx, `SELECT num, workflow FROM run WHERE id=?`, run).Scan(&num, &workflow)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return num, workflow, err
}
