package ptx

import (
	"encoding/binary"
	"math"
)

// TensorMap is what the copy engine is told of a tensor, and the boxes that it copies. Sizes are in elements, strides in bytes, the
// innermost dimension first.
type TensorMap struct {
	Address uint64
	Element int // bytes
	Dims    []uint64
	Strides []uint64 // of all dimensions but the first
	Box     []uint32 // what they cover
	Every   []uint32 // of which one in so many is copied; nil: each. Along the innermost dimension each is
	Swizzle int      // 0, 32, 64 or 128 bytes
}

const mapMagic = 0x70616d74

// Bytes is the map as kernels get it here, by value: 128 bytes. A driver has a form of its own.
func (t TensorMap) Bytes() []byte {
	p := binary.LittleEndian.AppendUint32(nil, mapMagic)
	p = append(p, byte(len(t.Dims)), byte(t.Element), byte(t.Swizzle), 0)
	p = binary.LittleEndian.AppendUint64(p, t.Address)
	for i := range 5 {
		dim, stride, box := uint64(1), uint64(0), uint32(0)
		if i < len(t.Dims) {
			dim, box = t.Dims[i], t.Box[i]
		}
		if i > 0 && i < len(t.Dims) {
			stride = t.Strides[i-1]
		}
		p = binary.LittleEndian.AppendUint32(p, uint32(dim-1))
		p = binary.LittleEndian.AppendUint32(p, box)
		p = binary.LittleEndian.AppendUint64(p, stride)
	}
	for i := range 5 {
		p = append(p, byte(t.every(i)))
	}
	return append(p, make([]byte, 128-len(p))...)
}

func (t TensorMap) every(i int) uint32 {
	if i >= len(t.Every) {
		return 1
	}
	return t.Every[i]
}

// count is how many elements a box has along a dimension.
func (t TensorMap) count(i int) uint32 {
	if i == 0 {
		return t.Box[0]
	}
	return (t.Box[i] + t.every(i) - 1) / t.every(i)
}

func parseMap(p []byte) (t TensorMap, ok bool) {
	rank := int(p[4])
	if binary.LittleEndian.Uint32(p) != mapMagic || rank < 1 || rank > 5 {
		return t, false
	}
	t = TensorMap{Address: binary.LittleEndian.Uint64(p[8:]), Element: int(p[5]), Swizzle: int(p[6])}
	for i := range rank {
		q := p[16+16*i:]
		t.Dims = append(t.Dims, uint64(binary.LittleEndian.Uint32(q))+1)
		t.Box = append(t.Box, binary.LittleEndian.Uint32(q[4:]))
		t.Every = append(t.Every, uint32(p[96+i]))
		if i > 0 {
			t.Strides = append(t.Strides, binary.LittleEndian.Uint64(q[8:]))
		}
	}
	return t, true
}

// Check says what a driver would refuse.
func (t TensorMap) Check() bool {
	ok := len(t.Dims) >= 1 && len(t.Dims) <= 5 && len(t.Box) == len(t.Dims) && len(t.Strides) == len(t.Dims)-1 && t.Address%16 == 0
	for i, d := range t.Dims {
		ok = ok && d >= 1 && d <= 1<<32 && t.Box[i] >= 1 && t.Box[i] <= 256 && t.every(i) >= 1 && t.every(i) <= 8
	}
	for _, s := range t.Strides {
		ok = ok && s%16 == 0 && s < 1<<40
	}
	switch inner := int(t.Box[0]) * t.Element; t.Swizzle {
	case 0:
		ok = ok && inner%16 == 0
	case 32, 64, 128:
		ok = ok && inner%16 == 0 && inner <= t.Swizzle
	default:
		return false
	}
	return ok
}

func (t TensorMap) boxBytes() int {
	n := t.Element
	for i := range t.Box {
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
	m        TensorMap
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
		p := w.bytes(w.regs[desc.base][lane]+desc.off, 128, lane)
		if p == nil {
			return
		}
		ok := false
		if c.m, ok = parseMap(p); !ok || len(c.m.Dims) != rank || !c.m.Check() {
			w.fail(BadLaunch, lane, "what is at %#x is no map of a tensor of rank %d", w.regs[desc.base][lane], rank)
			return
		}
		for _, r := range coords {
			c.x = append(c.x, int32(w.regs[r][lane]))
		}
		var own *block
		own, c.at = w.b.peer(w.regs[to.base][lane] + to.off)
		_, c.bar = w.b.peer(w.regs[bar.base][lane] + bar.off)
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
		case b.phasers[c.bar] == nil:
			w.fail(OutOfBounds, c.lane, "there is no mbarrier at %#x", c.bar)
			return
		}
		off := int(c.at - sharedBase)
		b.shadow.noteBulk(w, writes, off, n, c.lane)
		b.shadow.begin(off, n, w.id*32+c.lane)
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
		return next.w.failure(OutOfBounds, next.pc, next.lane, "the tensor at %#x does not lie in one allocation", next.m.Address)
	}
	for _, b := range next.to {
		off := int(next.at - sharedBase)
		b.shadow.end(off, len(box))
		for i := 0; i < len(box); i += 16 {
			copy(b.shared[swizzled(off+i, next.m.Swizzle):], box[i:min(i+16, len(box))])
		}
		p := b.phasers[next.bar]
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
	line := int(c.m.Box[0]) * c.m.Element
	index := make([]uint32, len(c.m.Dims))
	for {
		addr, inside := c.m.Address, true
		for i := 1; i < len(index); i++ {
			x := int64(c.x[i]) + int64(index[i])*int64(c.m.every(i))
			inside = inside && x >= 0 && uint64(x) < c.m.Dims[i]
			addr += uint64(x) * c.m.Strides[i-1]
		}
		row := make([]byte, line)
		if first, end := max(int64(c.x[0]), 0), min(int64(c.x[0])+int64(c.m.Box[0]), int64(min(c.m.Dims[0], math.MaxInt32))); inside && first < end {
			p := mem.Bytes(addr+uint64(first)*uint64(c.m.Element), int(end-first)*c.m.Element)
			if p == nil {
				return nil
			}
			copy(row[(first-int64(c.x[0]))*int64(c.m.Element):], p)
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
