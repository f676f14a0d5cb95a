package cpu

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

func noise(n int, seed uint64) [][2]float32 {
	r := rand.New(rand.NewPCG(seed, 17))
	x := make([][2]float32, n)
	for i := range x {
		x[i] = [2]float32{r.Float32() - 0.5, r.Float32() - 0.5}
	}
	return x
}

func transformed(t *testing.T, x [][2]float32, inverse uint64, shape ...int64) [][2]float32 {
	in := of(op.F32, x, append(shape, 2)...)
	return view[[2]float32](compute(t, op.Op{Code: op.FFT, Params: []uint64{inverse}}, []tensor{in}, in.Desc)[0])
}

// dft is one frequency by the definition, in f64.
func dft(x [][2]float32, k int, inverse bool) complex128 {
	sum, n := complex128(0), len(x)
	for j, v := range x {
		angle := -2 * math.Pi * float64(j*k%n) / float64(n)
		if inverse {
			angle = -angle
		}
		sum += complex(float64(v[0]), float64(v[1])) * cmplx.Exp(complex(0, angle))
	}
	if inverse {
		sum /= complex(float64(n), 0)
	}
	return sum
}

func requireNear(t *testing.T, want complex128, got [2]float32, scale float64, msg ...any) {
	t.Helper()
	require.Less(t, cmplx.Abs(want-complex(float64(got[0]), float64(got[1])))/scale, 1.5e-6, msg...)
}

func TestFFTIsTheDefinition(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 12, 16, 31, 64, 100, 243, 256, 509, 1000} {
		x := noise(3*n, uint64(n))
		for inverse := range 2 {
			out := transformed(t, x, uint64(inverse), 3, int64(n))
			scale := math.Sqrt(float64(n))
			if inverse == 1 {
				scale = 1 / scale
			}
			for row := range 3 {
				for k := range n {
					requireNear(t, dft(x[row*n:][:n], k, inverse == 1), out[row*n+k], scale, "n %d, row %d, %d, inverse %d", n, row, k, inverse)
				}
			}
		}
	}
}

func TestLongFFT(t *testing.T) {
	for _, n := range []int{1 << 12, 1 << 13, 1 << 14, 1 << 18, 100_003, 1 << 20} {
		x := noise(n, uint64(n))
		out := transformed(t, x, 0, int64(n))
		for _, k := range []int{0, 1, n/2 - 1, n / 2, n / 3, n - 1} {
			requireNear(t, dft(x, k, false), out[k], math.Sqrt(float64(n)), "n %d, %d", n, k)
		}
		back := transformed(t, out, 1, int64(n))
		worst := float32(0)
		for i := range x {
			worst = max(worst, x[i][0]-back[i][0], back[i][0]-x[i][0], x[i][1]-back[i][1], back[i][1]-x[i][1])
		}
		require.Less(t, worst, float32(1.5e-6), "n %d", n)
	}
}

func TestFFTGivesOneNaN(t *testing.T) {
	out := transformed(t, [][2]float32{{math.Float32frombits(0xffc00001), 0}, {1, 2}}, 0, 2)
	require.Equal(t, []uint32{0x7fc00000, 0x40000000}, []uint32{math.Float32bits(out[0][0]), math.Float32bits(out[0][1])})
	require.Equal(t, uint32(0x7fc00000), math.Float32bits(out[1][0]))
}

func TestFFTTakesTheSessionsMemory(t *testing.T) {
	ex := New(&heap{make([]byte, 1<<16), 1 << 30}, nil, op.Info{}, 1<<16, math.MaxInt64)
	a, err := ex.Alloc(op.Desc{DType: op.F32, Shape: []int64{1001, 2}})
	require.NoError(t, err)
	b, err := ex.Alloc(op.Desc{DType: op.F32, Shape: []int64{1001, 2}})
	require.NoError(t, err)
	g := op.Graph{Tensors: []op.Tensor{{Handle: a}, {Handle: b}, {Desc: op.Desc{DType: op.F32, Shape: []int64{1001, 2}}}},
		Ops: []op.Op{{Code: op.FFT, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{0}}}}
	_, err = ex.Submit(g.Append(nil))
	require.NoError(t, err, "two tensors of 8 KiB, and twice 16 KiB beside them")
	g.Ops[0].Out[0] = 2
	g.Ops = append(g.Ops, op.Op{Code: op.FFT, In: []uint16{2}, Out: []uint16{1}, Params: []uint64{1}})
	for range 20 { // nothing of it stays
		_, err = ex.Submit(g.Append(nil))
		require.NoError(t, err)
	}
	filler, err := ex.Alloc(op.Desc{DType: op.U8, Shape: []int64{17 << 10}})
	require.NoError(t, err)
	_, err = ex.Submit(g.Append(nil))
	require.ErrorContains(t, err, "over quota: there is no room for op 0 (fft)")
	require.NoError(t, ex.Free(filler))
	_, err = ex.Submit(g.Append(nil))
	require.NoError(t, err)
}
