package op

import (
	"math"
	"math/bits"
)

// Executors share the tables of this file and of taps.go, so that a CPU and a GPU use the same numbers. They are made without fused
// multiplication (a product is converted before it is added to), and without the math package's sine, which is not the same everywhere.

// RootStep is how many steps a coarse root is.
const RootStep = 1 << 12

// Roots gives e^(-2πik/n) for k below n as products: of coarse[k / RootStep] and fine[k % RootStep], each a cosine and a sine. An
// executor multiplies them as RootOf does.
func Roots(n int64) (coarse, fine [][2]float64) {
	coarse = make([][2]float64, (n+RootStep-1)/RootStep)
	for i := range coarse {
		coarse[i] = root(int64(i)*RootStep, n)
	}
	fine = make([][2]float64, min(n, RootStep))
	for i := range fine {
		fine[i] = root(int64(i), n)
	}
	return coarse, fine
}

// RootOf multiplies a coarse and a fine root in f64 and rounds to f32. A coarse root comes out as it is when the fine one is 1.
func RootOf(c, f [2]float64) (re, im float32) {
	return float32(float64(c[0]*f[0]) - float64(c[1]*f[1])), float32(float64(c[0]*f[1]) + float64(c[1]*f[0]))
}

// root is e^(-2πik/n), 0 <= k < n.
func root(k, n int64) [2]float64 {
	octant := 8 * k / n
	s, c := sinCos(int(octant), float64(8*k-octant*n)/float64(n))
	return [2]float64{c, -s + 0} // not -0
}

// sinPi is the sine of πx, exactly 0 where x is an integer.
func sinPi(x float64) float64 {
	y := math.Mod(math.Abs(x), 2)
	octant := int(4 * y)
	s, _ := sinCos(octant, float64(4*y)-float64(octant))
	return math.Copysign(1, x) * s
}

// sinCos gives the sine and cosine of so many eighths of a turn and the part r of the next one.
func sinCos(octant int, r float64) (sin, cos float64) {
	if octant&1 != 0 {
		r = 1 - r
	}
	x := r * (math.Pi / 4)
	z := float64(x * x)
	s, c := 1.0/355687428096000, 1.0/20922789888000 // 17! and 16!
	for _, k := range [...]float64{-1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1} {
		s = float64(s*z) + k
	}
	for _, k := range [...]float64{-1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -1.0 / 2, 1} {
		c = float64(c*z) + k
	}
	s *= x
	if (octant+1)&2 != 0 {
		s, c = c, s
	}
	if octant&4 != 0 {
		s = -s
	}
	if (octant+2)&4 != 0 {
		c = -c
	}
	return s, c
}

// FFT of 1<<log numbers: number i goes to the place of its reversed bits; then, in stage s = 0, 1, ... log-1, the numbers a at places i
// without bit s and b at i + 1<<s become a + wb and a - wb, w the root of place i mod 1<<s of 2<<s, conjugated for the inverse. Each
// product and each sum is rounded to f32. Any grouping of the stages gives the same bits.
const (
	// FFTRoots is what one table of Roots serves all sizes with: root k of n is root k*FFTRoots/n. Bluestein needs it up to twice the largest n.
	FFTRoots = 2 * maxFFT
	// FFTDirect is the number of first stages that need none but coarse roots: place j of stage s is coarse[j<<(FFTDirect-1-s)].
	FFTDirect = 13
)

// FFTLog is the logarithm of the least power of two that is not below n.
func FFTLog(n int64) int { return bits.Len64(uint64(n - 1)) }

// FFTReverse turns the lowest bits of i round.
func FFTReverse(i int64, log int) int64 {
	return int64(bits.Reverse64(uint64(i)) >> (64 - log))
}
