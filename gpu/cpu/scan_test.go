package cpu

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

func scanned[T any](t *testing.T, d op.DType, elems []T, exclusive uint64, shape ...int64) []T {
	in := of(d, elems, shape...)
	return view[T](compute(t, op.Op{Code: op.Scan, Params: []uint64{exclusive}}, []tensor{in}, in.Desc)[0])
}

func TestScanOfIntegersWraps(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 31, 32, 33, 1024, 1025, 33_000} {
		a, b := make([]int32, 3*n), make([]int64, 3*n)
		for i := range a {
			a[i], b[i] = int32(r.Uint32()), int64(r.Uint64())
		}
		for exclusive := range 2 {
			got32, got64 := scanned(t, op.I32, a, uint64(exclusive), 3, int64(n)), scanned(t, op.I64, b, uint64(exclusive), 3, int64(n))
			for row := range 3 {
				sum32, sum64 := int32(0), int64(0)
				for i := row * n; i < (row+1)*n; i++ {
					if exclusive == 0 {
						sum32, sum64 = sum32+a[i], sum64+b[i]
					}
					require.Equal(t, sum32, got32[i], "n %d, %d", n, i)
					require.Equal(t, sum64, got64[i], "n %d, %d", n, i)
					if exclusive == 1 {
						sum32, sum64 = sum32+a[i], sum64+b[i]
					}
				}
			}
		}
	}
}

// scanOrder is the documented order, written for one place: the sums of full segments before it, by the same rule, and its own.
func scanOrder(x []float32, i int) float32 {
	first := i / 32 * 32
	own := x[first]
	for _, v := range x[first+1 : i+1] {
		own += v
	}
	if first == 0 {
		return own
	}
	sums := make([]float32, first/32)
	for s := range sums {
		sums[s] = scanOrder(x[s*32:s*32+32], 31)
	}
	return scanOrder(sums, len(sums)-1) + own
}

func TestScanOfFloatsKeepsItsOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	const n = 40_000
	x := make([]float32, n)
	for i := range x {
		x[i] = (r.Float32() - 0.4) * float32(int64(1)<<r.IntN(20))
	}
	got, before := scanned(t, op.F32, x, 0, n), scanned(t, op.F32, x, 1, n)
	for _, i := range []int{0, 1, 31, 32, 63, 64, 1023, 1024, 1055, 1056, 32_767, 32_768, 33_000, n - 1} {
		require.Equal(t, scanOrder(x, i), got[i], "%d", i)
	}
	require.Zero(t, before[0])
	require.Equal(t, got[:n-1], before[1:])
	exact := new(big.Float).SetPrec(200)
	largest := 0.0
	for i, v := range x {
		exact.Add(exact, big.NewFloat(float64(v)))
		want, _ := exact.Float64()
		largest = max(largest, math.Abs(want), float64(v))
		require.InDelta(t, want, got[i], largest*1e-5, "%d", i)
	}
}

func TestScanGivesOneNaN(t *testing.T) {
	got := scanned(t, op.F32, []float32{1, float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0xffc01234)}, 0, 4)
	require.Equal(t, uint32(0x7fc00000), math.Float32bits(got[2]))
	require.Equal(t, uint32(0x7fc00000), math.Float32bits(got[3]))
	first := scanned(t, op.F32, []float32{float32(math.Copysign(0, -1))}, 0, 1)
	require.True(t, math.Signbit(float64(first[0])), "nothing is added to a first element")
}

func counted[T any](t *testing.T, d op.DType, elems []T, bins int64, low, high float64) []int32 {
	params := []uint64{math.Float64bits(low), math.Float64bits(high)}
	return view[int32](compute(t, op.Op{Code: op.Histogram, Params: params}, []tensor{of(d, elems, int64(len(elems)))}, op.Desc{DType: op.I32, Shape: []int64{bins}})[0])
}

func TestHistogram(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	require.Equal(t, []int32{2, 1, 0, 2}, counted(t, op.F32, []float32{0, 0.2499, 0.25, 1, 0.99, -0.01, 1.01, nan, inf, -inf}, 4, 0, 1))
	require.Equal(t, []int32{1, 0, 2}, counted(t, op.I32, []int32{-10, 20, 19, 21, -11, math.MaxInt32}, 3, -10, 20))
	require.Equal(t, []int32{1}, counted(t, op.F32, []float32{0}, 1, 0, 5e-324), "bins so narrow that their number is infinite")
	pixels := make([]uint8, 300_000)
	want := make([]int32, 256)
	for i := range pixels {
		pixels[i] = uint8(i * i >> 3)
		want[pixels[i]]++
	}
	require.Equal(t, want, counted(t, op.U8, pixels, 256, 0, 256))
	r := rand.New(rand.NewPCG(11, 12))
	x, wide := make([]float32, 100_000), make([]int32, 1000)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		wide[int(math.Floor((float64(x[i])+8)/0.016))]++
	}
	require.Equal(t, wide, counted(t, op.F32, x, 1000, -8, 8))
}
