package ptx

// mbarrier is one in shared memory: threads arrive, and bytes that were announced; when none is missing its phase ends and the next begins.
type mbarrier struct {
	expected, pending int
	bytes             int // announced and not come
	phase             uint64
}

// mbarrierAt finds the mbarrier at an address of the cluster's shared memory.
func (w *warp) mbarrierAt(addr uint64, lane int) (*block, *mbarrier) {
	b, at := w.b.peer(addr)
	if b == nil {
		w.fail(OutOfBounds, lane, "%#x is in no block of the cluster", addr)
		return nil, nil
	}
	p := b.mbarriers[at]
	if p == nil {
		w.fail(OutOfBounds, lane, "there is no mbarrier at %#x", addr)
	}
	return b, p
}

// settle ends the phase if nothing is missing. Who waits may see everything that was done before.
func (b *block) settle(p *mbarrier) {
	if p.pending == 0 && p.bytes == 0 {
		p.phase++
		p.pending = p.expected
		for _, o := range b.cluster.blocks {
			o.step()
		}
		b.wake(atPhase)
	}
}

func (w *warp) arriveAt(addr uint64, lane, count, bytes int) (phase uint64) {
	b, p := w.mbarrierAt(addr, lane)
	if p == nil {
		return 0
	}
	phase = p.phase
	p.bytes += bytes
	if p.pending -= count; p.pending < 0 {
		w.fail(Divergence, lane, "more arrive at the mbarrier at %#x than it is for", addr)
		return 0
	}
	b.settle(p)
	return phase
}

func (d *decoder) mbarrier() {
	op := d.oneOf("init", "inval", "arrive", "arrive_drop", "test_wait", "try_wait", "expect_tx", "complete_tx")
	parity, expect := d.take("parity"), false
	if op == "arrive" {
		expect = d.take("expect_tx")
	}
	d.hints()
	sp := d.space()
	if t := d.typ(); t != types["b64"] || sp != sharedSpace && sp != clusterSpace {
		d.fail("not of this type")
		return
	}
	switch op {
	case "init":
		d.mbarrierInit(sp)
	case "arrive":
		d.mbarrierArrive(sp, expect)
	case "test_wait", "try_wait":
		d.mbarrierWait(sp, parity, op == "try_wait")
	case "expect_tx", "complete_tx":
		l, n := d.memory(d.arg(0), sp), d.src(1, types["u32"])
		sign := 1
		if op == "complete_tx" {
			sign = -1
		}
		d.count(2)
		d.lanes(func(w *warp, lane int) { w.arriveAt(w.addr(l, lane), lane, 0, sign*int(w.regs[n][lane])) })
	case "inval":
		l := d.memory(d.arg(0), sp)
		d.count(1)
		d.lanes(func(w *warp, lane int) { delete(w.b.mbarriers, w.addr(l, lane)) })
	default:
		d.fail("what it does is not known")
	}
}

func (d *decoder) mbarrierInit(sp space) {
	if !d.count(2) {
		return
	}
	l, n := d.memory(d.arg(0), sp), d.src(1, types["u32"])
	d.lanes(func(w *warp, lane int) {
		addr, n := w.addr(l, lane), int(w.regs[n][lane])
		if n == 0 || n >= 1<<20 {
			w.fail(Divergence, lane, "an mbarrier for %d threads", n)
			return
		}
		if w.at(sharedSpace, reservation, addr, 8, lane) != nil {
			w.b.mbarriers[addr] = &mbarrier{expected: n, pending: n}
		}
	})
}

func (d *decoder) mbarrierArrive(sp space, expect bool) {
	args := len(d.in.args)
	if args < 2 || args > 3 || expect && args != 3 {
		d.fail("%d operands", args)
		return
	}
	token := d.wanted(d.arg(0), types["b64"])
	l := d.memory(d.arg(1), sp)
	n := d.fr.c.constant(constant{val: 1})
	if args == 3 {
		n = d.src(2, types["u32"])
	}
	d.lanes(func(w *warp, lane int) {
		count, bytes := int(w.regs[n][lane]), 0
		if expect {
			count, bytes = 1, count
		}
		w.regs[token][lane] = w.arriveAt(w.addr(l, lane), lane, count, bytes)
	})
}

// mbarrierWait is test_wait and try_wait. What is tried waits here until the phase has ended: it may take as long as it likes.
func (d *decoder) mbarrierWait(sp space, parity, try bool) {
	if args := len(d.in.args); args < 3 || args > 4 {
		d.fail("%d operands", args)
		return
	}
	p := d.dst(0, types["pred"])
	l := d.memory(d.arg(1), sp)
	of := types["b64"]
	if parity {
		of = types["u32"]
	}
	want := d.src(2, of)
	d.out.flow = flowWait
	d.out.wait = func(w *warp, m uint32) (done uint32, state groupState) {
		for rest := m; rest != 0; rest &= rest - 1 {
			lane := first(rest)
			_, ph := w.mbarrierAt(w.addr(l, lane), lane)
			if ph == nil {
				return 0, atPhase
			}
			if parity && ph.phase&1 != w.regs[want][lane]&1 || !parity && ph.phase > w.regs[want][lane] {
				done |= 1 << lane
			}
		}
		w.set(p, done, 1)
		if try {
			return done, atPhase
		}
		w.set(p, m&^done, 0)
		return done, yielded
	}
}
