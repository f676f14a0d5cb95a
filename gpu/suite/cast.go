package suite

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"sort"

	"levee/gpu/op"
)

func castCases(r *rand.Rand) (list []Case) {
	for _, from := range allTypes {
		for _, to := range allTypes {
			for _, n := range []int64{1, 3, 403} {
				list = append(list, Case{Name: fmt.Sprintf("%d %v to %v", n, from, to), Code: op.Cast, In: []Tensor{edges(r, from, n)}, Out: []op.Desc{desc(to, n)}, Want: castAll})
			}
		}
	}
	return list
}

// edges are wild numbers, and those on both sides of where other types end or have to decide.
func edges(r *rand.Rand, d op.DType, n int64) Tensor {
	t := Wild(r, d, n)
	for i := range n {
		if r.IntN(3) > 0 {
			continue
		}
		x := [...]float64{0.5, 1.5, -0.5, -1, 254.5, 255, 255.99, 256, 65504, 65519, 65520, 65536, 1<<31 - 1, 1 << 31, -1 << 31, -1<<31 - 1, 1 << 53,
			1<<63 - 512, 1 << 63, -1 << 63, 1e300, 1 + 1.0/2048, 1 + 3.0/2048, 1 + 1.0/256, 1 + 3.0/256, 6.1e-5, 2.98e-8, 3e-8, 1e-41, 3.3895314e38, 3.4e38}[r.IntN(31)]
		switch {
		case d == op.F64:
			t.setBits(i, math.Float64bits(x)+uint64(r.IntN(3))-1) // and its neighbours
		case d.Float():
			t.Set(i, x)
		case d == op.I64:
			t.setBits(i, uint64(math.MaxInt64)>>r.IntN(63)+uint64(r.IntN(3))-1)
		default:
			t.setBits(i, uint64(1)<<r.IntN(32)+uint64(r.IntN(3))-1)
		}
	}
	return t
}

func castAll(in []Tensor, out []op.Desc) [][]byte {
	a, t := in[0], Zeros(out[0].DType, out[0].Shape...)
	for i := range a.Elems() {
		switch {
		case a.DType == t.DType:
			t.setBits(i, a.bits(i))
		case a.DType == op.I64:
			t.setBits(i, round(new(big.Float).SetInt64(int64(a.bits(i))), false, t.DType))
		case math.IsNaN(a.Get(i)):
			t.setBits(i, map[op.DType]uint64{op.F16: 0x7e00, op.BF16: 0x7fc0, op.F32: 0x7fc00000, op.F64: 0x7ff8000000000000}[t.DType])
		default:
			x := a.Get(i)
			t.setBits(i, round(new(big.Float).SetFloat64(x), math.Signbit(x), t.DType))
		}
	}
	return [][]byte{t.Data}
}

// round gives the bits of the element of a type that is nearest to x, as the ops say.
func round(x *big.Float, negative bool, d op.DType) uint64 {
	switch d {
	case op.U8, op.I32, op.I64:
		low, high := map[op.DType]int64{op.U8: 0, op.I32: math.MinInt32, op.I64: math.MinInt64}[d], map[op.DType]int64{op.U8: 255, op.I32: math.MaxInt32, op.I64: math.MaxInt64}[d]
		v, _ := x.Int64() // towards zero, and no further than int64 goes
		return uint64(min(max(v, low), high))
	case op.F32:
		f, _ := x.Float32()
		return uint64(math.Float32bits(f))
	case op.F64:
		f, _ := x.Float64()
		return math.Float64bits(f)
	}
	return nearest16(x, negative, d)
}

// nearest16 looks for the nearest of all finite numbers of 16 bits.
func nearest16(x *big.Float, negative bool, d op.DType) uint64 {
	sign, infinite, value := uint64(0), uint64(0x7c00), func(h uint64) float64 { return float64(op.F16ToF32(uint16(h))) }
	if d == op.BF16 {
		infinite, value = 0x7f80, func(h uint64) float64 { return float64(op.BF16ToF32(uint16(h))) }
	}
	if negative || x.Sign() < 0 {
		sign, x = 0x8000, new(big.Float).Neg(x)
	}
	next := func(h uint64) float64 { // where infinity would be, if the exponent went on
		if h == infinite {
			return 2*value(h-1) - value(h-2)
		}
		return value(h)
	}
	up := uint64(sort.Search(int(infinite), func(h int) bool { return new(big.Float).SetFloat64(value(uint64(h))).Cmp(x) >= 0 }))
	if up == 0 {
		return sign
	}
	middle := new(big.Float).SetFloat64((next(up-1) + next(up)) / 2)
	switch c := x.Cmp(middle); {
	case c < 0, c == 0 && up%2 == 1:
		return sign | (up - 1)
	}
	return sign | up
}
