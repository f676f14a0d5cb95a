package ptx

import "strings"

var memoryOps = map[string]func(d *decoder){
	"ld":       (*decoder).load,
	"ldu":      (*decoder).load,
	"st":       (*decoder).store,
	"atom":     func(d *decoder) { d.atomic(true) },
	"red":      func(d *decoder) { d.atomic(false) },
	"prefetch": (*decoder).prefetch,
	"isspacep": (*decoder).isSpace,
	"cp":       (*decoder).copyAsync,
}

// hints are what an instruction says of caches, order and scope. Warps run one after the other here, so there is no weaker order.
var hints = []string{
	"ca", "cg", "cs", "cv", "lu", "wb", "wt", "nc", "weak", "volatile", "relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys", "cluster",
}

func (d *decoder) hints() {
	for i := 0; i < len(d.mods); {
		mod := d.mods[i]
		if strings.HasPrefix(mod, "L1::") || strings.HasPrefix(mod, "L2::") || contains(hints, mod) {
			d.mods = append(d.mods[:i:i], d.mods[i+1:]...)
			continue
		}
		i++
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
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
	switch {
	case pl.space == "local":
		if sp != localSpace && sp != paramSpace {
			d.fail("%s is in another space", base.name)
		}
		l.space = localSpace
	case pl.space == "param" && sp != paramSpace, (pl.space == "shared" || pl.space == "dynamic") && sp != sharedSpace && sp != clusterSpace,
		pl.space == "global" && sp != global && sp != constSpace && sp != generic:
		d.fail("%s is in another space", base.name)
	}
	return l
}

// vector takes how many values go at once.
func (d *decoder) vector() int {
	switch d.oneOf("v2", "v4", "v8") {
	case "v2":
		return 2
	case "v4":
		return 4
	case "v8":
		return 8
	}
	return 1
}

// values gives the operands of a vector of n, or the one operand.
func (d *decoder) values(o operand, n int) []operand {
	list := []operand{o}
	if o.kind == opVector {
		list = o.list
	}
	if len(list) != n || o.kind == opVector && n == 1 && len(list) != 1 {
		d.fail("%d values, and it takes %d", len(list), n)
		return make([]operand, 0)
	}
	return list
}

// stored takes a type that loads and stores have: floats of 16 bits go as b16.
func (d *decoder) stored() typ {
	t := d.typ()
	if t.kind == predicate || t.floating() && (t.size == 2 || t.lanes == 2) {
		d.fail("not of this type")
	}
	return t
}

func (d *decoder) load() {
	sp := d.space()
	n := d.vector()
	acc := reads
	if contains(d.mods, "relaxed") || contains(d.mods, "acquire") { // it may meet atomic ones
		acc = updates
	}
	d.hints()
	t := d.stored()
	if !d.count(2) || n*t.size > 16 {
		d.fail("not of this type")
		return
	}
	l := d.memory(d.arg(1), sp)
	d.grain(sp, n*t.size)
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
			p := w.at(l.space, acc, w.regs[l.base][lane]+l.off, n*t.size, lane)
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
	sp := d.space()
	n := d.vector()
	d.hints()
	t := d.stored()
	if !d.count(2) || n*t.size > 16 {
		d.fail("not of this type")
		return
	}
	l := d.memory(d.arg(0), sp)
	d.grain(sp, n*t.size)
	src := make([]row, n)
	for i, o := range d.values(d.arg(1), n) {
		src[i] = d.source(o, t, typ.takesWide)
	}
	d.out.run = func(w *warp, m uint32) {
		for m != 0 {
			lane := w.b.take(&m)
			p := w.at(l.space, writes, w.regs[l.base][lane]+l.off, n*t.size, lane)
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
	if !d.count(2) {
		return
	}
	d.unary(d.dst(0, types["pred"]), d.src(1, types["u64"]), func(x uint64) uint64 {
		is, _ := narrowAddress(x)
		return truth(is == sp)
	})
}
