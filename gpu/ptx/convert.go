package ptx

import (
	"math"
)

// convert is cvt: between integers, between floats, and between both.
func (d *decoder) convert() {
	whole := d.oneOf("rni", "rzi", "rmi", "rpi")
	near := d.oneOf("rn", "rz", "rm", "rp")
	sat, ftz, relu := d.take("sat"), d.take("ftz"), d.take("relu")
	to, from := d.typ(), d.typ()
	if to.lanes == 2 {
		d.convertPair(to, from, near, relu)
		return
	}
	if from.lanes == 2 || to.kind == bfloat && (sat || from.size == 1) || from.kind == bfloat && to.size == 1 {
		d.fail("not of this type")
	}
	if relu || ftz && to != types["f32"] && from != types["f32"] || !d.count(2) {
		d.fail("what it says is not known")
		return
	}
	dst := d.register(d.arg(0), to, typ.takesWide)
	src := d.source(d.arg(1), from, typ.takesWide)
	wide := d.width(d.arg(0), to).mask()
	f := d.conversion(to, from, whole, near, sat, ftz)
	if d.err != nil {
		return
	}
	d.unary(dst, src, func(x uint64) uint64 { return f(x&from.mask()) & wide })
}

// conversion gives the function; of a signed integer it gives the sign bits too, for registers that are wider.
func (d *decoder) conversion(to, from typ, whole, near string, sat, ftz bool) func(x uint64) uint64 {
	switch {
	case to.integer() && from.integer():
		if whole+near != "" || sat && (from == to || to.size > from.size && (from.kind == unsigned || to.kind == signed)) {
			d.fail("nothing is rounded, and what fits does not saturate")
		}
		return integerConvert(to, from, sat)
	case to.integer() && from.floating():
		if whole == "" {
			d.fail("it does not say how to round")
		}
		return floatToInteger(to, floatForm{t: from, ftz: ftz}, roundings[whole[:min(2, len(whole))]])
	case to.floating() && from.integer():
		if near == "" || sat && to.size == 8 {
			d.fail("it does not say how to round")
		}
		f := floatForm{t: to, mode: roundings[near], sat: sat}
		return func(x uint64) uint64 { return f.saturate(integerToFloat(to, from, f.mode, x)) }
	case to.floating() && from.floating():
		return d.floatConvert(to, from, whole, near, sat, ftz)
	}
	d.fail("not of this type")
	return nil
}

func integerConvert(to, from typ, sat bool) func(x uint64) uint64 {
	if !sat {
		return func(x uint64) uint64 { return to.extend(from.extend(x)) }
	}
	return func(x uint64) uint64 {
		x = from.extend(x)
		neg := from.kind == signed && int64(x) < 0
		least, most := uint64(0), to.mask()
		if to.kind == signed {
			least, most = ^(to.mask() >> 1), to.mask()>>1
		}
		switch {
		case neg && (to.kind == unsigned || int64(x) < int64(least)):
			return least
		case !neg && x > most:
			return most
		}
		return to.extend(x)
	}
}

// floatToInteger clamps what is out of range. A NaN gives 0, but the least integer where one of the types has 64 bits.
func floatToInteger(to typ, f floatForm, mode rounding) func(x uint64) uint64 {
	least, most := float64(0), math.Ldexp(1, to.bits()) // most is one too many
	lowest, highest := uint64(0), to.mask()
	if to.kind == signed {
		least, most = -math.Ldexp(1, to.bits()-1), math.Ldexp(1, to.bits()-1)
		lowest, highest = ^(to.mask() >> 1), to.mask()>>1
	}
	return func(x uint64) uint64 {
		v := integral(f.open(x), mode)
		switch {
		case v != v && (to.size == 8 || f.t.size == 8):
			return 1 << (to.bits() - 1)
		case v != v:
			return 0
		case v <= least:
			return lowest
		case v >= most:
			return highest
		case to.kind == signed:
			return uint64(int64(v))
		}
		return uint64(v)
	}
}

func integerToFloat(to, from typ, mode rounding, x uint64) uint64 {
	x = from.extend(x)
	neg := from.kind == signed && int64(x) < 0
	if neg {
		x = -x
	}
	if x == 0 {
		return 0
	}
	return to.format().pack(neg, x, 0, mode)
}

func (f floatForm) saturate(x uint64) uint64 {
	if !f.sat {
		return x
	}
	return f.finish(f.t.widen(x))
}

func (d *decoder) floatConvert(to, from typ, whole, near string, sat, ftz bool) func(x uint64) uint64 {
	in := floatForm{t: from, ftz: ftz && from == types["f32"]}
	out := floatForm{t: to, mode: roundings[near], sat: sat, ftz: ftz && to == types["f32"]}
	if to.size == 8 {
		out.sat = false
		if sat {
			d.fail("not of this type")
		}
	}
	wider := to.format().precision > from.format().precision && to.format().least <= from.format().least
	switch {
	case whole != "" && to != from, near != "" && (to == from || wider), near == "" && to != from && !wider:
		d.fail("it rounds where it need not, or does not where it must")
	}
	mode := roundings[whole[:min(2, len(whole))]]
	return func(x uint64) uint64 {
		v := in.open(x)
		switch {
		case v != v && from.size == 8 && to.format() == formatF16: // a NaN keeps its sign and its upper bits
			return out.saturate(x>>63<<15 | 0x7e00 | x>>42&0x3ff)
		case v != v:
			return out.saturate(to.format().nan())
		case whole != "":
			v = integral(v, mode)
		}
		return out.finish(v)
	}
}

// convertPair makes a packed value of two: the first operand is the upper half.
func (d *decoder) convertPair(to, from typ, near string, relu bool) {
	if from != types["f32"] || near != "rn" && near != "rz" {
		d.fail("not of this type")
	}
	f := to.format()
	one := func(x uint64) uint64 {
		v := narrow(float64(f32(x)), f, roundings[near])
		if relu && v>>15 == 1 {
			return 0
		}
		return v
	}
	d.compute2(to, from, from, func(hi, lo uint64) uint64 { return one(hi)<<16 | one(lo) })
}

// convertAddress is cvta: between generic addresses and those within a space.
func (d *decoder) convertAddress() {
	back := d.take("to")
	var window uint64
	switch d.oneOf("shared", "shared::cta", "local", "global", "const", "param") {
	case "shared", "shared::cta":
		window = sharedWindow
	case "local":
		window = localWindow
	case "param":
		if window = paramWindow; d.fr.up != nil {
			window = localWindow
		}
	}
	t := d.typ()
	if t != types["u64"] || !d.count(2) {
		d.fail("not of this type")
		return
	}
	if back {
		window = -window
	}
	d.binary(d.dst(0, t), d.src(1, t), d.fr.c.constant(constant{val: window}), func(x, y uint64) uint64 { return x + y })
}
