package watch

import (
	"cmp"
	"slices"
	"time"
)

// Windows of the settler, in units of the quiet window. Files dropped together should come in one batch: a settled file
// waits for others while these are young, but not for one that keeps growing, and not for long.
const (
	youngFor = 2
	holdFor  = 4
)

// settler decides from looks at files which changes are over. It has no clock and touches no file.
// The zero Signature stands for a file that is not there. One goroutine uses it.
type settler struct {
	quiet   time.Duration
	known   map[string]Signature // as delivered
	pending map[string]*change   // differs from known
	novel   int                  // pending paths that are not known
}

// change is a difference to what was delivered.
type change struct {
	seen    Signature // at the last look
	since   time.Time // nothing has happened since
	first   time.Time // the first look that differed
	settled time.Time // zero: not yet
}

func newSettler(quiet time.Duration) *settler {
	return &settler{quiet: quiet, known: map[string]Signature{}, pending: map[string]*change{}}
}

// observe takes a look at a path. touched says that something happened to it since the last one, even if the
// signature is the same: the time stamps of some file systems are coarser than our looks.
func (s *settler) observe(now time.Time, path string, sig Signature, touched bool) {
	known, isKnown := s.known[path]
	c := s.pending[path]
	switch {
	case sig == known: // nothing new, or back to what it was
		if c != nil {
			s.forget(path, isKnown)
		}
	case c == nil:
		s.pending[path] = &change{seen: sig, since: now, first: now}
		if !isKnown {
			s.novel++
		}
	case sig != c.seen || touched:
		c.seen, c.since, c.settled = sig, now, time.Time{}
	case c.settled.IsZero() && now.Sub(c.since) >= s.quiet:
		c.settled = now
	}
}

// settle declares a new path settled at its first look: the caller knows that it has long been quiet.
func (s *settler) settle(now time.Time, path string) {
	if c := s.pending[path]; c != nil {
		c.settled = now
	}
}

func (s *settler) forget(path string, isKnown bool) {
	delete(s.pending, path)
	if !isKnown {
		s.novel--
	}
}

// tracks reports whether the path is known or pending; size is how many are.
func (s *settler) tracks(path string) bool {
	_, known := s.known[path]
	return known || s.pending[path] != nil
}

func (s *settler) size() int { return len(s.known) + s.novel }

// paths calls yield for every path that is tracked.
func (s *settler) paths(yield func(string) bool) {
	for path := range s.known {
		if !yield(path) {
			return
		}
	}
	for path := range s.pending {
		if _, known := s.known[path]; !known && !yield(path) {
			return
		}
	}
}

// due returns the paths whose quiet window is over and that need a second look.
func (s *settler) due(now time.Time) []string {
	var paths []string
	for path, c := range s.pending {
		if c.settled.IsZero() && now.Sub(c.since) >= s.quiet {
			paths = append(paths, path)
		}
	}
	return paths
}

// next is when due or take may have something that they do not have now; false: only after another observe.
func (s *settler) next() (time.Time, bool) {
	var at time.Time
	earliest := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, c := range s.pending {
		if c.settled.IsZero() {
			earliest(c.since.Add(s.quiet))
		}
	}
	if hold, ok := s.heldUntil(); ok {
		earliest(hold)
	}
	return at, !at.IsZero()
}

// heldUntil is when the settled changes may go even if nothing more settles; false: none is settled.
func (s *settler) heldUntil() (time.Time, bool) {
	var oldest, young time.Time
	for _, c := range s.pending {
		if !c.settled.IsZero() {
			if oldest.IsZero() || c.settled.Before(oldest) {
				oldest = c.settled
			}
		} else if end := c.first.Add(youngFor * s.quiet); end.After(young) {
			young = end
		}
	}
	if oldest.IsZero() {
		return time.Time{}, false
	}
	until := oldest.Add(holdFor * s.quiet)
	if young.Before(until) { // also when there is no young one: then it is the zero time, long past
		until = young
	}
	return until, true
}

// take returns the settled changes as a batch when it is time for them.
func (s *settler) take(now time.Time) (Batch, bool) {
	var b Batch
	hold, ok := s.heldUntil()
	if !ok || now.Before(hold) {
		return b, false
	}
	for path, c := range s.pending {
		if c.settled.IsZero() {
			continue
		}
		_, isKnown := s.known[path]
		entry := Entry{Path: path, Signature: c.seen}
		switch {
		case c.seen == (Signature{}):
			b.Removed = append(b.Removed, path)
		case isKnown:
			b.Changed = append(b.Changed, entry)
		default:
			b.Added = append(b.Added, entry)
		}
		s.forget(path, isKnown)
		if c.seen == (Signature{}) {
			delete(s.known, path)
		} else {
			s.known[path] = c.seen
		}
	}
	byPath := func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) }
	slices.SortFunc(b.Added, byPath)
	slices.SortFunc(b.Changed, byPath)
	slices.Sort(b.Removed)
	return b, true
}
