package cpu

import (
	"math"

	"levee/gpu/op"
)

// The one NaN of each type: what arithmetic that gives a NaN stores, whichever NaN the processor likes.
const (
	nan16  = 0x7e00
	nanB16 = 0x7fc0
	nan32  = 0x7fc00000
	nan64  = 0x7ff8000000000000
)

func canon(x float32) float32 {
	if x != x {
		return math.Float32frombits(nan32)
	}
	return x
}

func canon64(x float64) float64 {
	if x != x {
		return math.Float64frombits(nan64)
	}
	return x
}

// f16to32 is exact.
func f16to32(h uint16) float32 {
	sign, e, m := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch {
	case e == 31 && m != 0:
		return math.Float32frombits(nan32)
	case e == 31:
		return math.Float32frombits(sign | 0x7f800000)
	case e != 0:
		return math.Float32frombits(sign | (e+112)<<23 | m<<13)
	}
	x := float32(m) * (1.0 / (1 << 24)) // a denormal, or zero
	return math.Float32frombits(sign | math.Float32bits(x))
}

// f32to16 rounds to nearest even.
func f32to16(x float32) uint16 {
	b := math.Float32bits(x)
	sign, b := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case b > 0x7f800000:
		return nan16
	case b >= 0x47800000: // 65536 and more; what rounds up to it comes out as infinity below
		return sign | 0x7c00
	case b >= 0x38800000: // a normal f16
		return sign | uint16((b-0x38000000+0xfff+(b>>13&1))>>13)
	case b < 0x33000000: // less than half of the smallest
		return sign
	}
	// A denormal: the mantissa moves right, by 14 at 2^-15 and by 24 at 2^-25.
	shift := 126 - b>>23
	m := b&0x7fffff | 0x800000
	half := uint32(1) << (shift - 1)
	return sign | uint16((m+half-1+(m>>shift&1))>>shift)
}

// bf16to32 is exact.
func bf16to32(h uint16) float32 { return canon(math.Float32frombits(uint32(h) << 16)) }

// f32toB16 rounds to nearest even.
func f32toB16(x float32) uint16 {
	if x != x {
		return nanB16
	}
	b := math.Float32bits(x)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// odd narrows so that narrowing the result again, to f16 or bf16, rounds as if once: what is lost sets the last bit.
func odd(x float64) float32 {
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

// exactly gives a float that rounds to every float type as v does.
func exactly(v int64) float64 {
	if v > 1<<53 || v < -1<<53 {
		lost := v & 0x7ff
		if v -= lost; lost != 0 {
			v |= 1 << 11 // within 53 bits, and below all that f32 keeps
		}
	}
	return float64(v)
}

// widen gives elements of an f32, f16 or bf16 tensor, from the element from.
func widen(dst []float32, t tensor, from int64) {
	switch t.DType {
	case op.F32:
		copy(dst, view[float32](t)[from:])
	case op.F16:
		for i, h := range view[uint16](t)[from:][:len(dst)] {
			dst[i] = f16to32(h)
		}
	default:
		for i, h := range view[uint16](t)[from:][:len(dst)] {
			dst[i] = bf16to32(h)
		}
	}
}

// narrow stores elements into an f32, f16 or bf16 tensor, from the element from, each rounded once.
func narrow(t tensor, from int64, src []float32) {
	switch t.DType {
	case op.F32:
		out := view[float32](t)[from:][:len(src)]
		for i, x := range src {
			out[i] = canon(x)
		}
	case op.F16:
		out := view[uint16](t)[from:][:len(src)]
		for i, x := range src {
			out[i] = f32to16(x)
		}
	default:
		out := view[uint16](t)[from:][:len(src)]
		for i, x := range src {
			out[i] = f32toB16(x)
		}
	}
}
