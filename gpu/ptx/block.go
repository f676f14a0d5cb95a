package ptx

// block is one block of threads that runs. It is used for one block after the other.
type block struct {
	prog       *program
	mem        *Memory
	params     []byte
	grid, dim  Dim
	id         Dim
	shared     []byte
	warps      []*warp
	descending bool
	budget     *int64 // that is left to the launch
	bars       [16]barrier
	mbarriers  map[uint64]*mbarrier // by their addresses
	cluster    *cluster
	rank       int
	shadow     *shadow
	races      bool     // look for those in global memory too
	clock      clock    // of it
	traffic    *Traffic // counts, where somebody asks for it
}

// barrier is one of a block's sixteen.
type barrier struct {
	arrived  int // threads
	expected int // threads that it is for
	votes    int // of a reduction: threads whose predicate is true
}

func newBlock(p *program, l Launch, mem *Memory, globals map[string]uint64, params []byte) *block {
	b := &block{
		prog: p, mem: mem, params: params, grid: l.Grid, dim: l.Block, descending: l.Descending,
		races:   l.Races && p.cluster.count() == 1,
		traffic: l.Traffic,
		shared:  make([]byte, p.dynStart()+l.Shared),
	}
	b.shadow = newShadow(len(b.shared), p.grain)
	threads := int(l.Block.count())
	for id := range (threads + 31) / 32 {
		w := &warp{b: b, id: id, code: p.code, regs: make([]lanes, p.rows), local: make([]byte, 32*p.localSize)}
		w.start = uint32(1<<min(32, threads-32*id) - 1)
		for _, k := range p.constants {
			w.fill(k, globals)
		}
		b.warps = append(b.warps, w)
	}
	return b
}

func (w *warp) fill(k constant, globals map[string]uint64) {
	val := k.val
	if k.global != "" {
		val += globals[k.global]
	}
	if k.dyn {
		val += uint64(w.b.prog.dynStart())
	}
	for i := range w.regs[k.row] {
		w.regs[k.row][i] = val
	}
}

// begin makes everything as it is when a block starts.
func (b *block) begin(id Dim) {
	b.id = id
	b.bars = [16]barrier{}
	b.mbarriers = map[uint64]*mbarrier{}
	clear(b.shared)
	b.step()
	b.clock.block = b.clock.epoch
	b.shadow.begin()
	for _, w := range b.warps {
		w.begin()
	}
}

// step begins a new epoch of the block's shared memory, and of global memory: what was done is known to all its threads.
func (b *block) step() {
	b.shadow.step()
	if b.races {
		b.mem.epoch++
		b.clock.epoch = b.mem.epoch
	}
}

// advance lets every warp go as far as it can, one after the other, until none can go on. It says whether any did.
func (b *block) advance() (moved bool, f *Finding) {
	for again := true; again; {
		again = false
		for i := range b.warps {
			if b.descending {
				i = len(b.warps) - 1 - i
			}
			w := b.warps[i]
			if w.ready() {
				again, moved = true, true
				w.run()
				if w.finding != nil {
					return true, w.finding
				}
			}
		}
		again = b.release() || again
	}
	return moved, nil
}

// release lets those go on whose barrier is complete.
func (b *block) release() (any bool) {
	for n := range b.bars {
		bar := &b.bars[n]
		if bar.arrived == 0 || bar.arrived < bar.expected {
			continue
		}
		for _, w := range b.warps {
			w.leave(n, bar)
		}
		*bar = barrier{}
		b.step()
		any = true
	}
	return any
}

// stuck says who waits for whom, if anybody waits.
func (b *block) stuck() *Finding {
	for _, w := range b.warps {
		if len(w.groups) == 0 {
			continue
		}
		g := w.groups[0]
		lane := first(g.mask)
		switch g.state {
		case atBarrier:
			bar := b.bars[w.code[g.pc].bar.number(w, lane)]
			return w.failure(Divergence, g.pc, lane, "%d of %d threads come to the barrier; %s", bar.arrived, bar.expected, b.others(w, g))
		case atCluster, atPhase:
			return w.failure(Divergence, g.pc, lane, "it waits for ever: nobody is left who could end it; %s", b.others(w, g))
		}
		return w.failure(Divergence, g.pc, lane, "lanes %#x of the warp come here, the others do not; %s", g.mask, b.others(w, g))
	}
	return nil
}

// others names one thread that is not where the group is.
func (b *block) others(w *warp, g group) string {
	for _, o := range b.warps {
		for _, h := range o.groups {
			if o != w || h.pc != g.pc {
				if o.code[h.pc].line != w.code[g.pc].line {
					return "thread " + o.thread(first(h.mask)).String() + " waits at line " + itoa(o.code[h.pc].line)
				}
			}
		}
		if gone := o.start &^ o.live(); gone != 0 {
			return "thread " + o.thread(first(gone)).String() + " has ended"
		}
	}
	return "no other thread waits elsewhere"
}
