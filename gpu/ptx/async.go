package ptx

// copies are those that a warp's lanes have begun and not waited for. What is copied comes to its place as late as it may, so that a
// kernel that does not wait, or waits for too few, reads what was there before.
type copies struct {
	list   []copied
	groups [32]int // how many a lane has committed
}

type copied struct {
	lane, group int
	off, n      int
	data        [16]byte
}

// copyAsync is cp.async from global to shared memory.
func (d *decoder) copyAsync() {
	if !d.take("async") {
		d.fail("not known")
		return
	}
	if d.take("bulk") {
		if d.take("tensor") {
			d.bulkTensor()
		} else {
			d.fail("not known")
		}
		return
	}
	switch d.oneOf("commit_group", "wait_group", "wait_all") {
	case "commit_group":
		d.count(0)
		d.out.run = func(w *warp, m uint32) {
			for ; m != 0; m &= m - 1 {
				w.copies.groups[first(m)]++
			}
		}
	case "wait_group":
		o := d.arg(0)
		if d.count(1); o.kind != opImmediate {
			d.fail("the number of groups is not known")
		}
		d.out.run = func(w *warp, m uint32) { w.await(m, int(o.imm)) }
	case "wait_all":
		d.count(0)
		d.out.run = func(w *warp, m uint32) { w.await(m, -1) }
	default:
		d.beginCopy()
	}
}

func (d *decoder) beginCopy() {
	all := d.take("cg")
	from := d.take("global")
	to := d.take("shared") || d.take("shared::cta")
	d.hints()
	size := d.arg(2)
	n := int(size.imm)
	if args := len(d.in.args); !from || !to || size.kind != opImmediate || n != 16 && (all || n != 4 && n != 8) || args < 3 || args > 4 {
		d.fail("not of this form")
		return
	}
	dst, src := d.memory(d.arg(0), sharedSpace), d.memory(d.arg(1), global)
	count := d.fr.c.constant(constant{val: uint64(n)})
	if len(d.in.args) == 4 {
		count = d.src(3, types["u32"])
	}
	d.grain(sharedSpace, n)
	d.grain(global, n)
	d.lanes(func(w *warp, lane int) {
		w.beginCopy(lane, w.addr(dst, lane), w.addr(src, lane), n, w.regs[count][lane])
	})
}

// beginCopy reads count bytes; the rest of n is zero.
func (w *warp) beginCopy(lane int, to, from uint64, n int, count uint64) {
	c := copied{lane: lane, group: w.copies.groups[lane], off: int(to - sharedBase), n: n}
	switch {
	case count > uint64(n):
		w.fail(OutOfBounds, lane, "%d bytes of %d", count, n)
	case from&uint64(n-1) != 0:
		w.fail(Misaligned, lane, "%d bytes at %#x", n, from)
	case count > 0:
		if p := w.global(global, reads, from, count, lane); p != nil {
			copy(c.data[:], p[:count])
		}
	}
	if w.finding == nil && w.at(sharedSpace, writes, to, n, lane) != nil {
		w.b.shadow.copying(c.off, n, w.id*32+lane)
		w.copies.list = append(w.copies.list, c)
	}
}

// await ends what the lanes have begun, but for their last groups; less than none means what they have not committed too.
func (w *warp) await(m uint32, but int) {
	left, asked := w.copies.list[:0], len(w.asked.shared)
	for _, c := range w.copies.list {
		if m>>c.lane&1 == 0 || c.group >= w.copies.groups[c.lane]-but {
			left = append(left, c)
			continue
		}
		w.b.shadow.copying(c.off, c.n, -1)
		if p := w.at(sharedSpace, writes, sharedBase+uint64(c.off), c.n, c.lane); p != nil {
			copy(p[:c.n], c.data[:c.n])
		}
	}
	w.copies.list, w.asked.shared = left, w.asked.shared[:asked] // they counted when they began
}
