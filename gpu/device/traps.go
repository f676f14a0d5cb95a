package device

import (
	"encoding/binary"
	"errors"
	"math"

	"levee/gpu/cuda"
	"levee/gpu/kernel"
	"levee/gpu/op"
)

// traps is where kernels of a session say that they trapped: a word for each map of a graph on the device, and a copy of the words on
// the host for each graph in the stream.
type traps struct {
	words cuda.Ptr
	host  []byte
}

const (
	trapBytes = op.MaxOps * 8
	noTrap    = math.MaxUint64
)

// trapMemory gives a session its own. Its words say that nothing trapped; so they do until something did, which ends the session.
func (d *Device) trapMemory(stream cuda.Stream) (*traps, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.traps); n > 0 {
		t := d.traps[n-1]
		d.traps = d.traps[:n-1]
		return t, nil
	}
	words, err := d.Alloc(trapBytes)
	if err != nil {
		return nil, err
	}
	host, err := d.Pinned(maxPending * trapBytes)
	if err != nil {
		return nil, err
	}
	return &traps{words, host}, d.Set8(words, 0xff, trapBytes, stream)
}

// closeTraps gives it back, for the next session.
func (s *Session) closeTraps() error {
	if s.traps == nil {
		return nil
	}
	if s.trapped != nil {
		if err := errors.Join(s.dev.Set8(s.traps.words, 0xff, trapBytes, s.stream), s.dev.WaitStream(s.stream)); err != nil {
			return err
		}
	}
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	s.dev.traps = append(s.dev.traps, s.traps)
	return nil
}

// trapWord is where the op that is being lowered says that it trapped.
func (l *lower) trapWord() (cuda.Ptr, error) {
	if l.s.traps == nil {
		t, err := l.dev.trapMemory(l.s.stream)
		if err != nil {
			return 0, l.dev.fault(err)
		}
		l.s.traps = t
	}
	l.maps++
	return l.s.traps.words + cuda.Ptr(8*(l.maps-1)), nil
}

// slot is the host's copy for the next graph, or for one in the stream: never for more of them than there are slots.
func (t *traps) slot(fence uint64) []byte {
	at := fence % maxPending * trapBytes
	return t.host[at : at+trapBytes]
}

// fetchTraps brings the words to the host, behind a graph in which so many ops may trap.
func (s *Session) fetchTraps(n int) error {
	if n == 0 {
		return nil
	}
	return s.dev.Download(s.traps.slot(s.last + 1)[:8*n], s.traps.words, s.stream)
}

// look sees whether a kernel of a graph that is done trapped. The first one counts: what later ones read is not defined.
func (s *Session) look(m mark) {
	if m.maps == 0 || s.trapped != nil {
		return
	}
	words := s.traps.slot(m.fence)
	for i := range m.maps {
		if w := binary.LittleEndian.Uint64(words[8*i:]); w != noTrap {
			s.trapped = &trappedGraph{fence: m.fence, err: kernel.Trapped(w)}
			return
		}
	}
}
