package ptx

// shadow says who did what with each piece of shared memory since the last barrier. A piece is as large as the kernel's smallest
// access.
//
// Two accesses of a piece by different threads, of which one writes, must have a barrier of the block between them, or one of the
// warp where they are of one. Atomic ones may meet each other.
type shadow struct {
	grain int
	marks []mark
	epoch uint64 // counts the barriers of all blocks
	block uint64 // the epoch in which this block began
}

// mark is what happened to a piece, each as the epoch (<<32), the warp's own epoch (<<12), and who: 1 and the thread, or more than one.
type mark struct {
	write, read, update uint64
	copy                int // 1 and the thread whose cp.async is under way
}

const (
	many     = 0xfff // threads of several warps
	manyWarp = 0x800 // with the warp's number: several of its threads
)

func newShadow(size, grain int) *shadow {
	if size == 0 || grain == 0 {
		return nil
	}
	return &shadow{grain: grain, marks: make([]mark, (size+grain-1)/grain)}
}

// grain says that the kernel has an access of n bytes in a space.
func (d *decoder) grain(sp space, n int) {
	p := d.fr.c.p
	least := func(grain *int) {
		if *grain == 0 || n < *grain {
			*grain = n
		}
	}
	if sp == sharedSpace || sp == generic {
		least(&p.grain)
	}
	if sp == global || sp == generic {
		least(&p.globalGrain)
	}
}

// step begins a new epoch: all that was done is known to all.
func (s *shadow) step() {
	if s != nil {
		s.epoch++
	}
}

func (s *shadow) begin(off, n, thread int) {
	if s == nil {
		return
	}
	for i := off / s.grain; i < (off+n)/s.grain; i++ {
		s.marks[i].copy = thread + 1
	}
}

func (s *shadow) end(off, n int) {
	if s == nil {
		return
	}
	for i := off / s.grain; i < (off+n)/s.grain; i++ {
		s.marks[i].copy = 0
	}
}

// clashes says whether another thread's mark is not ordered before what the thread of the warp does now.
func (s *shadow) clashes(m uint64, w *warp, me uint64) bool {
	who := m & 0xfff
	switch {
	case m>>32 != s.epoch || who == me:
		return false
	case who == many:
		return true
	case who&manyWarp != 0:
		return int(who&^manyWarp) != w.id || m>>12&0xfffff == w.epoch
	}
	return int(who-1)/32 != w.id || m>>12&0xfffff == w.epoch
}

// joined is a mark to which a thread is added.
func (s *shadow) joined(m uint64, w *warp, me uint64) uint64 {
	now := s.epoch<<32 | w.epoch<<12
	who := m & 0xfff
	switch {
	case m>>32 != s.epoch || who == me:
		return now | me
	case who == many, who&manyWarp != 0 && int(who&^manyWarp) != w.id, who&manyWarp == 0 && int(who-1)/32 != w.id:
		return now | many
	}
	return now | manyWarp | uint64(w.id)
}

// noteBulk is note for more bytes than one access has; the block may be another one than the warp's.
func (s *shadow) noteBulk(w *warp, acc access, off, n, lane int) {
	if s != nil {
		s.note(w, acc, off, n, lane)
	}
}

// note checks an access and remembers it.
func (s *shadow) note(w *warp, acc access, off, n, lane int) {
	me := uint64(w.id*32 + lane + 1)
	for i := off / s.grain; i < (off+n+s.grain-1)/s.grain; i++ {
		m := &s.marks[i]
		other, what := m.write, "was written"
		clash := s.clashes(m.write, w, me)
		if !clash && acc != updates {
			other, what, clash = m.update, "was changed atomically", s.clashes(m.update, w, me)
		}
		if !clash && acc != reads {
			other, what, clash = m.read, "was read", s.clashes(m.read, w, me)
		}
		switch {
		case m.copy != 0:
			w.fail(Race, lane, "byte %d of shared memory is still being copied to by thread %v", i*s.grain, w.b.dim.at(uint64(m.copy-1)))
			return
		case clash:
			w.fail(Race, lane, "byte %d of shared memory %s by %s, with no barrier between", i*s.grain, what, s.who(w, other))
			return
		case acc != writes && m.write>>32 < s.block && m.update>>32 < s.block:
			w.fail(Uninitialised, lane, "byte %d of shared memory", i*s.grain)
			return
		}
		switch acc {
		case reads:
			m.read = s.joined(m.read, w, me)
		case writes:
			m.write = s.epoch<<32 | w.epoch<<12 | me
		case updates:
			m.update = s.joined(m.update, w, me)
		}
	}
}

func (s *shadow) who(w *warp, m uint64) string {
	switch who := m & 0xfff; {
	case who == many:
		return "threads of several warps"
	case who&manyWarp != 0:
		return "threads of warp " + itoa(int(who&^manyWarp))
	default:
		return "thread " + w.b.dim.at(who-1).String()
	}
}

// synced says that the lanes of a warp see what the others wrote.
func (w *warp) synced() { w.epoch = (w.epoch + 1) & 0xfffff }
