//go:build linux

package runtime

import (
	"errors"
	"time"
)

// lasting is a failure to compile that the next attempt would end with too.
type lasting struct{ err *Error }

func (l *lasting) Error() string { return l.err.Error() }
func (l *lasting) Unwrap() error { return l.err }

// refusals remembers the modules that cannot be compiled: each attempt may take all of the time and memory that compiling may
// take, and a workflow can ask for a thousand. Guarded by the engine's lock.
type refusals map[boundKey]refusal

type refusal struct {
	err   error
	until time.Time
}

const (
	// refuseFor is how long no other attempt is made: a fault of the machine that looked like one of the module's should pass.
	refuseFor   = 10 * time.Minute
	maxRefusals = 1000
)

func (r refusals) note(key boundKey, err error) {
	var l *lasting
	if !errors.As(err, &l) {
		return
	}
	if len(r) >= maxRefusals {
		clear(r)
	}
	r[key] = refusal{err, time.Now().Add(refuseFor)}
}

// of returns what compiling the module ended with not long ago, if that lasts.
func (r refusals) of(key boundKey) error {
	had, ok := r[key]
	switch {
	case !ok:
		return nil
	case time.Now().After(had.until):
		delete(r, key)
		return nil
	}
	return had.err
}
