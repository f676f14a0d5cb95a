package op

import "math"

// The one NaN of each type: what arithmetic that gives a NaN stores, whichever NaN the processor likes.
const (
	nan16  = 0x7e00
	nanB16 = 0x7fc0
	NaN32  = 0x7fc00000
	NaN64  = 0x7ff8000000000000
)

// F16ToF32 is exact.
func F16ToF32(h uint16) float32 {
	if e := h & 0x7c00; e != 0 && e != 0x7c00 {
		return math.Float32frombits(uint32(h&0x8000)<<16 | uint32(h&0x7fff)<<13 + 112<<23)
	}
	return rareF16(h)
}

// rareF16 is for zero, denormals, infinity and NaN.
func rareF16(h uint16) float32 {
	sign, m := uint32(h&0x8000)<<16, uint32(h&0x3ff)
	switch {
	case h&0x7c00 == 0:
		x := float32(m) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(x))
	case m != 0:
		return math.Float32frombits(NaN32)
	}
	return math.Float32frombits(sign | 0x7f800000)
}

// F32ToF16 rounds to nearest even.
func F32ToF16(x float32) uint16 {
	b := math.Float32bits(x)
	if a := b & 0x7fffffff; a-0x38800000 < 0x47800000-0x38800000 { // a normal f16, or what rounds up to infinity
		return uint16(b>>16&0x8000) | uint16((a-0x38000000+0xfff+a>>13&1)>>13)
	}
	return rareF32(b)
}

// rareF32 is for what becomes zero, a denormal, infinity or NaN.
func rareF32(b uint32) uint16 {
	sign, b := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case b > 0x7f800000:
		return nan16
	case b >= 0x47800000:
		return sign | 0x7c00
	case b < 0x33000000: // less than half of the smallest
		return sign
	}
	// A denormal: the mantissa moves right, by 14 at 2^-15 and by 24 at 2^-25.
	shift := 126 - b>>23
	m := b&0x7fffff | 0x800000
	half := uint32(1) << (shift - 1)
	return sign | uint16((m+half-1+(m>>shift&1))>>shift)
}

// BF16ToF32 is exact.
func BF16ToF32(h uint16) float32 {
	if h&0x7fff > 0x7f80 {
		return math.Float32frombits(NaN32)
	}
	return math.Float32frombits(uint32(h) << 16)
}

// F32ToBF16 rounds to nearest even.
func F32ToBF16(x float32) uint16 {
	if x != x {
		return nanB16
	}
	b := math.Float32bits(x)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// Odd narrows so that narrowing the result again, to f16 or bf16, rounds as if once: what is lost sets the last bit.
func Odd(x float64) float32 {
	f := float32(x)
	if x != x || float64(f) == x {
		return f
	}
	b := math.Float32bits(f)
	if math.Abs(float64(f)) > math.Abs(x) {
		b--
	}
	return math.Float32frombits(b | 1)
}

// FillBits gives the bits of a Fill's value as an element of type d, and zeros above them.
func FillBits(d DType, param uint64) uint64 {
	f := math.Float64frombits(param)
	switch {
	case d == F64 && f != f:
		return NaN64
	case d == F32 && f != f:
		return NaN32
	case d == F32:
		return uint64(math.Float32bits(float32(f)))
	case d == F16:
		return uint64(F32ToF16(Odd(f)))
	case d == BF16:
		return uint64(F32ToBF16(Odd(f)))
	case d == I32:
		return uint64(uint32(param))
	}
	return param
}
