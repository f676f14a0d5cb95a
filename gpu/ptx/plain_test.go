package ptx

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSaxpy(t *testing.T) {
	m := module(t, "plain")
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		x, y := make([]float32, 1000), make([]float32, 1000)
		want := make([]float32, 1000)
		for i := range x {
			x[i], y[i] = rand.Float32(), rand.Float32()
			want[i] = fma32(3.7, x[i], y[i])
		}
		a, b := array(mem, x), array(mem, y)
		require.NoError(t, m.Launch(mem, Launch{
			Kernel: "saxpy", Grid: dim(3), Block: dim(96), Args: []any{float32(3.7), a, b, uint64(1000)}, Descending: descending,
		}))
		require.Equal(t, want, read[float32](t, mem, b, 1000))
	})
}

// fma32 is a*b+c rounded once.
func fma32(a, b, c float32) float32 {
	var p big.Float
	p.SetPrec(600).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
	f, _ := p.Add(&p, big.NewFloat(float64(c))).Float32()
	return f
}

func TestSum(t *testing.T) {
	m := module(t, "plain")
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		x := make([]float32, 5000)
		want := float32(0)
		for i := range x {
			x[i] = float32(i % 17)
			want += x[i]
		}
		a, out := array(mem, x), mem.Alloc(4)
		require.NoError(t, m.Launch(mem, Launch{
			Kernel: "sum", Grid: dim(1), Block: dim(256), Args: []any{a, out, uint32(5000)}, Descending: descending,
		}))
		require.Equal(t, want, read[float32](t, mem, out, 1)[0])
	})
}

func TestIntegers(t *testing.T) {
	const n = 64
	mem := NewMemory()
	v, q := make([]int32, n), make([]int64, n)
	for i := range v {
		v[i], q[i] = int32(rand.Uint32()), int64(rand.Uint64())
	}
	copy(v, []int32{0, 1, -1, math.MaxInt32, math.MinInt32, 255, -256})
	copy(q, []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 255, -256})
	for _, k := range []int32{3, -5, 17, 1} {
		out := mem.Alloc(8 * 24 * n)
		require.NoError(t, module(t, "plain").Launch(mem, Launch{
			Kernel: "integers", Grid: dim(1), Block: dim(n), Args: []any{array(mem, v), array(mem, q), out, k},
		}))
		for i := range v {
			require.Equal(t, integers(v[i], q[i], k), read[int64](t, mem, out+uint64(i*24*8), 24), "%d %d %d", v[i], q[i], k)
		}
	}
}

func integers(s int32, l int64, n int32) []int64 {
	w, p := uint32(s), uint64(l)
	hi, _ := bits.Mul64(p, p*0x9e3779b97f4a7c15)
	if l < 0 {
		hi -= p * 0x9e3779b97f4a7c15
	}
	if int64(p*0x9e3779b97f4a7c15) < 0 {
		hi -= p
	}
	return []int64{
		int64(s / n), int64(s % 7), int64(w / uint32(n)),
		int64(bits.OnesCount32(w) + bits.LeadingZeros32(w|1)*100 + bits.TrailingZeros32(w|1<<31)*10000),
		int64(bits.Reverse32(w)), l / int64(n), l % 13, l >> 3, int64(p / uint64(int64(n))), int64(p % 10),
		int64(bits.OnesCount64(p) + bits.LeadingZeros64(p|1)*100), int64(bits.Reverse64(p)), int64(bits.ReverseBytes64(p)),
		int64(bits.RotateLeft32(w, int(n))), int64(bits.RotateLeft64(p, int(n))), int64(hi), max(l, -l), int64(max(s, n)),
		int64(int32(uint8(s))*3 + int32(int16(s>>4)) + int32(uint16(s>>9))), int64((w >> 4 & 0xff) * uint32(uint16(s))),
		int64(s) * int64(s), int64(uint64(w) * uint64(w)), int64(s<<(n&31) ^ int32(w>>(n&15))), int64(int8(s)),
	}
}

var someFloats = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.5, 1.5, 2.5, -2.5, 3.7e-5, 65504, 65519.9, 65520, 1e10, -1e10, 1e-40, 5e-8, 3e-8, 2.98e-8, 1e300, 3.4e38,
	math.Inf(1), math.Inf(-1), math.NaN(), 4294967295.5, 2147483648, 1.0000001, 0.1, 1e-310, 16777217, 9007199254740993, 5.960464477539063e-08,
}

func TestFloats(t *testing.T) {
	var x, y []float32
	for _, a := range someFloats {
		for _, b := range someFloats {
			x, y = append(x, float32(a)), append(y, float32(b))
		}
	}
	for range 500 {
		x, y = append(x, math.Float32frombits(rand.Uint32())), append(y, math.Float32frombits(rand.Uint32()))
	}
	mem := NewMemory()
	for i := 0; i < len(x); i += 256 {
		xs, ys := x[i:min(i+256, len(x))], y[i:min(i+256, len(x))]
		out := mem.Alloc(4 * 16 * len(xs))
		require.NoError(t, module(t, "plain").Launch(mem, Launch{
			Kernel: "floats", Grid: dim(1), Block: dim(uint32(len(xs))), Args: []any{array(mem, xs), array(mem, ys), out},
		}))
		for j := range xs {
			got := read[uint32](t, mem, out+uint64(j*64), 16)
			for k, want := range floats(xs[j], ys[j]) {
				if want != want {
					require.True(t, math.Float32frombits(got[k]) != math.Float32frombits(got[k]), "%d: %v %v", k, xs[j], ys[j])
					continue
				}
				require.Equal(t, math.Float32bits(want), got[k], "%d: %v %v", k, xs[j], ys[j])
			}
		}
	}
}

func floats(f, g float32) []float32 {
	d := float64(f)
	which := float32(3)
	if f < g {
		which = 1
	} else if f >= g {
		which = 2
	}
	return []float32{
		f / g, float32(math.Sqrt(d)), float32(math.Floor(d)), float32(math.Ceil(d)), float32(math.Trunc(d)), float32(math.RoundToEven(d)),
		float32(math.Abs(d)), number(f, g, true), number(f, g, false), float32(math.Copysign(d, float64(g))), fmaAny(f, g, f),
		float32(widenF16(halfBits(d))), which, -f, float32(widenF16(halfBits(widenF16(halfBits(d)) * widenF16(halfBits(float64(g)))))), f - g,
	}
}

func fmaAny(a, b, c float32) float32 {
	if x := float64(a)*float64(b) + float64(c); x-x != 0 || x == 0 {
		return float32(x)
	}
	return fma32(a, b, c)
}

func number(f, g float32, least bool) float32 {
	switch {
	case f != f:
		return g
	case g != g:
		return f
	case least:
		return min(f, g)
	}
	return max(f, g)
}

// halfBits rounds to an f16 the slow way: of all there are, the nearest, and of two the even one.
func halfBits(x float64) uint64 {
	if x != x {
		return 0x7fff
	}
	sign := uint64(0)
	if math.Signbit(x) {
		sign, x = 0x8000, -x
	}
	if x >= 65520 {
		return sign | 0x7c00
	}
	quantum := 0x1p-24
	if _, e := math.Frexp(x); x != 0 && e > -13 {
		quantum = math.Ldexp(1, e-11)
	}
	v := math.RoundToEven(x/quantum) * quantum
	for h := range uint64(0x7c00) {
		if half(h) == v {
			return sign | h
		}
	}
	panic("no f16")
}

func half(h uint64) float64 {
	if h>>10 == 0 {
		return float64(h) * 0x1p-24
	}
	return math.Ldexp(float64(1024+h&1023), int(h>>10)-25)
}

func TestDoubles(t *testing.T) {
	var x, y []float64
	for i, a := range someFloats {
		x, y = append(x, a), append(y, someFloats[(i*7+3)%len(someFloats)])
	}
	mem := NewMemory()
	out := mem.Alloc(8 * 12 * len(x))
	require.NoError(t, module(t, "plain").Launch(mem, Launch{
		Kernel: "doubles", Grid: dim(1), Block: dim(uint32(len(x))), Args: []any{array(mem, x), array(mem, y), out},
	}))
	for i, f := range x {
		got := read[uint64](t, mem, out+uint64(i*96), 12)
		for k, want := range doubles(f, y[i]) {
			if want != want {
				require.True(t, f64(got[k]) != f64(got[k]), "%d: %v %v", k, f, y[i])
				continue
			}
			require.Equal(t, math.Float64bits(want), got[k], "%d: %v %v", k, f, y[i])
		}
	}
}

func doubles(f, g float64) []float64 {
	least := f
	if f != f || g < f {
		least = g
	}
	return []float64{
		f / g, math.Sqrt(f), math.Floor(f), math.RoundToEven(f), math.FMA(f, g, g), float64(float32(f)),
		float64(clamp(f, 64, true)), clamp(f, 32, false), float64(float32(clamp(f, 64, true))),
		widenF16(halfBits(f)), clamp(f, 32, true), least,
	}
}

func clamp(f float64, n int, signed bool) float64 {
	if f != f { // from f64 it is the least integer
		if signed {
			return -math.Ldexp(1, n-1)
		}
		return math.Ldexp(1, n-1)
	}
	f = math.Trunc(f)
	if signed {
		return max(min(f, math.Ldexp(1, n-1)-float64(1-n/64)), -math.Ldexp(1, n-1)) + 0
	}
	return max(min(f, math.Ldexp(1, n)-1), 0) + 0
}

func TestAtomics(t *testing.T) {
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		x, y, u := mem.Alloc(4*9), array(mem, []uint64{7, 1}), mem.Alloc(4*101)
		require.NoError(t, module(t, "plain").Launch(mem, Launch{
			Kernel: "atomics", Grid: dim(1), Block: dim(100), Args: []any{x, y, u}, Descending: descending,
		}))
		require.Equal(t, []int32{100, -99, 5, 9, -1, 25, 25, 25, 25}, read[int32](t, mem, x, 9))
		require.Equal(t, []uint64{0, 1 + 100<<40}, read[uint64](t, mem, y, 2))
		ballots := read[uint32](t, mem, u, 101)
		require.Equal(t, []uint32{99, 0xaaaaaaaa, 0xaaaaaaaa}, ballots[:3])
		require.Equal(t, uint32(0xa), ballots[100])
	})
}

func TestLocalMemoryAndCalls(t *testing.T) {
	mem := NewMemory()
	x, index := make([]float32, 32), make([]int32, 32)
	want := make([]float32, 32)
	for i := range x {
		x[i], index[i] = float32(i)/4, int32(i*5)
	}
	for i := range want {
		a := float32(1)
		for range i % 5 {
			a = fma32(a, x[i], 1)
		}
		want[i] = x[16+i*5&15] + a
	}
	a := array(mem, x)
	require.NoError(t, module(t, "plain").Launch(mem, Launch{
		Kernel: "local", Grid: dim(1), Block: dim(32), Args: []any{a, array(mem, index), int32(32)},
	}))
	require.Equal(t, want, read[float32](t, mem, a, 32))
}

func TestCases(t *testing.T) {
	mem := NewMemory()
	x := make([]int32, 32)
	for i := range x {
		x[i] = int32(i % 10)
	}
	a := array(mem, x)
	require.NoError(t, module(t, "plain").Launch(mem, Launch{Kernel: "cases", Grid: dim(1), Block: dim(32), Args: []any{a, int32(5)}}))
	require.Equal(t, []int32{364, 5, 7, 6, 1, 1, 40, -5, 8, 9}, read[int32](t, mem, a, 10))
}

func TestVectorsAndStructs(t *testing.T) {
	mem := NewMemory()
	m := module(t, "plain")
	x, y := array(mem, make([]float32, 128)), array(mem, make([]float32, 64))
	var p []byte
	p, _ = binary.Append(p, binary.LittleEndian, []float32{1, 2, 3, 4})
	require.NoError(t, m.Launch(mem, Launch{Kernel: "vectors", Grid: dim(1), Block: dim(32), Args: []any{x, y, p}}))
	require.Equal(t, []float32{1, 2, 3, 4, 1, 2}, read[float32](t, mem, x, 6))
	require.Equal(t, []float32{1, 1}, read[float32](t, mem, y+8*31, 2))

	var s []byte
	for i := range 20 {
		s, _ = binary.Append(s, binary.LittleEndian, int32(i*i))
	}
	s, _ = binary.Append(s, binary.LittleEndian, x)
	s = append(s, 200, 0, 0x10, 0x27, 0, 0, 0, 0)
	out := mem.Alloc(4 * 32)
	require.NoError(t, m.Launch(mem, Launch{Kernel: "by_value", Grid: dim(1), Block: dim(32), Args: []any{s, out}}))
	require.Equal(t, []int32{10201, 10203, 10207, 10213}, read[int32](t, mem, out, 4))
}

func TestConstantsAndGlobals(t *testing.T) {
	mem := NewMemory()
	m := module(t, "plain")
	out := mem.Alloc(4 * 64)
	for range 3 {
		require.NoError(t, m.Launch(mem, Launch{Kernel: "constants", Grid: dim(2), Block: dim(32), Args: []any{out, int32(21)}}))
	}
	require.Equal(t, []int32{2, 4, 6, 6, 10, 4, 3}, read[int32](t, mem, out, 7))
	addr, size := m.Global(mem, "counter")
	require.Equal(t, 4, size)
	require.Equal(t, int32(126), read[int32](t, mem, addr, 1)[0])
}
