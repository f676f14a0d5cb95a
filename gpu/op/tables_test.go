package op

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRootsAreSinesAndCosines(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 8, 1000, 4096, 4097, 100_003, 1 << 25} {
		coarse, fine := Roots(n)
		for _, k := range []int64{0, 1, n / 8, n / 4, n / 3, n / 2, n/2 + 1, 3 * (n / 4), n - 1} {
			if k >= n {
				continue
			}
			re, im := RootOf(coarse[k/RootStep], fine[k%RootStep])
			s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
			require.InDelta(t, c, re, 6e-8, "%d of %d", k, n)
			require.InDelta(t, s, im, 6e-8, "%d of %d", k, n)
		}
	}
	re, im := RootOf(root(1<<23, 1<<25), root(0, 1<<25))
	require.Equal(t, [2]float32{0, -1}, [2]float32{re, im})
}

func TestTheSineIsRightToTheLastBits(t *testing.T) {
	for i := range 2000 {
		x := float64(i)/97 - 10
		turn := new(big.Float).SetPrec(200).SetFloat64(math.Mod(x, 2))
		require.InDelta(t, sinBig(turn), sinPi(x), 3e-16, "%v", x)
	}
	for i := -6; i <= 6; i++ {
		require.Zero(t, sinPi(float64(i)))
	}
}

// sinBig is the sine of πx from its series, with 200 bits.
func sinBig(x *big.Float) float64 {
	pi, _, err := big.ParseFloat("3.14159265358979323846264338327950288419716939937510582097494459", 10, 200, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	y := new(big.Float).Mul(x, pi)
	square := new(big.Float).Mul(y, y)
	term, sum := new(big.Float).Set(y), new(big.Float).Set(y)
	for i := int64(2); i < 80; i += 2 {
		term.Mul(term, square)
		term.Quo(term, new(big.Float).SetInt64(-i*(i+1)))
		sum.Add(sum, term)
	}
	f, _ := sum.Float64()
	return f
}

func TestTapsStayInTheInputAndAddUpToOne(t *testing.T) {
	for _, filter := range []int64{Bilinear, Lanczos3} {
		for _, c := range [][2]int64{{1, 1}, {1, 7}, {7, 1}, {2, 3}, {3, 2}, {640, 224}, {224, 640}, {1000, 999}, {5, 5}, {1 << 20, 3}} {
			taps := ResizeTaps(filter, c[0], c[1])
			for i := range taps.First {
				sum, n := 0.0, int(taps.Count[i])
				for _, w := range taps.Weights[i*taps.Stride:][:n] {
					sum += float64(w)
				}
				require.Positive(t, n)
				require.LessOrEqual(t, n, taps.Stride)
				require.GreaterOrEqual(t, taps.First[i], int32(0))
				require.LessOrEqual(t, int64(taps.First[i])+int64(n), c[0])
				require.InDelta(t, 1, sum, 1e-4, "filter %d, %v, place %d", filter, c, i)
			}
		}
		same := ResizeTaps(filter, 9, 9)
		for i := range same.First {
			require.Equal(t, []any{int32(i), int32(1), float32(1)}, []any{same.First[i], same.Count[i], same.Weights[i*same.Stride]}, "a picture that keeps its size is copied")
		}
	}
}

func TestNearestTakesTheMiddle(t *testing.T) {
	require.Equal(t, int64(1), NearestTap(0, 3, 1))
	require.Equal(t, []int64{0, 0, 1, 1}, []int64{NearestTap(0, 2, 4), NearestTap(1, 2, 4), NearestTap(2, 2, 4), NearestTap(3, 2, 4)})
	require.Equal(t, int64(1<<20-1), NearestTap(1<<20-1, 1<<20, 1<<20))
}

// GPUs make the root of a quarter turn further out of another one, so these have to be the same numbers.
func TestAQuarterTurnIsExact(t *testing.T) {
	coarse, fine := Roots(FFTRoots)
	quarter := len(coarse) / 4
	for i := range quarter {
		for _, k := range []int{0, 1, 7, i % RootStep, RootStep - 1} {
			re, im := RootOf(coarse[i], fine[k])
			onRe, onIm := RootOf(coarse[i+quarter], fine[k])
			require.Equal(t, [2]uint32{math.Float32bits(im), math.Float32bits(-re)}, [2]uint32{math.Float32bits(onRe), math.Float32bits(onIm)}, "%d, %d", i, k)
		}
	}
}
