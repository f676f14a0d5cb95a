package ptx

import (
	"math"
	"strings"
)

var floatOps = map[string]func(d *decoder){
	"fma":  func(d *decoder) { d.floatArithmetic(d.only("f32", "f64", "f16", "f16x2", "bf16", "bf16x2")) },
	"sqrt": (*decoder).root,
	"rcp": func(d *decoder) {
		d.approx(func(x float64) float64 { return quotientOdd(1, x) }, "f32", "f64")
	},
	"rsqrt":    func(d *decoder) { d.approx(func(x float64) float64 { return 1 / math.Sqrt(x) }, "f32", "f64") },
	"ex2":      func(d *decoder) { d.approx(math.Exp2, "f32", "f16", "f16x2", "bf16", "bf16x2") },
	"lg2":      func(d *decoder) { d.approx(math.Log2, "f32") },
	"sin":      func(d *decoder) { d.approx(math.Sin, "f32") },
	"cos":      func(d *decoder) { d.approx(math.Cos, "f32") },
	"tanh":     func(d *decoder) { d.approx(math.Tanh, "f32", "f16", "f16x2", "bf16", "bf16x2") },
	"copysign": (*decoder).copySign,
	"testp":    (*decoder).testProperty,
}

// floatForm is how an instruction rounds.
type floatForm struct {
	t        typ
	mode     rounding
	said     bool // it says how
	ftz, sat bool
}

func (d *decoder) form(t typ) floatForm {
	f := floatForm{t: t}
	mode := d.oneOf("rn", "rz", "rm", "rp")
	f.mode, f.said = roundings[mode], mode != ""
	f.ftz, f.sat = d.take("ftz"), d.take("sat")
	if t.size == 8 && (f.mode != nearest || f.ftz || f.sat) || (f.ftz || f.sat) && t.kind == bfloat || f.mode != nearest && t != types["f32"] {
		d.fail("what it says of rounding is not known for this type")
	}
	return f
}

// finish makes a result of a float64 that was rounded to odd or is exact.
func (f floatForm) finish(x float64) uint64 {
	var bits uint64
	if f.t.size == 8 {
		bits = math.Float64bits(x)
	} else {
		bits = narrow(x, f.t.format(), f.mode)
	}
	if f.ftz {
		bits = f.flush(bits)
	}
	if f.sat {
		v := f.t.widen(bits)
		bits = narrow(min(max(v, 0), 1), f.t.format(), nearest)
		if v != v {
			bits = 0
		}
	}
	return bits
}

// flush makes a number that is too small to be normal a zero with its sign.
func (f floatForm) flush(x uint64) uint64 {
	if x&f.t.format().inf() == 0 {
		return x & (1 << (f.t.format().width - 1))
	}
	return x
}

func (f floatForm) open(x uint64) float64 {
	if f.ftz {
		x = f.flush(x)
	}
	return f.t.widen(x)
}

// lanes computes on each half of a packed value, or on the value.
func (f floatForm) lanes(g func(x, y, z float64) float64) func(x, y, z uint64) uint64 {
	one := func(x, y, z uint64) uint64 { return f.finish(g(f.open(x), f.open(y), f.open(z))) }
	if f.t.lanes == 1 {
		return one
	}
	return func(x, y, z uint64) uint64 {
		return one(x&0xffff, y&0xffff, z&0xffff) | one(x>>16, y>>16, z>>16)<<16
	}
}

// floatArithmetic is add, sub, mul and fma, also when it is called mad.
func (d *decoder) floatArithmetic(t typ) {
	f := d.form(t)
	op, _, _ := strings.Cut(d.in.op, ".")
	three := op == "fma" || op == "mad"
	if three && !f.said {
		d.fail("it does not say how to round")
	}
	if !d.count(3 + int(truth(three))) {
		return
	}
	dst, a, b := d.dst(0, t), d.src(1, t), d.src(2, t)
	c := b
	if three {
		c = d.src(3, t)
	}
	exact := f.mode == nearest && !f.ftz && !f.sat
	switch {
	case t.size == 8:
		d.float64s(op, dst, a, b, c)
	case t == types["f32"] && exact:
		d.float32s(op, dst, a, b, c)
	default:
		d.ternary(dst, a, b, c, f.lanes(arithmetic(op, f.mode)))
	}
}

// arithmetic gives an operation as it is done on float64, to be rounded once more.
func arithmetic(op string, mode rounding) func(x, y, z float64) float64 {
	sum := sumOdd
	if mode == down {
		sum = sumDown
	}
	switch op {
	case "add":
		return func(x, y, _ float64) float64 { return sum(x, y) }
	case "sub":
		return func(x, y, _ float64) float64 { return sum(x, -y) }
	case "mul":
		return func(x, y, _ float64) float64 { return x * y }
	}
	return func(x, y, z float64) float64 { return sum(x*y, z) }
}

func f32(x uint64) float32 { return math.Float32frombits(uint32(x)) }

// bits32 gives the bits of a result; a GPU makes one NaN only.
func bits32(x float32) uint64 {
	if x != x {
		return 0x7fffffff
	}
	return uint64(math.Float32bits(x))
}

func (d *decoder) float32s(op string, dst, a, b, c row) {
	switch op {
	case "add":
		d.binary(dst, a, b, func(x, y uint64) uint64 { return bits32(f32(x) + f32(y)) })
	case "sub":
		d.binary(dst, a, b, func(x, y uint64) uint64 { return bits32(f32(x) - f32(y)) })
	case "mul":
		d.binary(dst, a, b, func(x, y uint64) uint64 { return bits32(f32(x) * f32(y)) })
	default:
		d.ternary(dst, a, b, c, func(x, y, z uint64) uint64 {
			return bits32(float32(sumOdd(float64(f32(x))*float64(f32(y)), float64(f32(z)))))
		})
	}
}

func f64(x uint64) float64 { return math.Float64frombits(x) }

// bits64 gives the bits of a result. A NaN keeps the bits of the first operand that is one.
func bits64(x float64, from ...uint64) uint64 {
	if x == x {
		return math.Float64bits(x)
	}
	for _, b := range from {
		if f := f64(b); f != f {
			return b | 1<<51
		}
	}
	return formatF64.nan()
}

func (d *decoder) float64s(op string, dst, a, b, c row) {
	switch op {
	case "add":
		d.binary(dst, a, b, func(x, y uint64) uint64 { return bits64(f64(x)+f64(y), x, y) })
	case "sub":
		d.binary(dst, a, b, func(x, y uint64) uint64 { return bits64(f64(x)-f64(y), x, y) })
	case "mul":
		d.binary(dst, a, b, func(x, y uint64) uint64 { return bits64(f64(x)*f64(y), x, y) })
	default:
		d.ternary(dst, a, b, c, func(x, y, z uint64) uint64 { return bits64(math.FMA(f64(x), f64(y), f64(z)), x, y, z) })
	}
}

func (d *decoder) floatDivide(t typ) {
	loose := d.oneOf("approx", "full") != ""
	f := d.form(t)
	if !d.count(3) || loose && t.size != 4 || t.size == 2 || t.lanes == 2 || loose == f.said {
		d.fail("not of this type")
		return
	}
	dst, a, b := d.dst(0, t), d.src(1, t), d.src(2, t)
	if t.size == 8 {
		d.binary(dst, a, b, func(x, y uint64) uint64 { return bits64(f64(x)/f64(y), x, y) })
		return
	}
	d.binary(dst, a, b, func(x, y uint64) uint64 { return f.finish(quotientOdd(f.open(x), f.open(y))) })
}

func (d *decoder) root() {
	loose := d.take("approx")
	t := d.typ()
	f := d.form(t)
	if !d.count(2) || !t.floating() || t.size == 2 || t.lanes == 2 || loose == f.said || loose && t.size == 8 {
		d.fail("not of this type")
		return
	}
	dst, a := d.dst(0, t), d.src(1, t)
	if t.size == 8 {
		d.unary(dst, a, func(x uint64) uint64 { return bits64(math.Sqrt(f64(x)), x) })
		return
	}
	d.unary(dst, a, func(x uint64) uint64 { return f.finish(rootOdd(f.open(x))) })
}

// approx is a function that a GPU gives some bits of; here it is as good as its type. Results may differ from any GPU's.
func (d *decoder) approx(g func(x float64) float64, names ...string) {
	loose := d.take("approx")
	t := d.only(names...)
	f := d.form(t)
	reciprocal := strings.HasPrefix(d.in.op, "rcp")
	if f.said && !reciprocal || loose && reciprocal && t.size == 8 || f.ftz && t != types["f32"] {
		d.fail("not of this type")
	}
	if loose == f.said {
		d.fail("it says approx, or how to round, and not both")
	}
	h := f.lanes(func(x, _, _ float64) float64 { return g(x) })
	if t.size == 8 {
		if reciprocal { // it is not rounded once more
			g = func(x float64) float64 { return 1 / x }
		}
		h = func(x, _, _ uint64) uint64 { return bits64(g(f64(x)), x) }
	}
	d.compute1(t, t, func(x uint64) uint64 { return h(x, x, x) })
}

// floatSign is neg and abs. Of a NaN of less than 64 bits a GPU makes its own one.
func (d *decoder) floatSign(t typ, clearSign bool) {
	f := floatForm{t: t, ftz: d.take("ftz")}
	if f.ftz && (t.size == 8 || t.kind == bfloat) {
		d.fail("not of this type")
	}
	h := f.lanes(func(x, _, _ float64) float64 {
		if clearSign {
			return math.Abs(x)
		}
		return -x
	})
	if sign := uint64(1) << 63; t.size == 8 && clearSign {
		h = func(x, _, _ uint64) uint64 { return x &^ sign }
	} else if t.size == 8 {
		h = func(x, _, _ uint64) uint64 { return x ^ sign }
	}
	d.compute1(t, t, func(x uint64) uint64 { return h(x, x, x) })
}

// floatExtremum is min and max: of a number and a NaN the number, unless the instruction asks for NaN; -0 is below +0.
func (d *decoder) floatExtremum(t typ, least bool) {
	keep := d.take("NaN")
	f := d.form(t)
	if keep && t.size == 8 || f.said || f.sat {
		d.fail("not of this type")
	}
	g := func(x, y, _ float64) float64 {
		switch {
		case keep && (x != x || y != y): // which Go's functions do not always give
			return math.NaN()
		case x != x:
			return y
		case y != y:
			return x
		case least:
			return math.Min(x, y)
		}
		return math.Max(x, y)
	}
	h := f.lanes(g)
	if t.size == 8 {
		h = func(x, y, _ uint64) uint64 { return bits64(g(f64(x), f64(y), 0)) }
	}
	d.compute2(t, t, t, func(x, y uint64) uint64 { return h(x, y, y) })
}

// copySign gives the second operand with the sign of the first.
func (d *decoder) copySign() {
	t := d.only("f32", "f64")
	sign := uint64(1) << (t.bits() - 1)
	d.compute2(t, t, t, func(x, y uint64) uint64 { return x&sign | y&^sign })
}

func (d *decoder) testProperty() {
	what := d.oneOf("finite", "infinite", "number", "notanumber", "normal", "subnormal")
	t := d.only("f32", "f64")
	inf := t.format().inf()
	d.compute1(types["pred"], t, func(x uint64) uint64 {
		exp, mant := x&inf, x&(1<<(t.format().precision-1)-1)
		switch what {
		case "finite":
			return truth(exp != inf)
		case "infinite":
			return truth(exp == inf && mant == 0)
		case "number":
			return truth(exp != inf || mant == 0)
		case "notanumber":
			return truth(exp == inf && mant != 0)
		case "normal":
			return truth(exp != inf && exp != 0)
		}
		return truth(exp == 0 && mant != 0)
	})
}
