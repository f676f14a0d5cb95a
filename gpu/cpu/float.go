package cpu

import (
	"math"

	"levee/gpu/op"
)

// canon makes any NaN the one that is stored.
func canon(x float32) float32 {
	if x != x {
		return math.Float32frombits(op.NaN32)
	}
	return x
}

func canonAll(x []float32) {
	split(int64(len(x)), grain, func(from, to int64) {
		for i, v := range x[from:to] {
			if v != v {
				x[from+int64(i)] = canon(v)
			}
		}
	})
}

func canon64(x float64) float64 {
	if x != x {
		return math.Float64frombits(op.NaN64)
	}
	return x
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

// widen gives elements of a tensor of floats, from the element from: as float64, or as float32 those of types that it holds.
func widen[T float32 | float64](dst []T, t tensor, from int64) {
	switch t.DType {
	case op.F16:
		for i, h := range view[uint16](t)[from:][:len(dst)] {
			dst[i] = T(op.F16ToF32(h))
		}
	case op.BF16:
		for i, h := range view[uint16](t)[from:][:len(dst)] {
			dst[i] = T(op.BF16ToF32(h))
		}
	case op.F32:
		convert(dst, view[float32](t)[from:])
	default:
		convert(dst, view[float64](t)[from:])
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
			out[i] = op.F32ToF16(x)
		}
	default:
		out := view[uint16](t)[from:][:len(src)]
		for i, x := range src {
			out[i] = op.F32ToBF16(x)
		}
	}
}
