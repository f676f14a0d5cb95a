package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/testdata/hostile/asm"
)

func allTypes(t op.DType) []op.DType {
	switch t {
	case op.I32:
		return []op.DType{op.I32, op.U8}
	case op.F32:
		return []op.DType{op.F32, op.F16, op.BF16}
	}
	return []op.DType{t}
}

// TestNarrowTypes compares every narrow value with the conversions written here once more, and results around every rounding.
func TestNarrowTypes(t *testing.T) {
	narrow(t, func(f *Func, types Types) *device { return newDevice(t, f, types) })
}

func narrow(t *testing.T, load func(f *Func, types Types) *device) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, wasm := range [][]byte{one("i32", "i32", "", asm.Get(0)), one("f32", "f32", "", asm.Get(0))} {
		f, err := Parse(wasm, "f")
		require.NoError(t, err)
		wide := f.Signature().Params[0]
		for _, in := range allTypes(wide) {
			for _, out := range allTypes(wide) {
				words := slices.Clone(special(wide))
				for range 3000 {
					words = append(words, randomWord(r, wide))
				}
				if in.Size() < 4 {
					words = words[:0]
					for v := range uint64(1) << (8 * in.Size()) {
						words = append(words, v)
					}
				} else if in == op.F32 {
					for v := range uint64(0x8000) { // the middle between neighbours, and just beside it
						words = append(words, 0x33000000+v*0x5678, v<<16|0x8000, v<<16|0x7fff, v<<16|0x8001, v<<13|0x1000, v<<13|0x0fff)
					}
				}
				w := work{f: f, in: [][]uint64{words}, n: len(words)}
				got, trap := load(f, Types{[]op.DType{in}, []bool{false}, []op.DType{out}}).run(w, 0)
				require.Zero(t, trap)
				for i, v := range words {
					if want := narrowed(out, widened(in, v)); got[0][i] != want {
						t.Fatalf("%v %#x as %v: %#x, it must be %#x", in, v, out, got[0][i], want)
					}
				}
			}
		}
	}
}

// widened is an element as the bits of the kernel's parameter.
func widened(d op.DType, v uint64) uint64 {
	switch d {
	case op.BF16:
		return oneNaN(f32, v<<16)
	case op.F16:
		sign, exp, frac := v>>15, int(v>>10&31), float64(v&0x3ff)
		x := math.Ldexp(frac, -24)
		switch {
		case exp == 31 && frac != 0:
			return op.NaN32
		case exp == 31:
			x = math.Inf(1)
		case exp > 0:
			x = math.Ldexp(1024+frac, exp-25)
		}
		return uint64(math.Float32bits(float32(x))) | sign<<31
	case op.F32:
		return oneNaN(f32, v)
	}
	return v
}

// narrowed is a result as an element, found by looking for the nearest one.
func narrowed(d op.DType, v uint64) uint64 {
	switch d {
	case op.U8:
		return uint64(min(max(int32(v), 0), 255))
	case op.F16, op.BF16:
	default:
		return v
	}
	sign := v >> 31 << 15
	nan, inf := uint64(0x7e00), uint64(0x7c00)
	if d == op.BF16 {
		nan, inf = 0x7fc0, 0x7f80
	}
	if v == op.NaN32 {
		return nan
	}
	x := math.Abs(float64(math.Float32frombits(uint32(v))))
	as := func(h uint64) float64 {
		if h == inf { // as if numbers went on
			h--
			last, before := float64(math.Float32frombits(uint32(widened(d, h)))), float64(math.Float32frombits(uint32(widened(d, h-1))))
			return last + (last - before)
		}
		return float64(math.Float32frombits(uint32(widened(d, h))))
	}
	low, high := uint64(0), inf // the last that is not above x
	for low < high {
		if mid := (low + high + 1) / 2; as(mid) <= x {
			low = mid
		} else {
			high = mid - 1
		}
	}
	if low < inf {
		if below, above := x-as(low), as(low+1)-x; above < below || above == below && low&1 == 1 {
			low++
		}
	}
	return sign | low
}
