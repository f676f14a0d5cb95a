package journal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"levee/cache/sqlite"
)

// store is the open database with what belongs to it alone.
type store struct {
	db     *sqlite.DB
	seq    *sequence
	second bool        // it was opened after a failed fsync
	lost   atomic.Bool // the file is no longer where it was: a commit stored nothing that a restart would find
}

func (j *Journal) openStore(check, acceptLoss bool) (*store, error) {
	s := &store{seq: newSequence()}
	db, err := sqlite.Open(j.path(fileName), sqlite.Options{
		Sync: sqlite.Full, Schema: schema(), Check: check, MaxPages: j.opts.maxPages,
		Witness: j.path(witnessName), AcceptLoss: acceptLoss,
		AfterCommit: func(uint64) {
			s.seq.committed()
			if !s.db.InPlace() { // a microsecond beside a commit's hundred
				s.lost.Store(true)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	s.db = db
	return s, nil
}

// tx is a transaction on a store.
type tx struct {
	*sqlite.Tx
	seq *sequence
	// again is set when the same was tried before and whether it was stored is not known.
	again bool
}

// busyTries is how often a write waits the five seconds of SQLite's busy timeout for another process.
const busyTries = 6

// write runs fn in a transaction that is durable when write returns. The disk's reserve may be used for it when that is said:
// it is for what must be recorded of work that was done, not for new work. fn is run on the one goroutine that writes, and
// must use only what it is given, without a context: a statement that is interrupted would undo the writes of others.
func (j *Journal) write(ctx context.Context, useReserve bool, fn func(*tx) error) error {
	if j.look != nil {
		return ErrReadOnly
	}
	again := false
	for busy := 1; ; {
		spends := j.spends.Load()
		s, err := j.try(ctx, again, fn)
		var unknown *sqlite.CommitError
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrBroken):
			return err
		case errors.Is(err, sqlite.ErrStopped) || errors.As(err, &unknown):
			// What fsync failed on may be there or not: only a new look tells.
			if err := j.reopen(s, err); err != nil {
				return err
			}
			again = true
		case sqlite.IsBusy(err) && busy < busyTries:
			busy++
		case sqlite.IsFull(err) && useReserve && (j.spends.Load() != spends || j.spendReserve()):
			// Once more, in the room that the reserve has left, also when somebody else gave it back meanwhile.
		case sqlite.IsFull(err):
			return fmt.Errorf("%w: %v", ErrFull, err)
		default:
			return err
		}
	}
}

func (j *Journal) try(ctx context.Context, again bool, fn func(*tx) error) (*store, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := j.store
	if j.broken != nil {
		return s, j.broken
	}
	err := j.opts.commit(ctx, s.db, func(t *sqlite.Tx) error { return fn(&tx{Tx: t, seq: s.seq, again: again}) })
	if err == nil && s.lost.Load() {
		return s, fmt.Errorf("%w: %s was removed or replaced while it was in use", ErrBroken, s.db.Path())
	}
	return s, err
}

// reopen takes a store whose fsync failed out of use and opens the database again, once in the life of a journal.
func (j *Journal) reopen(failed *store, why error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.broken != nil:
		return j.broken
	case j.store != failed:
		return nil // somebody else was faster
	case failed.second:
		j.broken = fmt.Errorf("%w: %v", ErrBroken, why)
		return j.broken
	}
	failed.db.Close() // its error is the one that is known
	s, err := j.openStore(true, false)
	if err != nil {
		j.broken = fmt.Errorf("%w: %v; opening it again: %v", ErrBroken, why, err)
		return j.broken
	}
	s.second = true
	j.store = s
	return nil
}
