package ptx

import "math"

var compareOps = map[string]func(d *decoder){
	"setp": (*decoder).setPredicate,
	"set":  (*decoder).set,
	"selp": (*decoder).pick,
	"slct": (*decoder).pickSign,
	"mov":  (*decoder).move,
	"cvt":  (*decoder).convert,
	"cvta": (*decoder).convertAddress,
}

// ordered are the comparisons by whether less, equal, greater make them true. A u at the end is true of NaNs too.
var ordered = map[string][3]bool{
	"eq": {false, true, false}, "ne": {true, false, true}, "lt": {true, false, false}, "le": {true, true, false},
	"gt": {false, false, true}, "ge": {false, true, true}, "lo": {true, false, false}, "ls": {true, true, false},
	"hi": {false, false, true}, "hs": {false, true, true}, "num": {true, true, true}, "nan": {},
}

// comparison takes the operator of setp and set, and gives the function.
func (d *decoder) comparison() func(t typ) func(x, y uint64) bool {
	for i, mod := range d.mods {
		name, nans := mod, mod == "nan"
		if len(mod) == 3 && mod[2] == 'u' {
			name, nans = mod[:2], true
		}
		order, ok := ordered[name]
		if !ok {
			continue
		}
		d.mods = append(d.mods[:i:i], d.mods[i+1:]...)
		return func(t typ) func(x, y uint64) bool {
			if (name == "lo" || name == "ls" || name == "hi" || name == "hs") && t.kind != unsigned {
				d.fail("not of this type")
			}
			if t.floating() {
				return floatCompare(t, order, nans, d.take("ftz"))
			}
			if nans || name == "num" || t.kind == bitwise && order[0] != order[2] || t.kind == predicate {
				d.fail("not of this type")
			}
			return integerCompare(t, order)
		}
	}
	d.fail("it says no comparison")
	return func(typ) func(x, y uint64) bool { return nil }
}

func floatCompare(t typ, order [3]bool, nans, ftz bool) func(x, y uint64) bool {
	f := floatForm{t: t, ftz: ftz}
	return func(x, y uint64) bool {
		a, b := f.open(x), f.open(y)
		switch {
		case a < b:
			return order[0]
		case a == b:
			return order[1]
		case a > b:
			return order[2]
		}
		return nans
	}
}

func integerCompare(t typ, order [3]bool) func(x, y uint64) bool {
	var flip uint64
	if t.kind == signed {
		flip = 1 << (t.bits() - 1)
	}
	switch order {
	case ordered["eq"]:
		return func(x, y uint64) bool { return x == y }
	case ordered["ne"]:
		return func(x, y uint64) bool { return x != y }
	case ordered["lt"]:
		return func(x, y uint64) bool { return x^flip < y^flip }
	case ordered["le"]:
		return func(x, y uint64) bool { return x^flip <= y^flip }
	case ordered["gt"]:
		return func(x, y uint64) bool { return x^flip > y^flip }
	}
	return func(x, y uint64) bool { return x^flip >= y^flip }
}

// setPredicate compares, and may combine what it finds with a predicate; a second destination gets the opposite.
func (d *decoder) setPredicate() {
	compare := d.comparison()
	combine := d.oneOf("and", "or", "xor")
	t := d.typ()
	if t.size < 2 || t.lanes == 2 {
		d.fail("not of this type")
	}
	test := compare(t)
	n := 3
	if combine != "" {
		n = 4
	}
	if !d.count(n) {
		return
	}
	dst, second := d.pair(types["pred"])
	a, b := d.src(1, t), d.src(2, t)
	if combine == "" && second == 0 {
		d.binary(dst, a, b, func(x, y uint64) uint64 { return truth(test(x, y)) })
		return
	}
	var c row
	var turned bool
	if combine != "" {
		c, turned = d.predicate(3)
	}
	not := truth(turned)
	d.out.run = func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			i := first(m)
			x, y := truth(test(w.regs[a][i], w.regs[b][i])), w.regs[c][i]^not
			w.regs[dst][i] = combined(combine, x, y)
			if second != 0 {
				w.regs[second][i] = combined(combine, x^1, y)
			}
		}
	}
}

func combined(how string, x, y uint64) uint64 {
	switch how {
	case "and":
		return x & y
	case "or":
		return x | y
	case "xor":
		return x ^ y
	}
	return x
}

// set compares, and gives all ones, or 1.0 for a float.
func (d *decoder) set() {
	compare := d.comparison()
	to, t := d.typ(), d.wide(d.typ())
	test := compare(t)
	yes := to.mask()
	if to == types["f32"] {
		yes = uint64(math.Float32bits(1))
	} else if to.size != 4 || to.floating() {
		d.fail("not of this type")
	}
	d.compute2(to, t, t, func(x, y uint64) uint64 { return truth(test(x, y)) * yes })
}

func (d *decoder) pick() {
	t := d.wide(d.typ())
	if t.kind == predicate {
		d.fail("not of this type")
	}
	d.compute3(t, t, t, types["pred"], func(x, y, p uint64) uint64 {
		if p&1 == 1 {
			return x
		}
		return y
	})
}

func (d *decoder) pickSign() {
	t, by := d.wide(d.typ()), d.typ()
	if t.kind == predicate || by != types["s32"] && by != types["f32"] {
		d.fail("not of this type")
	}
	d.compute3(t, t, t, by, func(x, y, c uint64) uint64 {
		if by.floating() && f32(c) >= 0 || !by.floating() && int32(c) >= 0 {
			return x
		}
		return y
	})
}

// move copies; it also packs a vector into a wider register, and takes one apart.
func (d *decoder) move() {
	t := d.wide(d.typ())
	if !d.count(2) {
		return
	}
	to, from := d.arg(0), d.arg(1)
	switch {
	case (from.kind == opVector || to.kind == opVector) && t.kind != bitwise:
		d.fail("not of this type")
	case from.kind == opVector:
		d.pack(to, from.list, t)
	case to.kind == opVector:
		d.unpack(to.list, from, t)
	default:
		d.compute1(t, t, func(x uint64) uint64 { return x })
	}
}

func (d *decoder) part(list []operand, t typ) typ {
	if len(list) == 0 || t.size%len(list) != 0 {
		d.fail("%d parts do not fit", len(list))
		return t
	}
	return typ{bitwise, t.size / len(list), 1}
}

func (d *decoder) pack(to operand, list []operand, t typ) {
	part := d.part(list, t)
	dst := d.register(to, t, typ.takes)
	from := make([]row, len(list))
	for i, o := range list {
		from[i] = d.source(o, part, typ.takes)
	}
	d.out.run = func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			lane, x := first(m), uint64(0)
			for i, r := range from {
				x |= w.regs[r][lane] << (i * part.bits())
			}
			w.regs[dst][lane] = x
		}
	}
}

func (d *decoder) unpack(list []operand, from operand, t typ) {
	part := d.part(list, t)
	src := d.source(from, t, typ.takes)
	to := make([]row, len(list))
	for i, o := range list {
		to[i] = d.wanted(o, part)
	}
	d.out.run = func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			lane := first(m)
			x := w.regs[src][lane]
			for i, r := range to {
				w.regs[r][lane] = x >> (i * part.bits()) & part.mask()
			}
		}
	}
}
