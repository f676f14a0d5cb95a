package ptx

// ledger says who did what with each piece of an allocation, as shadow does for shared memory: blocks of a launch come in any order, so
// what one of them writes no other may touch. Pages of it are made when they are needed.
type ledger struct {
	grain int
	pages map[int]*[1024]mark
}

// noteGlobal checks an access of global memory and remembers it. Marks that are older than the launch count for nothing.
func (w *warp) noteGlobal(s *span, acc access, off, n, lane int) {
	grain := w.b.prog.globalGrain
	if s.ledger.grain != grain {
		s.ledger = ledger{grain: grain, pages: map[int]*[1024]mark{}}
	}
	me := uint64(w.id*32 + lane + 1)
	for i := off / grain; i < (off+n+grain-1)/grain; i++ {
		page := s.ledger.pages[i/1024]
		if page == nil {
			page = new([1024]mark)
			s.ledger.pages[i/1024] = page
		}
		m := &page[i%1024]
		other, what := m.write, "was written"
		clash := w.b.clashes(m.write, w, me)
		if !clash && acc != updates {
			other, what, clash = m.update, "was changed atomically", w.b.clashes(m.update, w, me)
		}
		if !clash && acc != reads {
			other, what, clash = m.read, "was read", w.b.clashes(m.read, w, me)
		}
		if clash {
			w.fail(GlobalRace, lane, "%#x %s by %s", s.base+uint64(i*grain), what, w.b.who(w, other))
			return
		}
		now := shadow{epoch: w.b.epoch}
		switch acc {
		case reads:
			m.read = w.b.joined(&now, m.read, w, me)
		case writes:
			m.write = w.b.epoch<<32 | w.epoch<<12 | me
		case updates:
			m.update = w.b.joined(&now, m.update, w, me)
		}
	}
}

// clashes says whether what a mark tells of is not ordered before what a thread of the warp does now.
func (b *block) clashes(m uint64, w *warp, me uint64) bool {
	switch epoch := m >> 32; {
	case epoch < b.launched:
		return false
	case epoch < b.began:
		return true
	}
	now := shadow{epoch: b.epoch}
	return now.clashes(m, w, me)
}

// joined is a mark to which a thread is added; that another block has read stays known.
func (b *block) joined(now *shadow, m uint64, w *warp, me uint64) uint64 {
	if epoch := m >> 32; epoch >= b.launched && epoch < b.began {
		return m
	}
	return now.joined(m, w, me)
}

func (b *block) who(w *warp, m uint64) string {
	if m>>32 < b.began {
		return "a thread of another block"
	}
	now := shadow{}
	return now.who(w, m) + ", with no barrier between"
}
