package cpu

import "math"

// exp32 is e to the x by operations that are each rounded to f32 (kernels/math.h comes to the same bits): x is brought to r in [-ln2/2, ln2/2] by n times ln2
// taken off in two parts, a polynomial gives e^r, and two multiplications scale it by 2^n. It is off by 2 units in the last place at
// most; it is infinite above 88.72284, and 0 below -103.97208; NaN gives NaN.
func exp32(x float32) float32 {
	if x > 88.72284 {
		return float32(math.Inf(1))
	}
	if x < -103.97208 {
		return 0
	}
	n := float32(x*1.44269504) + 12582912 // 1.5 * 2^23: the sum has no bits below one
	n -= 12582912
	r := x - float32(n*0.693359375)
	r -= float32(n * -2.12194440e-4)
	p := float32(1.9875691500e-4)
	p = float32(p*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	p = float32(p*float32(r*r)) + r
	p += 1
	i := int32(n)
	half := i >> 1
	return float32(p*power2(half)) * power2(i-half)
}

// power2 is 2 to the n, for n that a normal float has.
func power2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }
