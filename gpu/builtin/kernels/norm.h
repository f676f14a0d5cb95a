// Softmax and LayerNorm: gpu/cpu/softmax.go says what they are. Sums go in the order of sum.h. A row that fits is loaded once and kept in
// registers: of a warp, E elements a thread, or of a block of 256 threads. Longer rows are read again for each step. For includers of
// device.h, math.h and sum.h.
#pragma once

#define INFINITE float_of(0x7f800000)
INLINE f32 most(f32 a, f32 b) { return a != a || a > b ? a : b; } // NaN wins

INLINE f32 xor_f32(f32 v, u32 d) { return float_of(lane_xor(bits_of(v), d)); }

// warp_sum adds the lanes of the order that lie in a warp, eight in a thread, and gives the sum to all threads.
INLINE f32 warp_sum(f32 *acc) {
	REPEAT(k, 4) acc[k] += acc[k + 4];
	REPEAT(k, 2) acc[k] += acc[k + 2];
	f32 v = acc[0] + acc[1];
	for (u32 s = 16; s > 0; s /= 2) v += down_f32(v, s);
	return float_of((u32)__nvvm_shfl_sync_idx_i32(-1, (i32)bits_of(v), 0, 31));
}

// block_sum adds one lane a thread, and gives the sum to all of the block.
INLINE f32 block_sum(SHARED f32 *part, f32 v) {
	u32 t = tid();
	part[t] = v;
	sync();
	for (u32 s = 128; s > 0; s /= 2) {
		if (t < s) part[t] += part[t + s];
		sync();
	}
	v = part[0];
	sync();
	return v;
}

INLINE f32 warp_most(f32 v) {
	for (u32 s = 16; s > 0; s /= 2) v = most(v, xor_f32(v, s));
	return v;
}

INLINE f32 block_most(SHARED f32 *part, f32 v) {
	u32 t = tid();
	part[t] = v;
	sync();
	for (u32 s = 128; s > 0; s /= 2) {
		if (t < s) part[t] = most(part[t], part[t + s]);
		sync();
	}
	v = part[0];
	sync();
	return v;
}

// Each kernel is written once, for a warp and for a block: AT(j) is the place of a thread's j-th element, SUM adds VALUE over the row.
#define WARP_AT(j) (t + 32 * (j))
#define WARP_SUM(TO, E, VALUE) { \
		f32 acc[8] = {0, 0, 0, 0, 0, 0, 0, 0}; \
		REPEAT(j, E) acc[j & 7] += WARP_AT(j) < n ? VALUE : 0; \
		TO = warp_sum(acc); \
	}
#define BLOCK_AT(j) (t + LANES * (j))
#define BLOCK_SUM(TO, E, VALUE) { \
		f32 acc = 0; \
		REPEAT(j, E) acc += BLOCK_AT(j) < n ? VALUE : 0; \
		TO = block_sum(part, acc); \
	}

#define SOFTMAX_BODY(T, E, AT, MOST, SUM) \
	f32 x[E], m = -INFINITE, s; \
	REPEAT(j, E) x[j] = AT(j) < n ? load_##T(in + row * n + AT(j)) : -INFINITE; \
	REPEAT(j, E) m = most(m, x[j]); \
	m = MOST; \
	REPEAT(j, E) x[j] = exp32(x[j] - m); \
	SUM(s, E, x[j]) \
	REPEAT(j, E) if (AT(j) < n) store_##T(out + row * n + AT(j), x[j] / s);

#define NORM_BODY(T, E, AT, MOST, SUM) \
	f32 x[E], s, inv; \
	REPEAT(j, E) x[j] = AT(j) < n ? load_##T(in + row * n + AT(j)) : 0; \
	SUM(s, E, x[j]) \
	s /= (f32)n; \
	REPEAT(j, E) x[j] -= s; \
	SUM(inv, E, x[j] * x[j]) \
	inv = 1.0f / sqrt_rn(inv / (f32)n + eps); \
	REPEAT(j, E) if (AT(j) < n) store_##T(out + row * n + AT(j), x[j] * inv * gamma[AT(j)] + beta[AT(j)]);

#define SOFTMAX_ARGS(T) GLOBAL T *__restrict out, GLOBAL const T *__restrict in, u64 rows, u32 n
#define NORM_ARGS(T) SOFTMAX_ARGS(T), GLOBAL const f32 *__restrict gamma, GLOBAL const f32 *__restrict beta, f32 eps

#define IN_WARP(NAME, ARGS, BODY, T, E) \
	KERNEL NAME##_warp##E##_##T(ARGS(T)) { \
		u32 t = tid() & 31; \
		for (u64 row = gid() / 32; row < rows; row += gstride() / 32) { BODY(T, E, WARP_AT, warp_most(m), WARP_SUM) } \
	}
#define IN_BLOCK(NAME, ARGS, BODY, T, E) \
	KERNEL NAME##_block##E##_##T(ARGS(T)) { \
		static SHARED f32 part[LANES]; \
		u32 t = tid(); \
		for (u64 row = block(); row < rows; row += blocks()) { BODY(T, E, BLOCK_AT, block_most(part, m), BLOCK_SUM) } \
	}

// Steps of rows that do not fit. m holds a number for each row: its largest element, or its mean. pieces adds VALUE of x over each piece
// of a row, like sum_rows.
#define PIECES(NAME, T, VALUE) \
	KERNEL NAME##_##T(GLOBAL f32 *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, u64 rows, u64 n) { \
		u64 pieces = (n + CHUNK - 1) / CHUNK; \
		for (u64 p = gid() / 32; p < rows * pieces; p += gstride() / 32) { \
			u64 row = p / pieces, from = (p - row * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK; \
			f32 of = m[row], acc[8] = {0, 0, 0, 0, 0, 0, 0, 0}; \
			for (u32 i = tid() & 31; i < left; i += LANES) \
				REPEAT(k, 8) if (i + 32 * k < left) { \
					f32 x = load_##T(in + row * n + from + i + 32 * k) - of; \
					acc[k] += VALUE; \
				} \
			f32 v = warp_sum(acc); \
			if ((tid() & 31) == 0) out[p] = v; \
		} \
	}

// A block has a stretch of 256 elements of one row.
#define EACH_OF_ROWS(VALUE) \
	u64 bands = (n + LANES - 1) / LANES; \
	for (u64 b = block(); b < rows * bands; b += blocks()) { \
		u64 row = b / bands, i = (b - row * bands) * LANES + tid(); \
		if (i < n) VALUE; \
	}

#define LONG_ROWS(T) \
	PIECES(exps, T, exp32(x)) \
	PIECES(squares, T, x * x) \
	KERNEL softmax_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n) { \
		EACH_OF_ROWS(store_##T(out + row * n + i, exp32(load_##T(in + row * n + i) - m[row]) / s[row])) \
	} \
	KERNEL layernorm_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n, GLOBAL const f32 *__restrict gamma, GLOBAL const f32 *__restrict beta, f32 eps) { \
		EACH_OF_ROWS(store_##T(out + row * n + i, (load_##T(in + row * n + i) - m[row]) * (1.0f / sqrt_rn(s[row] + eps)) * gamma[i] + beta[i])) \
	}

#define NORMS(T) \
	IN_WARP(softmax, SOFTMAX_ARGS, SOFTMAX_BODY, T, 8) IN_WARP(softmax, SOFTMAX_ARGS, SOFTMAX_BODY, T, 32) \
	IN_BLOCK(softmax, SOFTMAX_ARGS, SOFTMAX_BODY, T, 8) IN_BLOCK(softmax, SOFTMAX_ARGS, SOFTMAX_BODY, T, 32) \
	IN_WARP(layernorm, NORM_ARGS, NORM_BODY, T, 8) IN_WARP(layernorm, NORM_ARGS, NORM_BODY, T, 32) \
	IN_BLOCK(layernorm, NORM_ARGS, NORM_BODY, T, 8) IN_BLOCK(layernorm, NORM_ARGS, NORM_BODY, T, 32) \
	LONG_ROWS(T)
