package cpu

import (
	"math"

	"levee/gpu/op"
)

// cast turns elements into another type by way of int64 or float64, which hold every element of the types exactly. A float becomes an
// integer by cutting off the fraction; an integer type takes the nearest of its values, and 0 for NaN.
func cast(r *run) error {
	in, out := r.in[0], r.out[0]
	if in.DType == out.DType {
		return move(r)
	}
	split(in.Elems(), grain, func(from, to int64) {
		var ints [512]int64
		var floats [512]float64
		var singles [512]float32
		for ; from < to; from += 512 {
			n := min(512, to-from)
			if single(in.DType) && single(out.DType) {
				widen(singles[:n], in, from)
				narrow(out, from, singles[:n])
			} else if in.DType.Float() {
				widen(floats[:n], in, from)
				storeFloats(out, from, floats[:n])
			} else {
				loadInts(ints[:n], in, from)
				storeInts(out, from, ints[:n])
			}
		}
	})
	return nil
}

// single says whether f32 holds every element of a type.
func single(d op.DType) bool { return d == op.F32 || d == op.F16 || d == op.BF16 }

func loadInts(dst []int64, t tensor, from int64) {
	switch t.DType {
	case op.U8:
		convert(dst, view[uint8](t)[from:])
	case op.I32:
		convert(dst, view[int32](t)[from:])
	default:
		convert(dst, view[int64](t)[from:])
	}
}

type number interface {
	~uint8 | ~int32 | ~int64 | ~float32 | ~float64
}

// convert is for pairs of types that Go converts as this package wants.
func convert[D, S number](dst []D, src []S) {
	if same, ok := any(src).([]D); ok {
		copy(dst, same)
		return
	}
	for i := range dst {
		dst[i] = D(src[i])
	}
}

func storeInts(t tensor, from int64, src []int64) {
	switch t.DType {
	case op.U8:
		store(t, from, src, func(v int64) uint8 { return uint8(min(max(v, 0), 255)) })
	case op.I32:
		store(t, from, src, func(v int64) int32 { return int32(min(max(v, math.MinInt32), math.MaxInt32)) })
	case op.I64:
		convert(view[int64](t)[from:][:len(src)], src)
	case op.F16:
		store(t, from, src, func(v int64) uint16 { return op.F32ToF16(op.Odd(exactly(v))) })
	case op.BF16:
		store(t, from, src, func(v int64) uint16 { return op.F32ToBF16(op.Odd(exactly(v))) })
	case op.F32:
		convert(view[float32](t)[from:][:len(src)], src)
	default:
		convert(view[float64](t)[from:][:len(src)], src)
	}
}

func storeFloats(t tensor, from int64, src []float64) {
	switch t.DType {
	case op.U8:
		store(t, from, src, func(x float64) uint8 { return uint8(truncate(x, 0, math.MaxUint8)) })
	case op.I32:
		store(t, from, src, func(x float64) int32 { return int32(truncate(x, math.MinInt32, math.MaxInt32)) })
	case op.I64:
		store(t, from, src, func(x float64) int64 { return truncate(x, math.MinInt64, math.MaxInt64) })
	case op.F16:
		store(t, from, src, func(x float64) uint16 { return op.F32ToF16(op.Odd(x)) })
	case op.BF16:
		store(t, from, src, func(x float64) uint16 { return op.F32ToBF16(op.Odd(x)) })
	case op.F32:
		store(t, from, src, func(x float64) float32 { return canon(float32(x)) })
	default:
		store(t, from, src, canon64)
	}
}

func store[D, S any](t tensor, from int64, src []S, f func(S) D) {
	dst := view[D](t)[from:][:len(src)]
	for i, v := range src {
		dst[i] = f(v)
	}
}

// truncate cuts off the fraction and keeps to [low, high], where low is a power of two or 0.
func truncate(x float64, low, high int64) int64 {
	switch {
	case x != x:
		return 0
	case x >= float64(high): // for int64, float64(high) is 2^63
		return high
	case x <= float64(low):
		return low
	}
	return int64(x)
}
