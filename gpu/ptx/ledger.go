package ptx

// ledger has the marks of an allocation, as shadow those of shared memory. Pages of it are made when they are needed.
type ledger struct {
	grain int
	pages map[int]*[1024]mark
}

// noteGlobal checks an access of global memory and remembers it.
func (w *warp) noteGlobal(s *span, acc access, off, n, lane int) {
	grain := w.b.prog.globalGrain
	if s.ledger.grain != grain {
		s.ledger = ledger{grain: grain, pages: map[int]*[1024]mark{}}
	}
	me := w.me(lane)
	for i := off / grain; i < (off+n+grain-1)/grain; i++ {
		page := s.ledger.pages[i/1024]
		if page == nil {
			page = new([1024]mark)
			s.ledger.pages[i/1024] = page
		}
		m := &page[i%1024]
		if clash := w.b.clock.clash(m, acc, w, me); clash != "" {
			w.fail(GlobalRace, lane, "%#x %s", s.base+uint64(i*grain), clash)
			return
		}
		w.b.clock.note(m, acc, w, me)
	}
}
