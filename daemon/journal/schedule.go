package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Schedule is how far the times of a workflow have been dealt with: what a start needs to know which of them were missed.
type Schedule struct {
	Workflow string // absolute path
	Spec     string // the times, as a text: others begin anew
	Version  [32]byte
	Dealt    time.Time // times up to here had their run, or need none
}

// Schedule returns what is known of the times of a workflow; false when it had none.
func (j *Journal) Schedule(ctx context.Context, workflow string) (s Schedule, known bool, err error) {
	s.Workflow = workflow
	err = j.read(func(db *sql.DB) error {
		var version []byte
		var dealt int64
		err := db.QueryRowContext(ctx, `SELECT spec, version, dealt FROM schedule WHERE workflow=?`, workflow).Scan(&s.Spec, &version, &dealt)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		copy(s.Version[:], version)
		s.Dealt, known = time.UnixMicro(dealt), true
		return nil
	})
	return s, known, err
}

// Deal says that a time was dealt with, unless the workflow has other times by now.
func (j *Journal) Deal(ctx context.Context, s Schedule) error {
	return j.write(ctx, true, func(t *tx) error {
		_, err := t.Exec(`UPDATE schedule SET dealt=max(dealt, ?) WHERE workflow=? AND spec=?`, s.Dealt.UnixMicro(), s.Workflow, s.Spec)
		return err
	})
}

// PutSchedule begins the times of a workflow, or of another version of it.
func (j *Journal) PutSchedule(ctx context.Context, s Schedule) error {
	return j.write(ctx, true, func(t *tx) error {
		_, err := t.Exec(`INSERT INTO schedule(workflow, spec, version, dealt) VALUES(?,?,?,?) ON CONFLICT(workflow)
			DO UPDATE SET spec=excluded.spec, version=excluded.version, dealt=excluded.dealt`, s.Workflow, s.Spec, s.Version[:], s.Dealt.UnixMicro())
		return err
	})
}
