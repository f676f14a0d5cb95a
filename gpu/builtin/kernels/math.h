// Functions of f32 by fixed operations, each rounded to nearest even: the same bits as gpu/cpu. For device.h's includers.
#pragma once

INLINE f32 power2(i32 n) { return float_of((u32)(n + 127) << 23); }

// exp32 is e to the x: see gpu/cpu/exp.go, which it follows operation by operation.
INLINE f32 exp32(f32 x) {
	f32 n = x * 1.44269504f + 12582912.0f;
	n -= 12582912.0f;
	f32 r = x - n * 0.693359375f;
	r -= n * -2.12194440e-4f;
	f32 p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * (r * r) + r;
	p += 1.0f;
	i32 i = (i32)(x != x ? 0 : n), half = i >> 1;
	f32 y = p * power2(half) * power2(i - half);
	if (x > 88.72284f) y = float_of(0x7f800000);
	if (x < -103.97208f) y = 0;
	return y;
}
