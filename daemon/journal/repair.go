package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"levee/cache/sqlite"
)

// quick_check reads 1.6 GB a second where the disk is fast; a program that is started for one run should not wait for it each
// time. A large history is checked after a crash, and once a day.
const (
	checkAlways = 64 << 20 // bytes
	checkEvery  = 24 * time.Hour
)

func (j *Journal) checkDue(o others) bool {
	var size int64
	for _, name := range []string{fileName, fileName + "-wal"} {
		if info, err := os.Stat(j.path(name)); err == nil {
			size += info.Size()
		}
	}
	if size <= checkAlways || o.crashed {
		return true
	}
	last, err := os.Stat(j.path(checkedName))
	return err != nil || time.Since(last.ModTime()) > checkEvery
}

// lossTries is how often a loss is looked at again while another process writes: it may have committed, and noted so, between
// the two looks at the database and at the witness that are compared.
const lossTries = 4

func (j *Journal) open(ctx context.Context, o others) error {
	check := j.checkDue(o)
	s, damage, err := j.openSound(ctx, check, false)
	for n := 1; n < lossTries && o.alive && damage != nil; n++ {
		s, damage, err = j.openSound(ctx, check, false)
	}
	switch {
	case err != nil:
		return err
	case damage != nil && o.alive:
		return fmt.Errorf("%w; another process has this history open: end it, then start again to have it repaired", damage)
	case damage != nil:
		if s, err = j.repair(ctx, damage); err != nil {
			return err
		}
	}
	j.store = s
	if check {
		_ = os.WriteFile(j.path(checkedName), nil, 0o600) // not written: it is checked again sooner
		_ = os.Chtimes(j.path(checkedName), time.Time{}, time.Now())
	}
	return nil
}

// openSound opens the database. What is wrong with it is in damage when that can be repaired, else in err.
func (j *Journal) openSound(ctx context.Context, check, acceptLoss bool) (s *store, damage, err error) {
	s, err = j.openStore(check, acceptLoss)
	for n := 1; n < busyTries && sqlite.IsBusy(err); n++ {
		s, err = j.openStore(check, acceptLoss)
	}
	var loss *sqlite.LossError
	if errors.As(err, &loss) || sqlite.IsCorrupt(err) {
		return nil, err, nil
	}
	if err != nil {
		return nil, nil, err
	}
	// A flipped bit in the schema is not seen by quick_check: no statement would ever work.
	if err := probe(ctx, s.db.Reader()); err != nil {
		err = errors.Join(err, s.db.Close())
		if sqlite.IsMisfit(err) || sqlite.IsCorrupt(err) {
			return nil, err, nil
		}
		return nil, nil, err
	}
	return s, nil, nil
}

// probe uses each table once.
func probe(ctx context.Context, db *sql.DB) error {
	for _, q := range []string{
		`SELECT ` + runColumns + ` FROM run LIMIT 1`, `SELECT ` + invocationColumns + ` FROM invocation LIMIT 1`, strings.NewReplacer("?1", "0", "?2", "0", "?3", "1").Replace(selectEvents),
		`SELECT num FROM doomed LIMIT 1`, `SELECT run, path, name, value, at FROM answer LIMIT 1`,
		`SELECT workflow, spec, version, dealt FROM schedule LIMIT 1`,
	} {
		rows, err := db.QueryContext(ctx, q)
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// repair brings a history back as far as that can be. No other process has it open.
func (j *Journal) repair(ctx context.Context, damage error) (*store, error) {
	var loss *sqlite.LossError
	if errors.As(damage, &loss) && !(loss.Replaced && exists(j.path(backupName)) && j.empty(ctx)) {
		// What is there is sound, and more than the backup holds.
		j.note("the run history lost something: %v. Runs that are known only from there may run again", loss)
		return j.openDoubtful(ctx, damage)
	}
	aside, err := sqlite.Quarantine(j.path(fileName))
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("the run history is damaged (%v) and was set aside in %s; ", damage, aside)
	switch at, err := j.restore(ctx); {
	case errors.Is(err, os.ErrNotExist):
		text += "there was no backup, the history starts empty"
	case err != nil:
		text += fmt.Sprintf("the backup can not be used (%v), the history starts empty", err)
	default:
		text += fmt.Sprintf("history restored from the backup of %s, later runs are not in it and may run again", at.Format(time.RFC3339))
	}
	j.note("%s", text)
	return j.openDoubtful(ctx, damage)
}

// openDoubtful opens what is left, and marks the runs that it takes for open: what they did since is not known.
func (j *Journal) openDoubtful(ctx context.Context, damage error) (*store, error) {
	s, again, err := j.openSound(ctx, true, true)
	if err = errors.Join(err, again); err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(t *sqlite.Tx) error {
		_, err := t.Exec(`UPDATE run SET doubt=? WHERE finished IS NULL AND doubt=''`, damage.Error())
		return err
	})
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func (j *Journal) empty(ctx context.Context) bool {
	db, err := openFile(ctx, j.path(fileName))
	if err != nil {
		return false
	}
	defer db.Close()
	var some bool
	err = db.QueryRowContext(ctx, `SELECT EXISTS(SELECT 1 FROM run)`).Scan(&some)
	return err == nil && !some
}

// restore puts a copy of the backup in the place of the history, which is gone, and returns its time. A crash on the way leaves
// no history, which the witness tells apart from a new one.
func (j *Journal) restore(ctx context.Context) (time.Time, error) {
	from, err := os.Open(j.path(backupName))
	if err != nil {
		return time.Time{}, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return time.Time{}, err
	}
	tmp := j.path(fileName + ".restore")
	defer os.Remove(tmp)
	to, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return time.Time{}, err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Sync(), to.Close()); err != nil {
		return time.Time{}, err
	}
	if err := verify(ctx, tmp); err != nil {
		return time.Time{}, err
	}
	if err := os.Rename(tmp, j.path(fileName)); err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), j.syncDir()
}

// verify looks for damage in a closed copy of a history.
func verify(ctx context.Context, path string) error {
	db, err := openFile(ctx, path)
	if err != nil {
		return err
	}
	var verdict string
	err = db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict)
	if err == nil && verdict != "ok" {
		err = fmt.Errorf("quick_check: %s: %w", verdict, sqlite.ErrCorrupt)
	}
	if err == nil {
		err = probe(ctx, db)
	}
	err = errors.Join(err, db.Close())
	for _, side := range []string{"-wal", "-shm"} { // a reader can not remove what it makes beside a copy in WAL mode
		os.Remove(path + side)
	}
	return err
}
