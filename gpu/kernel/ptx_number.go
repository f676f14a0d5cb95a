package kernel

import "strings"

// mnemonics are the instructions of numbers that PTX has too, with the same edges. What gives a truth begins with setp.
var mnemonics = makeMnemonics()

func makeMnemonics() (t [256]string) {
	list := func(first int, names, suffix string) {
		for i, name := range strings.Fields(names) {
			t[first+i] = strings.ReplaceAll(name, "*", suffix)
		}
	}
	ints := "setp.eq.s* setp.ne.s* setp.lt.s* setp.lt.u* setp.gt.s* setp.gt.u* setp.le.s* setp.le.u* setp.ge.s* setp.ge.u*"
	list(0x46, ints, "32")
	list(0x51, ints, "64")
	floats := "setp.eq.* setp.neu.* setp.lt.* setp.gt.* setp.le.* setp.ge.*"
	list(0x5b, floats, "f32")
	list(0x61, floats, "f64")
	list(0x6a, "add.s* sub.s* mul.lo.s*", "32")
	list(0x7c, "add.s* sub.s* mul.lo.s*", "64")
	list(0x71, "and.b* or.b* xor.b*", "32")
	list(0x83, "and.b* or.b* xor.b*", "64")
	arithmetic := "abs.* neg.* cvt.rpi.*.* cvt.rmi.*.* cvt.rzi.*.* cvt.rni.*.* sqrt.rn.* add.rn.* sub.rn.* mul.rn.* div.rn.*"
	list(0x8b, arithmetic, "f32")
	list(0x99, arithmetic, "f64")
	list(0xac, "cvt.s64.s32 cvt.u64.u32", "")
	list(0xb2, "cvt.rn.f32.s32 cvt.rn.f32.u32 cvt.rn.f32.s64 cvt.rn.f32.u64 cvt.rn.f32.f64", "")
	list(0xb7, "cvt.rn.f64.s32 cvt.rn.f64.u32 cvt.rn.f64.s64 cvt.rn.f64.u64 cvt.f64.f32", "")
	list(0xbc, "mov.b32 mov.b64 mov.b32 mov.b64", "")
	t[0xa7] = "cvt.u32.u64"
	return t
}

// compute writes an instruction of numbers.
func (g *generator) compute(op byte) {
	types := numeric[op]
	result := typeOf(types[len(types)-1])
	switch base, t := sized(op); {
	case op == opI32Eqz || op == opI64Eqz:
		g.isZero(op)
	case divides(op):
		g.divide(base-opI32DivS, t)
	case base >= opI32Shl && base <= opI32Rotr:
		g.shift(base-opI32Shl, t)
	case base == opF32Min:
		g.extreme("min.", t)
	case base == opF32Max:
		g.extreme("max.", t)
	case base == opF32Copysign:
		g.copysign(t)
	case base >= opI32Clz && base <= opI32Popcnt:
		g.countBits(base-opI32Clz, t)
	case op >= 0xc0 && op <= opLastNumber:
		g.extend(op)
	case op >= opSat:
		g.saturate(op)
	case truncations[op].from != 0:
		g.truncate(op)
	case len(types) == 3:
		b, a := g.pop(), g.pop()
		if strings.HasPrefix(mnemonics[op], "setp") {
			result = pred
		}
		g.push(g.set(result, mnemonics[op], a, b))
	default:
		a := g.pop()
		if op == opReinterpretI || op == opReinterpretL {
			a = g.canonical(a)
		}
		g.push(g.set(result, mnemonics[op], a))
	}
}

func (g *generator) isZero(op byte) {
	v := g.popValue()
	switch {
	case v.t == pred:
		g.push(g.set(pred, "not.pred", v.reg))
	case op == opI32Eqz:
		g.push(g.set(pred, "setp.eq.s32", v.reg, 0))
	default:
		g.push(g.set(pred, "setp.eq.s64", v.reg, 0))
	}
}

// divide is div_s, div_u, rem_s or rem_u.
func (g *generator) divide(kind byte, t valType) {
	b, a := g.pop(), g.pop()
	equal := "setp.eq.s" + t.width()
	g.trapIf(g.set(pred, equal, b, 0), "", DivisionByZero)
	switch kind {
	case 0:
		least := immediate(t, 1<<(8*t.size()-1))
		p, q := g.set(pred, equal, a, least), g.set(pred, equal, b, -1)
		g.trapIf(g.set(pred, "and.pred", p, q), "", Overflow)
	case 2: // the least number by -1 leaves nothing, as by 1
		b = g.set(t, "selp."+t.bits(), 1, b, g.set(pred, equal, b, -1))
	}
	g.push(g.set(t, [...]string{"div.s", "div.u", "rem.s", "rem.u"}[kind]+t.width(), a, b))
}

// shift is shl, shr_s, shr_u, rotl or rotr. It masks the count, which PTX would clamp.
func (g *generator) shift(kind byte, t valType) {
	mask := 8*t.size() - 1
	n, a := g.pop(), g.pop()
	if t == i64 {
		n = g.set(i32, "cvt.u32.u64", n)
	}
	n = g.set(i32, "and.b32", n, mask)
	if kind < 3 {
		g.push(g.set(t, [...]string{"shl.b", "shr.s", "shr.u"}[kind]+t.width(), a, n))
		return
	}
	back := g.set(i32, "neg.s32", n)
	back = g.set(i32, "and.b32", back, mask)
	if kind == 4 {
		n, back = back, n
	}
	left, right := g.set(t, "shl.b"+t.width(), a, n), g.set(t, "shr.u"+t.width(), a, back)
	g.push(g.set(t, "or.b"+t.width(), left, right))
}

// extreme is min or max: NaN if either is NaN, and -0 is less than 0.
func (g *generator) extreme(name string, t valType) {
	b, a := g.pop(), g.pop()
	d := g.set(t, name+t.ptx(), a, b)
	p := g.set(pred, "setp.nan."+t.ptx(), a, b)
	g.push(g.set(t, "selp."+t.ptx(), immediate(t, t.nan()), d, p))
}

func (g *generator) copysign(t valType) {
	whole, sign := i32, uint64(1<<31)
	if t == f64 {
		whole, sign = i64, 1<<63
	}
	b, a := g.canonical(g.pop()), g.pop()
	mov, and := "mov."+t.bits(), "and."+t.bits()
	y := g.set(whole, and, g.set(whole, mov, b), immediate(whole, sign))
	x := g.set(whole, and, g.set(whole, mov, a), immediate(whole, sign-1))
	g.push(g.set(t, mov, g.set(whole, "or."+t.bits(), x, y)))
}

// countBits is clz, ctz or popcnt, which PTX gives as 32 bits always.
func (g *generator) countBits(kind byte, t valType) {
	a := g.pop()
	if kind == 1 {
		a = g.set(t, "brev."+t.bits(), a)
	}
	d := g.set(i32, [...]string{"clz.", "clz.", "popc."}[kind]+t.bits(), a)
	if t == i64 {
		d = g.set(i64, "cvt.u64.u32", d)
	}
	g.push(d)
}

// extend repeats the sign of the lower bits.
func (g *generator) extend(op byte) {
	t, n := i32, [...]int{24, 16, 56, 48, 32}[op-0xc0]
	if op >= 0xc2 {
		t = i64
	}
	a := g.set(t, "shl."+t.bits(), g.pop(), n)
	g.push(g.set(t, "shr.s"+t.width(), a, n))
}

// lower tells whether x is not below what a truncation takes.
func (g *generator) lower(t truncation, x reg) reg {
	name := "setp.gt."
	if t.closed {
		name = "setp.ge."
	}
	return g.set(pred, name+x.t.ptx(), x, immediate(x.t, t.low))
}

// cvt is how PTX truncates, which is right within the range.
func (g *generator) cvt(signed bool, x reg, to valType) reg {
	name := "cvt.rzi.u"
	if signed {
		name = "cvt.rzi.s"
	}
	return g.set(to, name+to.width()+"."+x.t.ptx(), x)
}

func (g *generator) truncate(op byte) {
	t, x := truncations[op], g.pop()
	g.trapIf(g.set(pred, "setp.nan."+x.t.ptx(), x, x), "", NaNToInteger)
	g.trapIf(g.lower(t, x), "!", Overflow)
	g.trapIf(g.set(pred, "setp.lt."+x.t.ptx(), x, immediate(x.t, t.high)), "!", Overflow)
	g.push(g.cvt(op&1 == 0, x, typeOf(numeric[op][1])))
}

// saturate truncates to the nearest integer that there is, and NaN to 0.
func (g *generator) saturate(op byte) {
	kind := op - opSat // in the order of the instructions that trap, which lie in two groups
	trapping := 0xa8 + kind
	if kind >= 4 {
		trapping = 0xae + kind - 4
	}
	t, x, to := truncations[trapping], g.pop(), typeOf(numeric[op][1])
	signed := kind&1 == 0
	size := uint(8 * to.size())
	least, most := uint64(0), uint64(1)<<size-1
	if signed {
		least, most = 1<<(size-1), 1<<(size-1)-1
	}
	d := g.cvt(signed, x, to)
	selp := "selp." + to.bits()
	d = g.set(to, selp, d, immediate(to, most), g.set(pred, "setp.lt."+x.t.ptx(), x, immediate(x.t, t.high)))
	d = g.set(to, selp, d, immediate(to, least), g.lower(t, x))
	g.push(g.set(to, selp, 0, d, g.set(pred, "setp.nan."+x.t.ptx(), x, x)))
}
