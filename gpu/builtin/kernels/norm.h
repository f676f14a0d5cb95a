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

// block_sum adds one lane a thread, and gives the sum to all of the block. Each warp adds up all for itself, so that nobody waits twice.
// Who calls it again, or block_most, uses other memory the next time, and may use this one's the time after.
INLINE f32 block_sum(SHARED f32 *part, f32 v) {
	part[tid()] = v;
	sync();
	f32 acc[8];
	REPEAT(k, 8) acc[k] = part[(tid() & 31) + 32 * k];
	return warp_sum(acc);
}

INLINE f32 warp_most(f32 v) {
	for (u32 s = 16; s > 0; s /= 2) v = most(v, xor_f32(v, s));
	return v;
}

INLINE f32 block_most(SHARED f32 *part, f32 v) {
	v = warp_most(v);
	if ((tid() & 31) == 0) part[tid() / 32] = v;
	sync();
	v = part[0];
	REPEAT(k, 7) v = most(v, part[k + 1]);
	return v;
}

// Each kernel is written once, for a warp and for a block: AT(j) is the place of a thread's j-th element, SUM adds VALUE over the row.
#define WARP_AT(j) (t + 32 * (j))
#define WARP_SUM(USE, TO, E, VALUE) { \
		f32 acc[8] = {0, 0, 0, 0, 0, 0, 0, 0}; \
		REPEAT(j, E) acc[j & 7] += WARP_AT(j) < n ? VALUE : 0; \
		TO = warp_sum(acc); \
	}
#define BLOCK_AT(j) (t + LANES * (j))
#define BLOCK_SUM(USE, TO, E, VALUE) { \
		f32 acc = 0; \
		REPEAT(j, E) acc += BLOCK_AT(j) < n ? VALUE : 0; \
		TO = block_sum(part[USE], acc); \
	}

#define SOFTMAX_BODY(T, E, AT, MOST, SUM) \
	f32 x[E], m = -INFINITE, s; \
	REPEAT(j, E) x[j] = AT(j) < n ? load_##T(in + row * n + AT(j)) : -INFINITE; \
	REPEAT(j, E) m = most(m, x[j]); \
	m = MOST; \
	REPEAT(j, E) x[j] = exp32(x[j] - m); \
	SUM(1, s, E, x[j]) \
	REPEAT(j, E) if (AT(j) < n) store_##T(out + row * n + AT(j), x[j] / s);

#define NORM_BODY(T, E, AT, MOST, SUM) \
	f32 x[E], s, inv; \
	REPEAT(j, E) x[j] = AT(j) < n ? load_##T(in + row * n + AT(j)) : 0; \
	SUM(0, s, E, x[j]) \
	s /= (f32)n; \
	REPEAT(j, E) x[j] -= s; \
	SUM(1, inv, E, x[j] * x[j]) \
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
		static SHARED f32 part[2][LANES]; \
		u32 t = tid(); \
		for (u64 row = block(); row < rows; row += blocks()) { BODY(T, E, BLOCK_AT, block_most(part[0], m), BLOCK_SUM) } \
	}

// Steps of rows that do not fit. m holds a number for each row: its largest element, or its mean. PIECES adds VALUE of x over each piece
// of a row: one block for each, one lane a thread.
#define PIECES(NAME, T, VALUE) \
	KERNEL NAME##_##T(GLOBAL f32 *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, u64 rows, u64 n) { \
		static SHARED f32 part[2][LANES]; \
		u64 pieces = (n + CHUNK - 1) / CHUNK; \
		u32 use = 0; \
		for (u64 p = block(); p < rows * pieces; p += blocks(), use ^= 1) { \
			u64 row = share(p, pieces), from = (p - row * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK, i = tid(); \
			GLOBAL const T *at = in + row * n + from; \
			f32 of = m[row], acc = 0; \
			for (; i + 7 * LANES < left; i += 8 * LANES) { \
				f32 v[8]; \
				REPEAT(k, 8) { f32 x = load_##T(at + i + LANES * k) - of; v[k] = VALUE; } \
				REPEAT(k, 8) acc += v[k]; \
			} \
			for (; i < left; i += LANES) { f32 x = load_##T(at + i) - of; acc += VALUE; } \
			acc = block_sum(part[use], acc); \
			if (tid() == 0) out[p] = acc; \
		} \
	}

// A block has a stretch of 2,048 elements of one row, eight a thread.
#define EACH_OF_ROWS(T, VALUE) \
	u64 bands = (n + 8 * LANES - 1) / (8 * LANES); \
	for (u64 b = block(); b < rows * bands; b += blocks()) { \
		u64 row = share(b, bands), first = (b - row * bands) * 8 * LANES + tid(); \
		f32 x[8], of = m[row], by = s[row]; \
		REPEAT(k, 8) x[k] = first + LANES * k < n ? load_##T(in + row * n + first + LANES * k) : 0; \
		REPEAT(k, 8) { \
			u64 i = first + LANES * k; \
			if (i < n) store_##T(out + row * n + i, VALUE); \
		} \
	}

#define LONG_ROWS(T) \
	PIECES(exps, T, exp32(x)) \
	PIECES(squares, T, x * x) \
	KERNEL softmax_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n) { \
		EACH_OF_ROWS(T, exp32(x[k] - of) / by) \
	} \
	KERNEL layernorm_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n, GLOBAL const f32 *__restrict gamma, GLOBAL const f32 *__restrict beta, f32 eps) { \
		EACH_OF_ROWS(T, (x[k] - of) * (1.0f / sqrt_rn(by + eps)) * gamma[i] + beta[i]) \
	}

#define ALL_SIZES(NAME, ARGS, BODY, T) \
	IN_WARP(NAME, ARGS, BODY, T, 4) IN_WARP(NAME, ARGS, BODY, T, 8) IN_WARP(NAME, ARGS, BODY, T, 16) IN_WARP(NAME, ARGS, BODY, T, 32) \
	IN_BLOCK(NAME, ARGS, BODY, T, 8) IN_BLOCK(NAME, ARGS, BODY, T, 16) IN_BLOCK(NAME, ARGS, BODY, T, 32)

#define NORMS(T) ALL_SIZES(softmax, SOFTMAX_ARGS, SOFTMAX_BODY, T) ALL_SIZES(layernorm, NORM_ARGS, NORM_BODY, T) LONG_ROWS(T)
