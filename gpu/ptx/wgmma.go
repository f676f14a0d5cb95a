package ptx

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// groupProduct is one wgmma: the products of the 16 rows of a warp that have not been waited for.
type groupProduct struct {
	a, b         typ
	dst          []row
	descA, descB uint64
	regA         [32][4]uint64
	inRegs       bool
	add, tA, tB  bool
	signA, signB float64
	n, group     int
}

// wgmma is D = A B + D for 64 rows, 16 of each warp of four, with operands in shared memory. Everything happens as late as it may: at the
// wait; until then the sums are NaNs.
func (d *decoder) wgmma() {
	op := d.oneOf("fence", "mma_async", "commit_group", "wait_group")
	if !d.take("sync") || !d.take("aligned") {
		d.fail("not of this form")
		return
	}
	d.out.flow = flowTogether
	switch op {
	case "fence":
		d.count(0)
		d.out.run = func(*warp, uint32) {}
	case "commit_group":
		d.count(0)
		d.out.run = func(w *warp, _ uint32) {
			w.products.groups++
			w.b.wake(atPhase)
		}
	case "wait_group":
		o := d.arg(0)
		if d.count(1); o.kind != opImmediate {
			d.fail("the number of groups is not known")
		}
		d.out.wait = func(w *warp, m uint32) (uint32, groupState) {
			if !w.multiply(w.products.groups - int(o.imm)) {
				return 0, atPhase
			}
			return m, canRun
		}
	default:
		d.beginProduct()
	}
}

func (d *decoder) beginProduct() {
	n := 0
	for i, mod := range d.mods {
		if text, ok := strings.CutPrefix(mod, "m64n"); ok && strings.HasSuffix(text, "k16") {
			n, _ = strconv.Atoi(strings.TrimSuffix(text, "k16"))
			d.mods = append(d.mods[:i:i], d.mods[i+1:]...)
			break
		}
	}
	to, a, b := d.typ(), d.typ(), d.typ()
	if n == 0 || n > 256 || n%8 != 0 || to != types["f32"] || a != b || a.size != 2 {
		d.fail("not of this type")
		return
	}
	p := groupProduct{a: a, b: b, n: n, dst: d.rows(d.arg(0), n/2, to), inRegs: d.arg(1).kind == opVector}
	want := 8 - int(truth(p.inRegs))
	if !d.count(want) {
		return
	}
	var ra []row
	if p.inRegs {
		ra = d.rows(d.arg(1), 4, types["b32"])
	} else {
		ra = []row{d.src(1, types["b64"])}
	}
	rb := d.src(2, types["b64"])
	add, turned := d.predicate(3)
	not := truth(turned)
	imm := make([]int64, 0, 4)
	for i := 4; i < want; i++ {
		imm = append(imm, int64(d.arg(i).imm))
	}
	p.signA, p.signB = float64(imm[0]), float64(imm[1])
	if !p.inRegs {
		p.tA = imm[2] == 1
	}
	p.tB = imm[len(imm)-1] == 1
	d.grain(sharedSpace, 16)
	d.out.run = func(w *warp, _ uint32) {
		p := p
		p.group, p.add = w.products.groups, w.regs[add][0]&1 != not
		if p.descB = w.regs[rb][0]; !p.inRegs {
			p.descA = w.regs[ra[0]][0]
		} else {
			for lane := range 32 {
				for i, r := range ra {
					p.regA[lane][i] = w.regs[r][lane]
				}
			}
		}
		w.products.begin(w, p)
	}
}

// products are those that a warp has begun, and their sums, which nobody may read yet.
type products struct {
	list   []groupProduct
	groups int
	sums   map[row]lanes
}

func (ps *products) begin(w *warp, p groupProduct) {
	ps.list = append(ps.list, p)
	for _, r := range p.dst {
		if _, ok := ps.sums[r]; !ok {
			ps.sums[r] = w.regs[r]
			w.set(r, allLanes, 0x7fffdead)
		}
	}
}

// multiply does the products of the groups before the one with the number, of all four warps: they are one operation, and what one of
// them has waited for is done for all. It is false where one has not come so far.
func (w *warp) multiply(before int) bool {
	from := w.id &^ 3
	if from+4 > len(w.b.warps) {
		w.fail(Divergence, 0, "a wgmma takes four warps")
		return true
	}
	for _, v := range w.b.warps[from : from+4] {
		if v.products.groups < before {
			return false
		}
	}
	for _, v := range w.b.warps[from : from+4] {
		ps := &v.products
		for len(ps.list) > 0 && ps.list[0].group < before && v.finding == nil {
			v.product(&ps.list[0])
			ps.list = ps.list[1:]
		}
		if v.finding != nil {
			w.finding = v.finding
		}
	}
	w.products.giveBack(w)
	return true
}

// giveBack writes the sums that nothing is added to any more.
func (ps *products) giveBack(w *warp) {
	busy := map[row]bool{}
	for _, p := range ps.list {
		for _, r := range p.dst {
			busy[r] = true
		}
	}
	for r, sum := range ps.sums {
		if !busy[r] {
			w.regs[r] = sum
			delete(ps.sums, r)
		}
	}
}

func (w *warp) product(p *groupProduct) {
	var x [16][16]float64
	for r := range x {
		for k := range x[r] {
			var v uint64
			if p.inRegs {
				lane, i := r%8*4+k%8/2, r/8+2*(k/8)
				v = p.regA[lane][i] >> (16 * (k % 2)) & 0xffff
			} else {
				v = w.operand(p.descA, 16*(w.id%4)+r, k, p.tA)
			}
			x[r][k] = p.signA * p.a.widen(v)
		}
	}
	for col := range p.n {
		var y [16]float64
		for k := range y {
			y[k] = p.signB * p.b.widen(w.operand(p.descB, col, k, p.tB))
		}
		for r := range x {
			reg, lane := col/8*4+r/8*2+col%2, r%8*4+col%8/2
			sum := w.products.sums[p.dst[reg]]
			s := 0.0
			if p.add {
				s = float64(f32(sum[lane]))
			}
			for k := range y {
				s += float64(x[r][k] * y[k])
			}
			sum[lane] = bits32(float32(s))
			w.products.sums[p.dst[reg]] = sum
		}
	}
}

// operand reads an element of an operand that a descriptor tells of: x across the rows of A or the columns of B, k along both. turned is
// where x runs along memory.
func (w *warp) operand(desc uint64, x, k int, turned bool) uint64 {
	start, lead, stride := int(desc&0x3fff)<<4, int(desc>>16&0x3fff)<<4, int(desc>>32&0x3fff)<<4
	width := [4]int{0, 128, 64, 32}[desc>>62]
	var at int
	switch {
	case width == 0 && !turned:
		at = x/8*stride + x%8*16 + k/8*lead + k%8*2
	case width == 0:
		at = x/8*stride + x%8*2 + k/8*lead + k%8*16
	case !turned:
		at = x/8*stride + x%8*width + k*2
	default:
		at = x/(width/2)*lead + x%(width/2)*2 + k/8*stride + k%8*width
	}
	at = swizzled(start+at, width) - sharedBase
	if at < 0 || at+2 > len(w.b.shared) {
		w.fail(OutOfBounds, 0, "an operand at offset %d of %d bytes of shared memory", at, len(w.b.shared))
		return 0
	}
	if at%16 == 0 || width == 0 {
		w.b.shadow.note(w, reads, at&^15, 16, 0)
	}
	return uint64(binary.LittleEndian.Uint16(w.b.shared[at:]))
}
