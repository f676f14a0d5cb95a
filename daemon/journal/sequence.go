package journal

import (
	"database/sql"
	"errors"
	"fmt"

	"levee/cache/sqlite"
)

// sequence gives out the numbers of events, in memory, inside the transaction that stores them. Numbers drawn before the
// writer's turn would become durable out of order, and a reader that goes on from the last number it saw would miss some.
// Only the goroutine that writes uses it.
type sequence struct {
	known map[string]place // as committed, by the run's ID
	tx    *sqlite.Tx
	drawn map[string]place // within tx, which is not committed yet
}

// place is how far the numbers of a run are given out.
type place struct {
	run   int64 // names the run in the tables
	last  int64 // of ends and events, upwards from 1
	begun int64 // of invocations that have begun, downwards from -1
}

// mostKnown bounds the memory; a run that is not known costs three look-ups.
const mostKnown = 4096

func newSequence() *sequence {
	return &sequence{known: make(map[string]place), drawn: make(map[string]place)}
}

// committed is called after the commit of the transaction in which numbers were drawn last.
func (s *sequence) committed() {
	if len(s.known) > mostKnown {
		clear(s.known)
	}
	for run, p := range s.drawn {
		s.known[run] = p
	}
	clear(s.drawn)
	s.tx = nil
}

// at returns how far a run has come; the error is ErrNoRun when there is none.
func (t *tx) at(run string) (place, error) {
	s := t.seq
	if s.tx != t.Tx { // what was drawn in the one before was rolled back
		clear(s.drawn)
		s.tx = t.Tx
	}
	if p, ok := s.drawn[run]; ok {
		return p, nil
	}
	if p, ok := s.known[run]; ok {
		return p, nil
	}
	var p place
	err := t.QueryRow(`SELECT num, max((SELECT coalesce(max(seq), 0) FROM event WHERE run = num), (SELECT coalesce(max(seq), 0) FROM invocation WHERE run = num), 0),
		min((SELECT coalesce(min(seq), 0) FROM invocation WHERE run = num), 0) FROM run WHERE id = ?`, run).Scan(&p.run, &p.last, &p.begun)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("%w: %s", ErrNoRun, run)
	}
	return p, err
}

func (t *tx) draw(run string, p place) { t.seq.drawn[run] = p }

// ErrNoRun says that something was to be recorded of a run that was never accepted, or is forgotten.
var ErrNoRun = errors.New("no such run")
