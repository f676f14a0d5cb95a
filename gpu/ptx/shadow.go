package ptx

// shadow has the marks of a block's shared memory, a piece of which is as large as the kernel's smallest access. Nil: nobody looks.
type shadow struct {
	clock
	grain int
	marks []mark
}

func newShadow(size, grain int) *shadow {
	if size == 0 || grain == 0 {
		return nil
	}
	return &shadow{grain: grain, marks: make([]mark, (size+grain-1)/grain)}
}

// begin is the start of a block, step a barrier: all that was done before is known to all.
func (s *shadow) begin() {
	if s != nil {
		s.block, s.launched = s.epoch, s.epoch
	}
}

func (s *shadow) step() {
	if s != nil {
		s.epoch++
	}
}

// copying says that bytes are on their way to shared memory for a thread, or, for -1, that they have come.
func (s *shadow) copying(off, n, thread int) {
	if s == nil {
		return
	}
	for i := off / s.grain; i < (off+n)/s.grain; i++ {
		s.marks[i].copy = thread + 1
	}
}

// note checks an access and remembers it.
func (s *shadow) note(w *warp, acc access, off, n, lane int) {
	if s == nil {
		return
	}
	me := w.me(lane)
	for i := off / s.grain; i < (off+n+s.grain-1)/s.grain; i++ {
		m := &s.marks[i]
		clash := s.clash(m, acc, w, me)
		switch {
		case m.copy != 0:
			w.fail(Race, lane, "byte %d of shared memory is still being copied to by thread %v", i*s.grain, w.b.dim.at(uint64(m.copy-1)))
			return
		case clash != "":
			w.fail(Race, lane, "byte %d of shared memory %s", i*s.grain, clash)
			return
		case acc != writes && m.write>>32 < s.block && m.update>>32 < s.block:
			w.fail(Uninitialised, lane, "byte %d of shared memory", i*s.grain)
			return
		}
		s.clock.note(m, acc, w, me)
	}
}
