package ptx

import (
	"encoding/binary"
	"math"
)

// tensorMap is what the copy engine is told of a tensor, and the boxes that it copies. Sizes are in elements, strides in bytes, the
// innermost dimension first.
type tensorMap struct {
	address uint64
	element int // bytes
	dims    []uint64
	strides []uint64 // of all dimensions but the first
	box     []uint32 // what they cover
	every   []uint32 // of which one in so many is copied; 1: each. Along the innermost dimension each is
	swizzle int      // 0, 32, 64 or 128 bytes
}

// mapMagic begins a map as kernels get it, by value, in 128 bytes. A driver has a form of its own.
const mapMagic = 0x70616d74

// count is how many elements a box has along a dimension.
func (t tensorMap) count(i int) uint32 {
	if i == 0 {
		return t.box[0]
	}
	return (t.box[i] + t.every[i] - 1) / t.every[i]
}

func parseMap(p []byte) (t tensorMap, ok bool) {
	rank := int(p[4])
	if binary.LittleEndian.Uint32(p) != mapMagic || rank < 1 || rank > 5 {
		return t, false
	}
	t = tensorMap{address: binary.LittleEndian.Uint64(p[8:]), element: int(p[5]), swizzle: int(p[6])}
	for i := range rank {
		q := p[16+16*i:]
		t.dims = append(t.dims, uint64(binary.LittleEndian.Uint32(q))+1)
		t.box = append(t.box, binary.LittleEndian.Uint32(q[4:]))
		t.every = append(t.every, uint32(p[96+i]))
		if i > 0 {
			t.strides = append(t.strides, binary.LittleEndian.Uint64(q[8:]))
		}
	}
	return t, true
}

// valid says whether a driver would take it.
func (t tensorMap) valid() bool {
	ok := t.address%16 == 0
	for i, d := range t.dims {
		ok = ok && d >= 1 && d <= 1<<32 && t.box[i] >= 1 && t.box[i] <= 256 && t.every[i] >= 1 && t.every[i] <= 8
	}
	for _, s := range t.strides {
		ok = ok && s%16 == 0 && s < 1<<40
	}
	switch inner := int(t.box[0]) * t.element; t.swizzle {
	case 0:
		ok = ok && inner%16 == 0
	case 32, 64, 128:
		ok = ok && inner%16 == 0 && inner <= t.swizzle
	default:
		return false
	}
	return ok
}

func (t tensorMap) boxBytes() int {
	n := t.element
	for i := range t.box {
		n *= int(t.count(i))
	}
	return n
}

// bulkCopy is a box on its way to shared memory.
type bulkCopy struct {
	w        *warp
	pc, lane int
	to       []*block
	at, bar  uint64 // within the blocks
	m        tensorMap
	x        []int32
}

// bulkTensor is cp.async.bulk.tensor into shared memory.
func (d *decoder) bulkTensor() {
	rank := map[string]int{"1d": 1, "2d": 2, "3d": 3, "4d": 4, "5d": 5}[d.oneOf("1d", "2d", "3d", "4d", "5d")]
	d.take("tile")
	form := d.take("global") && d.take("mbarrier::complete_tx::bytes") && (d.take("shared::cluster") || d.take("shared::cta"))
	cast := d.take("multicast::cluster")
	d.hints()
	args := d.in.args
	if !form || rank == 0 || len(args) != 3+int(truth(cast)) || args[1].kind != opMemory || len(args[1].list) != 2 || len(args[1].list[1].list) != rank {
		d.fail("not of this form")
		return
	}
	to, bar := d.memory(args[0], clusterSpace), d.memory(args[2], clusterSpace)
	where := args[1]
	coords := d.rows(where.list[1], rank, types["s32"])
	where.list = where.list[:1]
	desc := d.memory(where, generic)
	var mask row
	if cast {
		mask = d.source(args[3], types["u16"], typ.takes)
	}
	d.grain(sharedSpace, 16)
	d.grain(global, 16)
	d.lanes(func(w *warp, lane int) {
		c := bulkCopy{w: w, pc: w.pc, lane: lane}
		p := w.bytes(w.addr(desc, lane), 128, lane)
		if p == nil {
			return
		}
		ok := false
		if c.m, ok = parseMap(p); !ok || len(c.m.dims) != rank || !c.m.valid() {
			w.fail(BadLaunch, lane, "what is at %#x is no map of a tensor of rank %d", w.regs[desc.base][lane], rank)
			return
		}
		for _, r := range coords {
			c.x = append(c.x, int32(w.regs[r][lane]))
		}
		var own *block
		own, c.at = w.b.peer(w.addr(to, lane))
		_, c.bar = w.b.peer(w.addr(bar, lane))
		c.to = []*block{own}
		if cast {
			c.to = w.b.cluster.named(w.regs[mask][lane])
		}
		w.launchBulk(c)
	})
}

// named are the blocks of a mask; a bit for none gives nil.
func (c *cluster) named(mask uint64) (list []*block) {
	for rank := range 16 {
		switch {
		case mask>>rank&1 == 0:
		case rank >= len(c.blocks):
			list = append(list, nil)
		default:
			list = append(list, c.blocks[rank])
		}
	}
	return list
}

// bytes reads from a generic address what only the copy engine reads.
func (w *warp) bytes(addr uint64, n, lane int) []byte {
	if addr%64 != 0 {
		w.fail(Misaligned, lane, "a map at %#x", addr)
		return nil
	}
	sp, at := narrowAddress(addr)
	if sp == paramSpace && at+uint64(n) <= uint64(len(w.b.params)) {
		return w.b.params[at:][:n]
	}
	return w.global(global, reads, addr, uint64(n), lane)
}

// launchBulk checks a copy and puts it on its way.
func (w *warp) launchBulk(c bulkCopy) {
	n := c.m.boxBytes()
	for _, b := range c.to {
		switch {
		case b == nil || c.at < sharedBase || c.at-sharedBase+uint64(n) > uint64(len(b.shared)):
			w.fail(OutOfBounds, c.lane, "a box of %d bytes does not lie in shared memory", n)
			return
		case c.at%128 != 0:
			w.fail(Misaligned, c.lane, "a box at %#x", c.at)
			return
		case b.mbarriers[c.bar] == nil:
			w.fail(OutOfBounds, c.lane, "there is no mbarrier at %#x", c.bar)
			return
		}
		off := int(c.at - sharedBase)
		b.shadow.note(w, writes, off, n, c.lane)
		b.shadow.copying(off, n, w.id*32+c.lane)
	}
	if w.finding == nil {
		w.b.cluster.bulk = append(w.b.cluster.bulk, c)
		if w.b.descending {
			w.finding = w.b.cluster.deliver()
		}
	}
}

// deliver brings the oldest of the boxes on their way.
func (c *cluster) deliver() *Finding {
	next := c.bulk[0]
	c.bulk = c.bulk[1:]
	box := next.gather(c.mem)
	if box == nil {
		return next.w.failure(OutOfBounds, next.pc, next.lane, "the tensor at %#x does not lie in one allocation", next.m.address)
	}
	for _, b := range next.to {
		off := int(next.at - sharedBase)
		b.shadow.copying(off, len(box), -1)
		for i := 0; i < len(box); i += 16 {
			copy(b.shared[swizzled(off+i, next.m.swizzle):], box[i:min(i+16, len(box))])
		}
		p := b.mbarriers[next.bar]
		if p == nil {
			return next.w.failure(OutOfBounds, next.pc, next.lane, "the mbarrier at %#x is gone", next.bar)
		}
		p.bytes -= len(box)
		b.settle(p)
	}
	return nil
}

// swizzled is where the 16 bytes at an offset of shared memory lie: which of a line depends on the line. Offsets here are those of
// addresses, as the shared memory starts at a multiple of 1,024.
func swizzled(off, width int) int {
	switch width {
	case 128:
		return off ^ off>>7&7<<4
	case 64:
		return off ^ off>>7&3<<4
	case 32:
		return off ^ off>>7&1<<4
	}
	return off
}

// gather reads a box, with zeros for what is outside of the tensor; nil where the tensor is not in memory.
func (c *bulkCopy) gather(mem *Memory) []byte {
	out := make([]byte, 0, c.m.boxBytes())
	line := int(c.m.box[0]) * c.m.element
	index := make([]uint32, len(c.m.dims))
	for {
		addr, inside := c.m.address, true
		for i := 1; i < len(index); i++ {
			x := int64(c.x[i]) + int64(index[i])*int64(c.m.every[i])
			inside = inside && x >= 0 && uint64(x) < c.m.dims[i]
			addr += uint64(x) * c.m.strides[i-1]
		}
		row := make([]byte, line)
		if first, end := max(int64(c.x[0]), 0), min(int64(c.x[0])+int64(c.m.box[0]), int64(min(c.m.dims[0], math.MaxInt32))); inside && first < end {
			p := mem.Bytes(addr+uint64(first)*uint64(c.m.element), int(end-first)*c.m.element)
			if p == nil {
				return nil
			}
			copy(row[(first-int64(c.x[0]))*int64(c.m.element):], p)
		}
		out = append(out, row...)
		i := 1
		for ; i < len(index); i++ {
			if index[i]++; index[i] < c.m.count(i) {
				break
			}
			index[i] = 0
		}
		if i >= len(index) {
			return out
		}
	}
}
