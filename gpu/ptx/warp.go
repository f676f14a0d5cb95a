package ptx

import (
	"math/bits"
	"strconv"
)

const allLanes = 0xffffffff

// lanes are the values of a row, zero above the width of its type.
type lanes [32]uint64

type groupState uint8

const (
	canRun groupState = iota
	parked            // waits for other lanes of its warp
	atBarrier
	atCluster // waits for the barrier of the cluster
	atPhase   // waits for the end of an mbarrier's phase
	yielded   // asked for something that had not come, and lets others go first
)

// group is lanes of a warp that are at the same instruction.
type group struct {
	pc    int
	mask  uint32
	state groupState
}

// warp runs 32 lanes. Those that are furthest behind in the code run first, and lanes that meet go on together.
type warp struct {
	b        *block
	id       int
	code     []instr
	regs     []lanes
	local    []byte
	start    uint32 // the lanes that exist
	groups   []group
	pc       int   // of the instruction that runs
	last     *span // the allocation that was used last
	finding  *Finding
	copies   copies
	products products
	epoch    uint64 // counts its own barriers
	asked    asked  // by the instruction that ran last
}

// first and last are lanes of a mask that is not empty.
func first(m uint32) int { return bits.TrailingZeros32(m) }
func last(m uint32) int  { return 31 - bits.LeadingZeros32(m) }

func itoa(n int) string { return strconv.Itoa(n) }

func (w *warp) begin() {
	w.groups = append(w.groups[:0], group{mask: w.start})
	w.copies = copies{list: w.copies.list[:0]}
	w.products = products{sums: map[row]lanes{}}
	for name, r := range w.b.prog.special {
		value := specials[name]
		for i := range w.regs[r] {
			w.regs[r][i] = value(w, i)
		}
	}
}

func (w *warp) ready() bool {
	for _, g := range w.groups {
		if g.state == canRun {
			return true
		}
	}
	return false
}

// live are the lanes that have not ended.
func (w *warp) live() (m uint32) {
	for _, g := range w.groups {
		m |= g.mask
	}
	return m
}

// pick takes out the group that is furthest behind, and gives the place of the next one: there they may meet.
func (w *warp) pick() (g group, limit int, ok bool) {
	best := -1
	limit = len(w.code)
	for i, h := range w.groups {
		if h.state != canRun {
			continue
		}
		switch {
		case best < 0:
			best = i
		case h.pc < w.groups[best].pc:
			limit = min(limit, w.groups[best].pc)
			best = i
		default:
			limit = min(limit, h.pc)
		}
	}
	if best < 0 {
		return g, 0, false
	}
	g = w.groups[best]
	w.groups = append(w.groups[:best], w.groups[best+1:]...)
	return g, limit, true
}

// put gives a group back; it joins one that is at the same place.
func (w *warp) put(g group) {
	if g.mask == 0 {
		return
	}
	for i := range w.groups {
		if h := &w.groups[i]; h.pc == g.pc && h.state == g.state && g.state != atBarrier {
			h.mask |= g.mask
			return
		}
	}
	w.groups = append(w.groups, g)
}

// run goes on until every lane has ended or waits for another warp.
func (w *warp) run() {
	for w.finding == nil {
		g, limit, ok := w.pick()
		if !ok {
			return
		}
		w.advance(g, limit)
	}
}

// advance runs a group until it comes to the limit, goes back or apart, waits or ends.
func (w *warp) advance(g group, limit int) {
	count := int64(bits.OnesCount32(g.mask))
	for {
		in := &w.code[g.pc]
		m := g.mask
		if in.guard >= 0 {
			m &= w.holds(in.guard, in.not)
		}
		w.pc = g.pc
		if t := w.b.traffic; t != nil {
			t.instruction(w)
		}
		if *w.b.budget -= count; *w.b.budget < 0 {
			w.fail(Budget, first(g.mask), "the launch takes more instructions than it may")
			return
		}
		switch in.flow {
		case flowNext:
			if m != 0 {
				in.run(w, m)
				if w.finding != nil {
					return
				}
			}
			g.pc++
		case flowJump:
			if m != 0 && m != g.mask {
				w.put(group{pc: g.pc + 1, mask: g.mask &^ m})
				w.put(group{pc: in.target, mask: m})
				return
			}
			if g.pc++; m != 0 {
				if g.pc = in.target; limit < len(w.code) { // it may have gone past another group
					w.put(g)
					return
				}
			}
		default:
			w.apart(in, g, m)
			return
		}
		if g.pc >= limit {
			w.put(g)
			return
		}
	}
}

// apart is what takes a group to pieces, or makes it wait.
func (w *warp) apart(in *instr, g group, m uint32) {
	w.put(group{pc: g.pc + 1, mask: g.mask &^ m})
	if m == 0 {
		return
	}
	g.mask = m
	switch in.flow {
	case flowTable:
		for m := m; m != 0; m &= m - 1 {
			lane := first(m)
			i := w.regs[in.index][lane]
			if i >= uint64(len(in.targets)) {
				w.fail(OutOfBounds, lane, "target %d of %d", i, len(in.targets))
				return
			}
			w.put(group{pc: in.targets[i], mask: 1 << lane})
		}
	case flowTogether, flowBarrier:
		w.together(in, g)
	case flowWait:
		done, state := in.wait(w, m)
		w.put(group{pc: g.pc + 1, mask: done})
		if state == yielded {
			g.pc++
		}
		w.put(group{pc: g.pc, mask: m &^ done, state: state})
	}
}

// together runs what lanes do at once if all are there, and makes the group wait otherwise.
func (w *warp) together(in *instr, g group) {
	for i, h := range w.groups {
		if h.pc == g.pc && h.state == parked {
			g.mask |= h.mask
			w.groups = append(w.groups[:i], w.groups[i+1:]...)
			break
		}
	}
	for g.mask != 0 {
		need := w.start
		if in.need != nil {
			need = in.need(w, g.mask)
		}
		if w.finding != nil {
			return
		}
		if need&^g.mask != 0 {
			g.state = parked
			w.put(g)
			return
		}
		part := group{pc: g.pc, mask: need}
		g.mask &^= need
		if in.flow == flowBarrier {
			w.arrive(in, part)
			continue
		}
		if in.wait != nil {
			if done, state := in.wait(w, need); done == 0 {
				part.state = state
				w.put(part)
				continue
			}
		} else {
			in.run(w, need)
		}
		part.pc++
		w.put(part)
	}
}

// holds are the lanes whose predicate is true, or false where not is asked for.
func (w *warp) holds(r row, not bool) (m uint32) {
	p := &w.regs[r]
	for i := range p {
		m |= uint32(p[i]&1) << i
	}
	if not {
		m = ^m
	}
	return m
}
