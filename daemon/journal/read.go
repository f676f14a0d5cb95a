package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
)

const runColumns = `id, trigger, workflow, file, name, source, inputs, files, why, status, accepted, finished, epoch, owner, error, code, cause, outputs, ran, cached, failed, skipped`

type scanner interface{ Scan(...any) error }

func scanRun(row scanner) (r Run, err error) {
	var inputs, files, outputs string
	var accepted int64
	var finished sql.NullInt64
	err = row.Scan(&r.ID, &r.Trigger, &r.Workflow, &r.File, &r.Name, &r.Source, &inputs, &files, &r.Why, &r.Status, &accepted, &finished,
		&r.Epoch, &r.Owner, &r.Error, &r.Code, &r.Cause, &outputs, &r.Counts.Ran, &r.Counts.Cached, &r.Counts.Failed, &r.Counts.Skipped)
	if err != nil {
		return r, err
	}
	r.Accepted = time.UnixMicro(accepted)
	if finished.Valid {
		r.Finished = time.UnixMicro(finished.Int64)
	}
	if r.Inputs, err = decodeNamed(inputs); err == nil {
		r.Outputs, err = decodeNamed(outputs)
	}
	if err == nil {
		err = json.Unmarshal([]byte(files), &r.Files)
	}
	return r, err
}

func (j *Journal) runs(ctx context.Context, where string, args ...any) ([]Run, error) {
	rows, err := j.db.Reader().QueryContext(ctx, `SELECT `+runColumns+` FROM run `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Run
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// Filter narrows Runs; the zero value takes all.
type Filter struct {
	Last     int // the newest so many; 0: all
	Failed   bool
	Workflow string // absolute path
	File     string // with Workflow: of a per-file run
}

// Runs returns the newest runs first.
func (j *Journal) Runs(ctx context.Context, f Filter) ([]Run, error) {
	var conds []string
	var args []any
	if f.Failed {
		conds = append(conds, `status='failed'`)
	}
	if f.Workflow != "" {
		conds, args = append(conds, `workflow=? AND file=?`), append(args, f.Workflow, f.File)
	}
	where := ""
	if len(conds) > 0 {
		where = "WHERE " + strings.Join(conds, " AND ")
	}
	where += " ORDER BY accepted DESC, rowid DESC"
	if f.Last > 0 {
		where += fmt.Sprintf(" LIMIT %d", f.Last)
	}
	return j.runs(ctx, where, args...)
}

// NotFoundError says that no run has an ID with this prefix, or that several have.
type NotFoundError struct {
	Prefix string
	Many   []string
}

func (e *NotFoundError) Error() string {
	if len(e.Many) > 0 {
		return fmt.Sprintf("run %q is ambiguous: %s", e.Prefix, strings.Join(e.Many, ", "))
	}
	return fmt.Sprintf("no run %q (see levee runs)", e.Prefix)
}

// Run returns the run whose ID starts with prefix; the error is *NotFoundError when that is not exactly one.
func (j *Journal) Run(ctx context.Context, prefix string) (Run, error) {
	if prefix == "" || strings.Trim(prefix, "0123456789abcdef") != "" {
		return Run{}, &NotFoundError{Prefix: prefix}
	}
	list, err := j.runs(ctx, `WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 5`, prefix)
	if err != nil || len(list) == 1 {
		if err != nil {
			return Run{}, err
		}
		return list[0], nil
	}
	e := &NotFoundError{Prefix: prefix}
	for _, r := range list {
		e.Many = append(e.Many, r.ID)
	}
	return Run{}, e
}

// Orphans are the open runs whose process is gone, oldest first.
func (j *Journal) Orphans(ctx context.Context) ([]Run, error) {
	list, err := j.runs(ctx, `WHERE finished IS NULL ORDER BY accepted`)
	if err != nil {
		return nil, err
	}
	alive := make(map[string]bool)
	var orphans []Run
	for _, r := range list {
		if _, known := alive[r.Owner]; !known {
			alive[r.Owner] = j.lives(r.Owner)
		}
		if !alive[r.Owner] {
			orphans = append(orphans, r)
		}
	}
	return orphans, nil
}

// Invocations returns a run's invocations in the order in which they ended; under narrows to one path or site and what lies
// below it, "" takes all.
func (j *Journal) Invocations(ctx context.Context, run, under string) ([]Invocation, error) {
	rows, err := j.db.Reader().QueryContext(ctx, `SELECT path, attempt, seq, status, site, type, module, key, outputs, started, ended, compile, peak, effect,
		error, code, cause, log FROM invocation WHERE run=?`, run)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Invocation
	for rows.Next() {
		i := Invocation{Run: run}
		var module, key []byte
		var outputs string
		var started, compile int64
		var ended sql.NullInt64
		if err := rows.Scan(&i.Path, &i.Attempt, &i.Seq, &i.Status, &i.Site, &i.Type, &module, &key, &outputs, &started, &ended, &compile, &i.Peak,
			&i.Effect, &i.Error, &i.Code, &i.Cause, &i.Log); err != nil {
			return nil, err
		}
		if under != "" && !lies(i.Path, under) && !lies(i.Site, under) {
			continue
		}
		copy(i.Module[:], module)
		copy(i.Key[:], key)
		i.Started, i.Compile = time.UnixMicro(started), time.Duration(compile)*time.Microsecond
		if ended.Valid {
			i.Ended = time.UnixMicro(ended.Int64)
		}
		if i.Outputs, err = decodeNamed(outputs); err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].Seq < list[b].Seq })
	return list, rows.Err()
}

func lies(path, under string) bool {
	rest, ok := strings.CutPrefix(path, under)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Events returns what happened in a run after a sequence number, in order, the ends of invocations among it.
func (j *Journal) Events(ctx context.Context, run string, after int64) ([]Event, error) {
	rows, err := j.db.Reader().QueryContext(ctx, `SELECT seq, at, type, node, data FROM event WHERE run=? AND seq>? ORDER BY seq`, run, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Event
	for rows.Next() {
		e := Event{Run: run}
		var at int64
		var data string
		if err := rows.Scan(&e.Seq, &at, &e.Type, &e.Node, &data); err != nil {
			return nil, err
		}
		e.At, e.Data = time.UnixMicro(at), json.RawMessage(data)
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	invs, err := j.Invocations(ctx, run, "")
	for i := range invs {
		if invs[i].Seq > after && invs[i].Status != Started {
			list = append(list, invs[i].Event())
		}
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].Seq < list[b].Seq })
	return list, err
}
