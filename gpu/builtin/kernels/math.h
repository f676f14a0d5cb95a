// Functions of f32 by fixed operations, each rounded to nearest even: the same bits as gpu/cpu. For device.h's includers.
#pragma once

// exp_below is e to an x that is not above 0, with the bits of exp32 in gpu/cpu/exp.go, in fewer instructions: below -104 all is 0; n * 355 / 512 is
// exact, so that nothing is lost by rounding once; and 2^n goes into the exponent of p, by way of 2^(n+64) where the result has less than 24
// bits. NaN counts as far below. exp_near is that of -86 to 0.
INLINE f32 exp_of(f32 x, f32 add) {
	f32 near = x * 1.44269504f + add;
	f32 n = near - add;
	f32 r = __builtin_fmaf(n, -0.693359375f, x);
	r -= n * -2.12194440e-4f;
	f32 p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * (r * r) + r;
	p += 1.0f;
	return float_of(bits_of(p) + (bits_of(near) << 23));
}
INLINE f32 exp_below(f32 x) { return exp_of(__nvvm_fmax_f(x, -104.0f), 12582976.0f) * 0x1p-64f; } // 1.5 * 2^23 + 64
INLINE f32 exp_near(f32 x) { return exp_of(x, 12582912.0f); }
