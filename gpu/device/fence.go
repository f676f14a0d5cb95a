package device

import (
	"math"
	"slices"
	"time"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// patience is how long a graph may take whatever it was estimated at, and how much longer than its estimate.
const (
	patience = time.Second
	slack    = 4
)

// maxPending bounds how many graphs are in the stream at once.
const maxPending = 64

// fences are the places in a session's stream that somebody may wait for.
type fences struct {
	last    uint64        // of those that were given out
	pending []mark        // in the stream's order
	since   time.Time     // when the first of pending became the first
	trapped *trappedGraph // the first one
}

// trappedGraph is a graph of which a kernel trapped. What it and later ones wrote is not defined.
type trappedGraph struct {
	fence uint64
	err   error
	told  bool // from then on the session is broken
}

// mark is the end of a graph, or of transfers, in the stream, or a place within a graph: that the device gets there is progress.
type mark struct {
	fence uint64
	event cuda.Event
	most  time.Duration // it may take
	maps  int           // ops of the graph that may trap
	loops []looped
	begun time.Time // when it was put into the stream
}

// room waits until one more graph can be in the stream.
func (s *Session) room() error {
	if len(s.pending) == 0 || s.last-s.pending[0].fence < maxPending-1 {
		return nil
	}
	return s.wait(s.pending[0].fence, -1)
}

// mark puts the end of a graph into the stream and names it.
func (s *Session) mark(l *lower) (uint64, error) {
	most := max(patience, l.most())
	if err := s.put(mark{fence: s.last + 1, most: most, maps: l.maps, loops: l.loops, begun: time.Now()}); err != nil {
		return 0, err
	}
	s.last++
	return s.last, nil
}

// most is how long what is not launched a part at a time may take.
func (l *lower) most() time.Duration { return slack * (l.dev.Estimate(l.plan.Cost) + l.beyond) }

func (s *Session) put(m mark) error {
	var err error
	if m.event, err = s.event(); err == nil {
		err = s.dev.Record(m.event, s.stream)
	}
	if err != nil {
		return s.dev.fault(err)
	}
	if len(s.pending) == 0 {
		s.since = time.Now()
	}
	s.pending = append(s.pending, m)
	return nil
}

func (s *Session) event() (cuda.Event, error) {
	if n := len(s.spare); n > 0 {
		e := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return e, nil
	}
	return s.dev.NewEvent(false)
}

// drain waits until the stream is empty: graphs and transfers.
func (s *Session) drain() error {
	if err := s.put(mark{fence: s.last, most: 10 * patience}); err != nil {
		return err
	}
	for len(s.pending) > 0 {
		if err := s.wait(s.pending[0].fence, -1); err != nil {
			return err
		}
	}
	return nil
}

// end empties the stream. The trap words then say again that nothing trapped.
func (s *Session) end() error {
	aside, err := s.stop()
	if err == nil {
		err = s.drain()
	}
	if err != nil || aside == nil && s.trapped == nil {
		return err
	}
	if aside != nil {
		if err := aside.drain(); err != nil {
			return err
		}
		s.dev.keepLane(aside.lane)
	}
	if err := s.resetTraps(s.traps); err != nil {
		return err
	}
	return s.drain()
}

// stop has maps of kernels with loops in the stream end with the launch that runs, where there are any: by words of zero, which get to
// the device through another stream.
func (s *Session) stop() (aside *Session, err error) {
	if !slices.ContainsFunc(s.pending, func(m mark) bool { return len(m.loops) > 0 }) {
		return nil, nil
	}
	for i := range s.pending {
		s.pending[i].loops = nil // how long they take now says nothing
	}
	l, err := s.dev.takeLane()
	if err != nil {
		return nil, err
	}
	return &Session{dev: s.dev, lane: l}, s.dev.Upload(s.traps.words, make([]byte, trapBytes), l.stream)
}

// wait waits until nothing up to a fence is pending, at most so long; less than zero: as long as it takes. It never blocks in the driver:
// what the device does not finish has to be noticed.
func (s *Session) wait(fence uint64, most time.Duration) error {
	const slice = 10 * time.Millisecond
	start := time.Now()
	for {
		if err := s.reap(); err != nil {
			return err
		}
		if len(s.pending) == 0 || s.pending[0].fence > fence {
			return nil
		}
		first := s.pending[0]
		late := first.most - time.Since(s.since)
		if late < 0 {
			return s.dev.lose("graph %d is not done after %v", first.fence, first.most)
		}
		left := min(slice, late)
		if most >= 0 {
			left = min(left, most-time.Since(start))
		}
		if left <= 0 && most >= 0 {
			return op.Errorf(op.TimedOut, "graph %d is not done after %v", fence, most)
		}
		if _, err := s.dev.Await(first.event, left); err != nil {
			return s.dev.fault(err)
		}
		if s.gone(start) {
			return errNobody
		}
	}
}

// errNobody ends what a session does for whom nobody waits: what it still has on the device goes when it is closed.
var errNobody = op.Errorf(op.Unavailable, "nobody is there any more")

// gone says whether nobody is there any more who waits for what was begun long ago. What takes less is finished: a value may be kept by it.
// The end of a session does not ask.
func (s *Session) gone(begun time.Time) bool {
	return !s.closed && s.Gone != nil && time.Since(begun) > patience && s.Gone()
}

// reap takes in what the device is done with.
func (s *Session) reap() error {
	if err := s.dev.Lost(); err != nil {
		return err
	}
	for len(s.pending) > 0 {
		first := s.pending[0]
		reached, err := s.dev.Reached(first.event)
		if err != nil {
			return s.dev.fault(err)
		}
		if !reached {
			return nil
		}
		s.look(first)
		for _, m := range first.loops {
			if s.trapped == nil { // else some was left out
				m.took(time.Since(first.begun))
			}
		}
		s.spare = append(s.spare, first.event)
		s.pending = append(s.pending[:0], s.pending[1:]...)
		s.since = time.Now()
	}
	return nil
}

// Patience is how long what is in the stream may still take, at most: whoever watches over the session from outside knows by it that the
// session itself is stuck.
func (s *Session) Patience() (most time.Duration) {
	const ever = math.MaxInt64 / 4
	for _, m := range s.pending {
		most = min(most+min(m.most, ever), ever)
	}
	return most
}

// usable says whether calls can still succeed.
func (s *Session) usable() error {
	if s.closed {
		return op.Errorf(op.Unavailable, "the session is closed")
	}
	if s.trapped != nil && s.trapped.told {
		return s.trapped.err
	}
	return s.dev.Lost()
}

// tell gives the trap of a graph up to this fence, if there was one.
func (s *Session) tell(fence uint64) error {
	if s.trapped == nil || s.trapped.fence > fence {
		return nil
	}
	s.trapped.told = true
	return s.trapped.err
}
