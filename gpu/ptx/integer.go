package ptx

import "math/bits"

// integerOps are integers' own, and those that floats have under the same name: these are sent on.
var integerOps = map[string]func(d *decoder){
	"add": func(d *decoder) { d.arithmetic(func(x, y uint64) uint64 { return x + y }) },
	"sub": func(d *decoder) { d.arithmetic(func(x, y uint64) uint64 { return x - y }) },
	"mul": func(d *decoder) { d.multiply(false) },
	"mad": func(d *decoder) { d.multiply(true) },
	"div": (*decoder).divide,
	"rem": (*decoder).remainder,
	"min": func(d *decoder) { d.extremum(true) },
	"max": func(d *decoder) { d.extremum(false) },
	"abs": func(d *decoder) { d.negate(func(x uint64) uint64 { return uint64(max(int64(x), -int64(x))) }, true) },
	"neg": func(d *decoder) { d.negate(func(x uint64) uint64 { return -x }, false) },
	"sad": func(d *decoder) {
		t := d.only("u16", "u32", "u64", "s16", "s32", "s64")
		d.compute3(t, t, t, t, func(x, y, z uint64) uint64 {
			return (pick(t, x, y, false) - pick(t, x, y, true) + z) & t.mask()
		})
	},
	"dp4a": (*decoder).dotBytes,
	"addc": func(d *decoder) { d.carry(d.take("cc"), true, false) },
	"subc": func(d *decoder) { d.carry(d.take("cc"), true, true) },
}

// integers2 computes on the integers that the operands stand for.
func (d *decoder) integers2(t typ, f func(x, y uint64) uint64) {
	if t.size < 2 || !t.integer() {
		d.fail("not of this type")
	}
	mask := t.mask()
	g := func(x, y uint64) uint64 { return f(x, y) & mask }
	if t.kind == signed && t.size < 8 {
		g = func(x, y uint64) uint64 { return f(t.extend(x), t.extend(y)) & mask }
	}
	d.compute2(t, t, t, g)
}

// dotBytes adds the products of four pairs of bytes, each side with signs or without.
func (d *decoder) dotBytes() {
	a, b := d.only("u32", "s32"), d.only("u32", "s32")
	number := func(t typ, word uint64, k int) uint64 {
		if t.kind == signed {
			return uint64(int8(word >> (8 * k)))
		}
		return uint64(byte(word >> (8 * k)))
	}
	u32 := types["u32"]
	d.compute3(u32, a, b, u32, func(x, y, z uint64) uint64 {
		for k := range 4 {
			z += number(a, x, k) * number(b, y, k)
		}
		return z & u32.mask()
	})
}

// arithmetic is add and sub.
func (d *decoder) arithmetic(f func(x, y uint64) uint64) {
	t := d.typ()
	if t.floating() {
		d.floatArithmetic(t)
		return
	}
	if d.take("cc") {
		d.types = append([]typ{t}, d.types...)
		d.carry(true, false, f(0, 1) != 1)
		return
	}
	if d.take("sat") {
		if t != types["s32"] {
			d.fail("only s32 saturates")
		}
		d.integers2(t, func(x, y uint64) uint64 { return uint64(min(max(int64(f(x, y)), -1<<31), 1<<31-1)) })
		return
	}
	if !t.integer() || t.size < 2 {
		d.fail("not of this type")
	}
	if t.size == 8 {
		d.compute2(t, t, t, f)
		return
	}
	mask := t.mask()
	d.compute2(t, t, t, func(x, y uint64) uint64 { return f(x, y) & mask })
}

// carry is an addition or subtraction that reads or writes the carry, which is a register that no one names.
func (d *decoder) carry(out, in, minus bool) {
	t := d.typ()
	if !t.integer() || t.size < 4 || !d.count(3) {
		d.fail("not of this type")
		return
	}
	cc := d.fr.c.carryRow()
	dst, a, b := d.dst(0, t), d.src(1, t), d.src(2, t)
	d.out.run = func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			i := first(m)
			x, y, c := w.regs[a][i], w.regs[b][i], uint64(0)
			if in {
				c = w.regs[cc][i]
			}
			var sum, over uint64
			if minus {
				sum, over = bits.Sub64(x, y, c)
			} else {
				sum, over = bits.Add64(x, y, c)
			}
			if t.size == 4 {
				over = sum >> 32 & 1
			}
			w.regs[dst][i] = sum & t.mask()
			if out {
				w.regs[cc][i] = over
			}
		}
	}
}

func (c *compiler) carryRow() row {
	if c.carry == 0 {
		c.carry = c.row()
	}
	return c.carry
}

// multiply is mul and mad, of which part of the product is kept.
func (d *decoder) multiply(add bool) {
	t := d.typ()
	if t.floating() {
		if d.floatArithmetic(t); add && (t.size == 2 || t.lanes == 2) {
			d.fail("not of this type")
		}
		return
	}
	part := d.oneOf("lo", "hi", "wide")
	if part == "" || !t.integer() || t.size < 2 {
		d.fail("it does not say which part of the product")
		return
	}
	to := t
	f := func(x, y uint64) uint64 { return x * y }
	switch {
	case part == "wide" && t.size == 8:
		d.fail("not of this type")
	case part == "wide":
		to.size *= 2
	case part == "hi" && t.size < 8:
		f = func(x, y uint64) uint64 { return x * y >> t.bits() }
	case part == "hi":
		f = t.high
	}
	dst, a, b, mask := d.dst(0, to), d.src(1, t), d.src(2, t), to.mask()
	g := f
	if t.kind == signed && t.size < 8 {
		g = func(x, y uint64) uint64 { return f(t.extend(x), t.extend(y)) }
	}
	if !add {
		d.count(3)
		d.binary(dst, a, b, func(x, y uint64) uint64 { return g(x, y) & mask })
		return
	}
	d.count(4)
	d.ternary(dst, a, b, d.src(3, to), func(x, y, z uint64) uint64 { return (g(x, y) + z) & mask })
}

// high is the upper half of a product of 64 bits.
func (t typ) high(x, y uint64) uint64 {
	hi, _ := bits.Mul64(x, y)
	if t.kind == signed {
		if int64(x) < 0 {
			hi -= y
		}
		if int64(y) < 0 {
			hi -= x
		}
	}
	return hi
}

// divide by zero gives all ones, as GPUs do; so does remainder.
func (d *decoder) divide() {
	t := d.typ()
	if t.floating() {
		d.floatDivide(t)
		return
	}
	d.integers2(t, func(x, y uint64) uint64 {
		switch {
		case y == 0:
			return ^uint64(0)
		case t.kind == signed:
			return uint64(int64(x) / int64(y))
		}
		return x / y
	})
}

func (d *decoder) remainder() {
	t := d.typ()
	d.integers2(t, func(x, y uint64) uint64 {
		switch {
		case y == 0:
			return ^uint64(0)
		case t.kind == signed:
			return uint64(int64(x) % int64(y))
		}
		return x % y
	})
}

func (d *decoder) extremum(least bool) {
	if half := d.oneOf("s16x2", "u16x2"); half != "" {
		t := types[half[:3]]
		d.integers2(types["u32"], func(x, y uint64) uint64 {
			return pick(t, x, y, least)&0xffff | pick(t, x>>16, y>>16, least)<<16&0xffff0000
		})
		return
	}
	t := d.typ()
	if t.floating() {
		d.floatExtremum(t, least)
		return
	}
	d.integers2(t, func(x, y uint64) uint64 { return pick(t, x, y, least) })
}

// pick gives the lesser or the greater of two integers.
func pick(t typ, x, y uint64, least bool) uint64 {
	x, y = t.extend(x), t.extend(y)
	less := x < y
	if t.kind == signed {
		less = int64(x) < int64(y)
	}
	if less == least {
		return x
	}
	return y
}

// negate is neg and abs; of a float they touch the sign alone.
func (d *decoder) negate(f func(x uint64) uint64, clearSign bool) {
	t := d.typ()
	if t.floating() {
		d.floatSign(t, clearSign)
		return
	}
	if t.kind != signed || t.size < 2 {
		d.fail("not of this type")
	}
	d.compute1(t, t, func(x uint64) uint64 { return f(t.extend(x)) & t.mask() })
}
