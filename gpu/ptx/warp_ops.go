package ptx

var warpOps = map[string]func(d *decoder){
	"shfl":       (*decoder).shuffle,
	"vote":       (*decoder).vote,
	"match":      (*decoder).match,
	"redux":      (*decoder).reduce,
	"activemask": (*decoder).activeMask,
	"elect":      (*decoder).elect,
}

// members makes the instruction wait for the lanes that the operand names, of those that exist.
func (d *decoder) members(i int) {
	mask := d.src(i, types["b32"])
	d.out.flow = flowTogether
	d.out.need = func(w *warp, m uint32) uint32 {
		lane := first(m)
		want := uint32(w.regs[mask][lane]) & w.start
		if want>>lane&1 == 0 {
			w.fail(Divergence, lane, "the lane is not in its own mask %#x", w.regs[mask][lane])
		}
		for rest := want & m; rest != 0; rest &= rest - 1 {
			if i := first(rest); w.regs[mask][i] != w.regs[mask][lane] {
				w.fail(Divergence, i, "mask %#x, and %#x in another lane", w.regs[mask][i], w.regs[mask][lane])
			}
		}
		return want
	}
}

func (d *decoder) warpBarrier() {
	if d.count(1) {
		d.members(0)
		d.out.run = func(w *warp, m uint32) { w.synced() }
	}
}

// shuffle gives each lane the value of another; a second destination says whether that is one within its segment.
func (d *decoder) shuffle() {
	d.take("sync")
	mode := d.oneOf("up", "down", "bfly", "idx")
	t := d.typ()
	if t != types["b32"] || mode == "" || !d.count(5) {
		d.fail("not of this type")
		return
	}
	dst, ok := d.pair(t)
	a, b, c := d.src(1, t), d.src(2, types["u32"]), d.src(3, types["u32"])
	d.members(4)
	d.out.run = func(w *warp, m uint32) {
		from := w.regs[a]
		for rest := m; rest != 0; rest &= rest - 1 {
			lane := first(rest)
			src, in := source(mode, lane, int(w.regs[b][lane]&31), w.regs[c][lane])
			if m>>src&1 == 0 {
				w.fail(Divergence, lane, "it takes the value of lane %d, which does not take part", src)
				return
			}
			w.regs[dst][lane] = from[src]
			if ok != 0 {
				w.regs[ok][lane] = truth(in)
			}
		}
	}
}

// source is the lane that a shuffle takes a value from: its own where the other is out of the segment.
func source(mode string, lane, by int, c uint64) (src int, in bool) {
	segment, clamp := int(c>>8&31), int(c&31)
	most := lane&segment | clamp&^segment
	switch mode {
	case "up":
		src = lane - by
		in = src >= most
	case "down":
		src = lane + by
		in = src <= most
	case "bfly":
		src = lane ^ by
		in = src <= most
	default:
		src = lane&segment | by&^segment
		in = src <= most
	}
	if !in {
		src = lane
	}
	return src, in
}

func (d *decoder) vote() {
	d.take("sync")
	mode := d.oneOf("ballot", "all", "any", "uni")
	t := d.typ()
	if mode == "" || !d.count(3) || (mode == "ballot") != (t == types["b32"]) || mode != "ballot" && t.kind != predicate {
		d.fail("it does not say for what")
		return
	}
	dst := d.dst(0, t)
	p, not := d.predicate(1)
	d.members(2)
	d.out.run = func(w *warp, m uint32) {
		yes := w.holds(p, not) & m
		switch mode {
		case "ballot":
			w.set(dst, m, uint64(yes))
		case "all":
			w.set(dst, m, truth(yes == m))
		case "any":
			w.set(dst, m, truth(yes != 0))
		default:
			w.set(dst, m, truth(yes == m || yes == 0))
		}
	}
}

func (d *decoder) match() {
	d.take("sync")
	all := d.oneOf("any", "all") == "all"
	t := d.only("b32", "b64")
	if !d.count(3) {
		return
	}
	dst, ok := d.pair(types["b32"])
	a := d.src(1, t)
	d.members(2)
	d.out.run = func(w *warp, m uint32) {
		for rest := m; rest != 0; rest &= rest - 1 {
			lane, same := first(rest), uint32(0)
			for other := m; other != 0; other &= other - 1 {
				if i := first(other); w.regs[a][i] == w.regs[a][lane] {
					same |= 1 << i
				}
			}
			if all && same != m {
				same = 0
			}
			w.regs[dst][lane] = uint64(same)
			w.regs[ok][lane] = truth(same != 0)
		}
	}
}

func (d *decoder) reduce() {
	d.take("sync")
	op := d.oneOf("add", "min", "max", "and", "or", "xor")
	t := d.typ()
	f := atomicOp(op, t)
	if t.size != 4 || t.floating() || f == nil || !d.count(3) {
		d.fail("not of this type")
		return
	}
	dst, a := d.dst(0, t), d.src(1, t)
	d.members(2)
	d.out.run = func(w *warp, m uint32) {
		x := w.regs[a][first(m)]
		for rest := m & (m - 1); rest != 0; rest &= rest - 1 {
			x = f(x, w.regs[a][first(rest)], 0)
		}
		w.set(dst, m, x)
	}
}

func (d *decoder) activeMask() {
	t := d.only("b32")
	d.count(1)
	dst := d.dst(0, t)
	d.out.run = func(w *warp, m uint32) { w.set(dst, m, uint64(m)) }
}

func (d *decoder) elect() {
	d.take("sync")
	if d.arg(0).kind != opPair || !d.count(2) {
		d.fail("operands are missing")
		return
	}
	dst, p := d.pair(types["b32"])
	d.members(1)
	d.out.run = func(w *warp, m uint32) {
		w.set(dst, m, uint64(first(m)))
		w.set(p, m, 0)
		w.set(p, 1<<first(m), 1)
	}
}
