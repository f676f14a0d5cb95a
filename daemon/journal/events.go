package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"time"
)

// selectEvents is one statement, so one state of the database: from two, an event that came between them would be missed. Both
// sides come in the order of seq, so SQLite merges them and stops at the limit.
const selectEvents = `SELECT seq, at, type, node, data, NULL AS site, 0 AS attempt, 0 AS started, 0 AS compile, 0 AS peak, NULL AS error, NULL AS code, NULL AS cause,
	NULL AS kind FROM event WHERE run=?1 AND seq>?2
	UNION ALL
	SELECT seq, ended, status, path, NULL, site, attempt, started, compile, peak, error, code, cause, type FROM invocation
	WHERE run=?1 AND seq>?2 AND status<>'started'
	ORDER BY seq`

// Events returns what happened in a run after a sequence number, in order, the ends of invocations among it.
func (j *Journal) Events(ctx context.Context, run string, after int64) ([]Event, error) {
	return j.events(ctx, run, after, selectEvents, math.MaxInt)
}

// EventsPage is Events up to a number of them: the next page is after the last one's Seq.
func (j *Journal) EventsPage(ctx context.Context, run string, after int64, limit int) ([]Event, error) {
	return j.events(ctx, run, after, selectEvents+` LIMIT ?3`, limit)
}

// LastEvents returns the last n of Events, in order.
func (j *Journal) LastEvents(ctx context.Context, run string, n int) ([]Event, error) {
	list, err := j.events(ctx, run, 0, selectEvents+` DESC LIMIT ?3`, n)
	slices.Reverse(list)
	return list, err
}

func (j *Journal) events(ctx context.Context, run string, after int64, query string, limit int) (list []Event, err error) {
	err = j.read(func(db *sql.DB) error {
		num, err := number(ctx, db, run)
		if err != nil {
			return err
		}
		rows, err := db.QueryContext(ctx, query, num, max(after, 0), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEvent(rows, run)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return rows.Err()
	})
	return list, err
}

func scanEvent(row scanner, run string) (Event, error) {
	e, i := Event{Run: run}, Invocation{Run: run}
	var at sql.NullInt64
	var started, compile int64
	var data []byte
	var site, problem, code, cause, kind sql.NullString
	err := row.Scan(&e.Seq, &at, &e.Type, &e.Node, &data, &site, &i.Attempt, &started, &compile, &i.Peak, &problem, &code, &cause, &kind)
	e.At, e.Data = time.UnixMicro(at.Int64), json.RawMessage(data)
	if err != nil || !site.Valid {
		return e, err
	}
	i.Seq, i.Ended, i.Status, i.Path = e.Seq, e.At, InvocationStatus(e.Type), e.Node
	i.Site, i.Type, i.Error, i.Code, i.Cause = site.String, kind.String, problem.String, code.String, cause.String
	i.Started, i.Compile = time.UnixMicro(started), time.Duration(compile)*time.Microsecond
	return i.Event(), nil
}

// number returns what names a run in the tables: 0, which names none, when there is no such run.
func number(ctx context.Context, db *sql.DB, run string) (num int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT coalesce((SELECT num FROM run WHERE id=?), 0)`, run).Scan(&num)
	return num, err
}
