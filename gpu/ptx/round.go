package ptx

import (
	"math"
	"math/bits"
)

// rounding is a direction.
type rounding uint8

const (
	nearest rounding = iota // ties to even
	zero
	down
	up
)

var roundings = map[string]rounding{"rn": nearest, "rz": zero, "rm": down, "rp": up}

// format is a binary float: bits of precision with the hidden one, and the least exponent of a normal number.
type format struct{ precision, least, width int }

var (
	formatF16  = format{11, -14, 16}
	formatBF16 = format{8, -126, 16}
	formatF32  = format{24, -126, 32}
	formatF64  = format{53, -1022, 64}
)

func (t typ) format() format {
	switch {
	case t.kind == bfloat:
		return formatBF16
	case t.size == 8:
		return formatF64
	case t.size == 4 && t.lanes == 1:
		return formatF32
	}
	return formatF16
}

// nan is the NaN that a GPU makes in the format.
func (f format) nan() uint64 {
	if f.width == 64 {
		return 0xfff8_0000_0000_0000
	}
	return 1<<(f.width-1) - 1
}

func (f format) inf() uint64 {
	return (1<<(f.width-1) - 1) &^ (1<<(f.precision-1) - 1)
}

// pack rounds mant * 2^exp, negative where neg says so, once.
func (f format) pack(neg bool, mant uint64, exp int, mode rounding) uint64 {
	sign := truth(neg) << (f.width - 1)
	if mant == 0 {
		return sign
	}
	lead := exp + bits.Len64(mant) - 1
	quantum := max(lead, f.least) - f.precision + 1
	var q, rest, half uint64 // mant is q quanta and rest, of which half a quantum is half
	switch shift := quantum - exp; {
	case shift <= 0:
		q = mant << -shift
	case shift > 64:
		rest, half = 1, 2
	case shift == 64:
		rest, half = mant, 1<<63
	default:
		q, rest, half = mant>>shift, mant&(1<<shift-1), 1<<(shift-1)
	}
	away := rest != 0
	switch mode {
	case nearest:
		away = rest > half || rest == half && rest != 0 && q&1 == 1
	case zero:
		away = false
	case down:
		away = away && neg
	case up:
		away = away && !neg
	}
	q += truth(away)
	if lead >= f.least {
		q += uint64(lead-f.least) << (f.precision - 1)
	}
	if q >= f.inf() {
		q = f.inf()
		if mode == zero || mode == down && !neg || mode == up && neg {
			q--
		}
	}
	return sign | q
}

// narrow rounds a float64 to a format.
func narrow(x float64, f format, mode rounding) uint64 {
	b := math.Float64bits(x)
	neg := b>>63 == 1
	mant, exp := b&(1<<52-1), int(b>>52&0x7ff)
	switch {
	case x != x:
		return f.nan()
	case exp == 0x7ff:
		return truth(neg)<<(f.width-1) | f.inf()
	case exp == 0:
		exp = 1
	default:
		mant |= 1 << 52
	}
	return f.pack(neg, mant, exp-1075, mode)
}

// widen gives the value of a float's bits, which is exact.
func (t typ) widen(x uint64) float64 {
	switch f := t.format(); {
	case f.width == 64:
		return math.Float64frombits(x)
	case f.width == 32:
		return float64(math.Float32frombits(uint32(x)))
	case t.kind == bfloat:
		return float64(math.Float32frombits(uint32(x) << 16))
	default:
		return widenF16(x)
	}
}

func widenF16(x uint64) float64 {
	exp, mant := int(x>>10&31), x&1023
	var v float64
	switch {
	case exp == 31 && mant != 0:
		return math.NaN()
	case exp == 31:
		v = math.Inf(1)
	case exp == 0:
		v = float64(mant) * 0x1p-24
	default:
		v = math.Float64frombits(uint64(exp-15+1023)<<52 | mant<<42)
	}
	if x>>15&1 == 1 {
		v = -v
	}
	return v
}

// odd makes a float64 result that is off by err, of which only the sign matters, odd in its last bit, so that rounding it once more
// to less than 51 bits is as if it had been exact.
func odd(x, err float64) float64 {
	b := math.Float64bits(x)
	if err == 0 || err != err || b&1 == 1 || x-x != 0 {
		return x
	}
	if (err > 0) == (x > 0) {
		return math.Float64frombits(b | 1)
	}
	return math.Float64frombits(b - 1)
}

// sumOdd is a + b, rounded to odd.
func sumOdd(a, b float64) float64 {
	s := a + b
	t := s - a
	return odd(s, (a-(s-t))+(b-t))
}

// sumDown is sumOdd where less than nothing is what is left of two that cancel out: so it is when sums are rounded down.
func sumDown(a, b float64) float64 {
	s := sumOdd(a, b)
	if s == 0 && (math.Signbit(a) || math.Signbit(b)) {
		return math.Copysign(0, -1)
	}
	return s
}

func quotientOdd(a, b float64) float64 {
	q := a / b
	rest := math.FMA(-q, b, a)
	if b < 0 {
		rest = -rest
	}
	return odd(q, rest)
}

func rootOdd(a float64) float64 {
	r := math.Sqrt(a)
	return odd(r, math.FMA(-r, r, a))
}

// integral rounds to a whole number.
func integral(x float64, mode rounding) float64 {
	switch mode {
	case zero:
		return math.Trunc(x)
	case down:
		return math.Floor(x)
	case up:
		return math.Ceil(x)
	}
	return math.RoundToEven(x)
}
