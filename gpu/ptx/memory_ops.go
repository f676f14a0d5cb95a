package ptx

import (
	"slices"
	"strings"
)

var memoryOps = map[string]func(d *decoder){
	"ld":       (*decoder).load,
	"ldu":      (*decoder).load,
	"st":       (*decoder).store,
	"atom":     func(d *decoder) { d.atomic(true) },
	"red":      func(d *decoder) { d.atomic(false) },
	"prefetch": (*decoder).prefetch,
	"isspacep": (*decoder).isSpace,
	"cp":       (*decoder).copyAsync,
	"mapa":     (*decoder).mapAddress,
}

// hints are what an instruction says of caches, order and scope. Warps run one after the other here, so there is no weaker order.
var hints = []string{
	"ca", "cg", "cs", "cv", "lu", "wb", "wt", "nc", "weak", "volatile", "relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys", "cluster",
}

func (d *decoder) hints() {
	d.mods = slices.DeleteFunc(d.mods, func(mod string) bool {
		return strings.HasPrefix(mod, "L1::") || strings.HasPrefix(mod, "L2::") || slices.Contains(hints, mod)
	})
}

// space takes the address space that the instruction names.
func (d *decoder) space() space {
	for name, sp := range spaces {
		if d.take(name) {
			return sp
		}
	}
	return generic
}

// location is where an instruction goes to in memory.
type location struct {
	space space
	base  row
	off   uint64
}

func (w *warp) addr(l location, lane int) uint64 { return w.regs[l.base][lane] + l.off }

// memory makes a location of an operand in a space.
func (d *decoder) memory(o operand, sp space) location {
	l := location{space: sp, off: o.imm}
	if o.kind != opMemory {
		d.fail("%s is no memory", o)
		return l
	}
	if len(o.list) == 0 {
		l.base = d.fr.c.constant(constant{})
		return l
	}
	base := o.list[0]
	if base.kind == opRegister {
		l.base = d.fr.base + row(base.reg)
		r := d.fr.f.regs[base.reg]
		if r.floating() || r.size != 8 && (r.size != 4 || sp == global || sp == generic) {
			d.fail("%s is no register for an address", base.name)
		}
		if sp == paramSpace && d.fr.up != nil {
			l.space = localSpace
		}
		return l
	}
	pl, ok := d.fr.symbol(base)
	if !ok {
		d.fail("%s is not known", base.name)
		return l
	}
	l.base = d.fr.c.address(pl)
	if !slices.Contains(reaches[pl.space], sp) {
		d.fail("%s is in another space", base.name)
	}
	if pl.space == localSpace {
		l.space = localSpace
	}
	return l
}

// reaches says by which spaces an instruction may name a variable in one.
var reaches = map[space][]space{
	global: {global, constSpace, generic}, sharedSpace: {sharedSpace, clusterSpace}, localSpace: {localSpace, paramSpace}, paramSpace: {paramSpace},
}

// vector takes how many values go at once.
func (d *decoder) vector() int {
	return map[string]int{"": 1, "v2": 2, "v4": 4, "v8": 8}[d.oneOf("v2", "v4", "v8")]
}

// values gives the operands of a vector of n, or the one operand.
func (d *decoder) values(o operand, n int) []operand {
	list := []operand{o}
	if o.kind == opVector {
		list = o.list
	}
	if len(list) != n {
		d.fail("%d values, and it takes %d", len(list), n)
		return nil
	}
	return list
}

// transfer takes what a load or a store says: where it goes to, how many values and of which type; floats of 16 bits go as b16.
func (d *decoder) transfer(memory int) (l location, n int, t typ) {
	sp := d.space()
	n = d.vector()
	d.hints()
	t = d.typ()
	if t.kind == predicate || t.floating() && (t.size == 2 || t.lanes == 2) || !d.count(2) || n*t.size > 16 {
		d.fail("not of this type")
	}
	d.grain(sp, n*t.size)
	return d.memory(d.arg(memory), sp), n, t
}

func (d *decoder) load() {
	acc := reads
	if slices.Contains(d.mods, "relaxed") || slices.Contains(d.mods, "acquire") { // it may meet atomic ones
		acc = updates
	}
	l, n, t := d.transfer(1)
	dst := make([]row, n)
	masks := make([]uint64, n)
	for i, o := range d.values(d.arg(0), n) {
		if masks[i] = d.width(o, t).mask(); o.kind != opSink {
			dst[i] = d.register(o, t, typ.takesWide)
		}
	}
	if n == 1 && t.kind != signed {
		d.loadOne(l, acc, dst[0], t.size)
		return
	}
	d.out.run = func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			lane := first(m)
			p := w.at(l.space, acc, w.addr(l, lane), n*t.size, lane)
			if p == nil {
				return
			}
			for i, r := range dst {
				w.regs[r][lane] = t.extend(get(p[i*t.size:], t.size)) & masks[i]
			}
		}
	}
}

// loadOne is the load that is most frequent: one value, zero above.
func (d *decoder) loadOne(l location, acc access, dst row, size int) {
	d.out.run = func(w *warp, m uint32) {
		to, base := &w.regs[dst], &w.regs[l.base]
		for ; m != 0; m &= m - 1 {
			lane := first(m)
			p := w.at(l.space, acc, base[lane]+l.off, size, lane)
			if p == nil {
				return
			}
			to[lane] = get(p, size)
		}
	}
}

func (d *decoder) store() {
	l, n, t := d.transfer(0)
	src := make([]row, n)
	for i, o := range d.values(d.arg(1), n) {
		src[i] = d.source(o, t, typ.takesWide)
	}
	d.out.run = func(w *warp, m uint32) {
		for m != 0 {
			lane := w.b.take(&m)
			p := w.at(l.space, writes, w.addr(l, lane), n*t.size, lane)
			if p == nil {
				return
			}
			for i, r := range src {
				put(p[i*t.size:], t.size, w.regs[r][lane])
			}
		}
	}
}

// take removes one lane of a mask: the first, or the last where all goes in descending order.
func (b *block) take(m *uint32) int {
	lane := first(*m)
	if b.descending {
		lane = last(*m)
	}
	*m &^= 1 << lane
	return lane
}

// prefetch changes nothing, whatever the address.
func (d *decoder) prefetch() {
	d.space()
	d.oneOf("L1", "L2")
	d.hints()
	d.count(1)
	d.out.run = func(*warp, uint32) {}
}

func (d *decoder) isSpace() {
	sp := d.space()
	d.compute1(types["pred"], types["u64"], func(x uint64) uint64 {
		is, _ := narrowAddress(x)
		return truth(is == sp)
	})
}
