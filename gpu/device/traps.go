package device

import (
	"encoding/binary"
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

// newTraps makes them. The words say that nothing trapped; so they do until something did, or the session ends.
func (s *Session) newTraps() (*traps, error) {
	words, err := s.dev.Alloc(trapBytes)
	if err != nil {
		return nil, err
	}
	host, err := s.dev.Pinned(maxPending * trapBytes)
	if err != nil {
		return nil, err
	}
	t := &traps{words, host}
	return t, s.resetTraps(t)
}

func (s *Session) resetTraps(t *traps) error {
	return s.dev.Set8(t.words, 0xff, trapBytes, s.stream)
}

// trapWord is where the op that is being lowered says that it trapped.
func (l *lower) trapWord() (cuda.Ptr, error) {
	if l.s.traps == nil {
		t, err := l.s.newTraps()
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
