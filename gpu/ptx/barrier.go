package ptx

import "math/bits"

// barrierOp is what an instruction does with a barrier of the block.
type barrierOp struct {
	id     row
	count  row // threads that take part; -1: all of the block
	arrive bool
	reduce string // popc, and, or
	dst    row
	pred   row
	not    bool
}

func (op *barrierOp) number(w *warp, lane int) int { return int(w.regs[op.id][lane] & 15) }

// arrive counts a group at a barrier, where it waits unless it only arrives.
func (w *warp) arrive(in *instr, g group) {
	lane := first(g.mask)
	if n := w.regs[in.bar.id][lane]; n > 15 {
		w.fail(Divergence, lane, "barrier %d; there are 16", n)
		return
	}
	bar := &w.b.bars[in.bar.number(w, lane)]
	expected := int(w.b.dim.count())
	if in.bar.count >= 0 {
		expected = int(w.regs[in.bar.count][lane])
	}
	if bar.arrived > 0 && bar.expected != expected {
		w.fail(Divergence, lane, "a barrier for %d threads, for %d by others", expected, bar.expected)
		return
	}
	bar.expected = expected
	bar.arrived += bits.OnesCount32(g.mask)
	if in.bar.reduce != "" {
		bar.votes += bits.OnesCount32(g.mask & w.holds(in.bar.pred, in.bar.not))
	}
	if bar.arrived > expected {
		w.fail(Divergence, lane, "%d threads come to a barrier for %d", bar.arrived, expected)
		return
	}
	g.state = atBarrier
	if in.bar.arrive {
		g.pc, g.state = g.pc+1, canRun
	}
	w.put(g)
}

// leave lets the groups go on that wait at a barrier.
func (w *warp) leave(n int, bar *barrier) {
	for i := range w.groups {
		g := &w.groups[i]
		if g.state != atBarrier {
			continue
		}
		in := &w.code[g.pc]
		if in.bar.number(w, first(g.mask)) != n {
			continue
		}
		if in.bar.reduce != "" {
			w.set(in.bar.dst, g.mask, bar.result(in.bar.reduce))
		}
		g.state = canRun
		g.pc++
	}
}

func (bar *barrier) result(reduce string) uint64 {
	switch reduce {
	case "popc":
		return uint64(bar.votes)
	case "and":
		return truth(bar.votes == bar.expected)
	}
	return truth(bar.votes > 0)
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// set gives lanes of a row one value.
func (w *warp) set(r row, m uint32, val uint64) {
	for d := &w.regs[r]; m != 0; m &= m - 1 {
		d[first(m)] = val
	}
}
