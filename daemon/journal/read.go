package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const runColumns = `id, trigger, workflow, file, name, source, inputs, files, why, status, accepted, finished, epoch, owner, error, code, cause, outputs,
	ran, cached, failed, skipped, doubt, bare, started, cancelled, parent, parent_path, options`

type scanner interface{ Scan(...any) error }

func scanRun(row scanner) (r Run, err error) {
	var inputs, files, outputs, how []byte
	var accepted int64
	var finished, started, cancelled sql.NullInt64
	err = row.Scan(&r.ID, &r.Trigger, &r.Workflow, &r.File, &r.Name, &r.Source, &inputs, &files, &r.Why, &r.Status, &accepted, &finished,
		&r.Epoch, &r.Owner, &r.Error, &r.Code, &r.Cause, &outputs, &r.Counts.Ran, &r.Counts.Cached, &r.Counts.Failed, &r.Counts.Skipped, &r.Doubt, &r.Bare,
		&started, &cancelled, &r.Parent, &r.ParentPath, &how)
	if err != nil {
		return r, err
	}
	r.Accepted = time.UnixMicro(accepted)
	r.Finished, r.Started, r.CancelAsked = fromMicros(finished), fromMicros(started), fromMicros(cancelled)
	if r.Inputs, err = decodeNamed(inputs); err == nil {
		r.Outputs, err = decodeNamed(outputs)
	}
	if err == nil && len(files) > 0 {
		err = json.Unmarshal(files, &r.Files)
	}
	if err == nil && len(how) > 0 {
		err = json.Unmarshal(how, &r.How)
	}
	return r, err
}

func fromMicros(at sql.NullInt64) time.Time {
	if !at.Valid {
		return time.Time{}
	}
	return time.UnixMicro(at.Int64)
}

func (j *Journal) runs(ctx context.Context, where string, args ...any) (list []Run, err error) {
	err = j.read(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, `SELECT `+runColumns+` FROM run `+where, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanRun(rows)
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		return rows.Err()
	})
	return list, err
}

// Filter narrows Runs; the zero value takes all.
type Filter struct {
	Last     int      // the newest so many; 0: all
	Status   []Status // one of these; none: any
	Workflow string   // absolute path
	File     string   // with Workflow: of a per-file run
	Children bool     // those of nodes that are workflows too
}

// Runs returns the newest runs first.
func (j *Journal) Runs(ctx context.Context, f Filter) ([]Run, error) {
	var conds []string
	var args []any
	if len(f.Status) > 0 {
		conds = append(conds, `status IN (?`+strings.Repeat(",?", len(f.Status)-1)+`)`)
		for _, s := range f.Status {
			args = append(args, s)
		}
	}
	if f.Workflow != "" {
		conds, args = append(conds, `workflow=? AND file=?`), append(args, f.Workflow, f.File)
	}
	if !f.Children {
		conds = append(conds, `parent=''`)
	}
	where := ""
	if len(conds) > 0 {
		where = "WHERE " + strings.Join(conds, " AND ")
	}
	where += " ORDER BY accepted DESC, num DESC"
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
	switch {
	case err != nil:
		return Run{}, err
	case len(list) == 1:
		return list[0], nil
	}
	e := &NotFoundError{Prefix: prefix}
	for _, r := range list {
		e.Many = append(e.Many, r.ID)
	}
	return Run{}, e
}

// inLine is the order in which runs have their turn: those that were under way before a crash, then as they were accepted.
const inLine = ` ORDER BY started IS NULL, accepted, num`

// Queue is what waits for its turn, in order, whoever has it in hand.
func (j *Journal) Queue(ctx context.Context) ([]Run, error) {
	return j.runs(ctx, `WHERE finished IS NULL AND status='queued'`+inLine)
}

// Orphans are the open runs whose process is gone, in the order in which they should go on. A suspended one is nobody's, and
// waits for an answer, not for a process.
func (j *Journal) Orphans(ctx context.Context) ([]Run, error) {
	list, err := j.runs(ctx, `WHERE finished IS NULL AND (status<>'suspended' OR cancelled IS NOT NULL)`+inLine)
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

const invocationColumns = `path, attempt, seq, status, site, coalesce(name, ''), type, module, key, outputs, started, ended, compile, peak, effect,
	coalesce(error, ''), coalesce(code, ''), coalesce(cause, ''), log, began`

// Invocations returns a run's invocations in the order in which they ended, after those that have only begun; under narrows to
// one path or site and what lies below it, "" takes all.
func (j *Journal) Invocations(ctx context.Context, run, under string) (list []Invocation, err error) {
	err = j.read(func(db *sql.DB) error {
		num, _, err := number(ctx, db, run)
		if err != nil {
			return err
		}
		const order = ` ORDER BY seq`
		const byPath = ` ORDER BY +seq` // sorted afterwards
		if under == "" {
			list, err = invocations(ctx, db, run, order, num)
		} else {
			// What the path finds is all there is: were a site of this name inside a loop, the path would have the index of an element
			// where this one has none. The range of the index is wider than what lies below; left alone, SQLite would go by seq.
			list, err = invocations(ctx, db, run, ` AND path>=?2 AND path<?2||'\' AND `+below("path")+byPath, num, under)
			if err == nil && len(list) == 0 && !strings.Contains(under, "[") {
				list, err = invocations(ctx, db, run, ` AND `+below("site")+order, num, under)
			}
		}
		if err == nil {
			list, err = withoutPast(ctx, db, num, list)
		}
		return err
	})
	return list, err
}

// withoutPast leaves out groups that were skipped, as something before them waited for an answer, and began when it was there: only
// their messages tell of a group that runs.
func withoutPast(ctx context.Context, db *sql.DB, num int64, list []Invocation) ([]Invocation, error) {
	past := func(i *Invocation) bool {
		return i.Status == Skipped && (i.Type == "each" || i.Type == "repeat" || i.Type == "group")
	}
	if !slices.ContainsFunc(list, func(i Invocation) bool { return past(&i) }) {
		return list, nil
	}
	rows, err := db.QueryContext(ctx, `SELECT node, max(seq) FROM event WHERE run=? AND type='node_update' GROUP BY node`, num)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	last := map[string]int64{}
	for rows.Next() {
		var node string
		var seq int64
		if err := rows.Scan(&node, &seq); err != nil {
			return nil, err
		}
		last[node] = seq
	}
	return slices.DeleteFunc(list, func(i Invocation) bool { return past(&i) && last[i.Path] > i.Seq }), rows.Err()
}

// below is the condition that a column is ?2 or lies below it. Between '.' and '[' lie other names, which start alike.
func below(column string) string {
	return strings.ReplaceAll(`(%=?2 OR %>=?2||'.' AND %<?2||'/' OR %>=?2||'[' AND %<?2||'\')`, "%", column)
}

func invocations(ctx context.Context, db *sql.DB, run, where string, args ...any) (list []Invocation, err error) {
	rows, err := db.QueryContext(ctx, `SELECT `+invocationColumns+` FROM invocation WHERE run=?1`+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		i, err := scanInvocation(rows, run)
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, rows.Err()
}

func scanInvocation(row scanner, run string) (Invocation, error) {
	i := Invocation{Run: run}
	var module, key, outputs sql.RawBytes
	var started, compile int64
	var ended sql.NullInt64
	if err := row.Scan(&i.Path, &i.Attempt, &i.Seq, &i.Status, &i.Site, &i.Name, &i.Type, &module, &key, &outputs, &started, &ended, &compile, &i.Peak,
		&i.Effect, &i.Error, &i.Code, &i.Cause, &i.Log, &i.Began); err != nil {
		return i, err
	}
	copy(i.Module[:], module)
	copy(i.Key[:], key)
	if i.Status == Started {
		i.Seq = 0
	}
	i.Started, i.Ended, i.Compile = time.UnixMicro(started), fromMicros(ended), time.Duration(compile)*time.Microsecond
	var err error
	if len(outputs) > 0 {
		i.Outputs, err = decodeNamed(outputs)
	}
	return i, err
}
