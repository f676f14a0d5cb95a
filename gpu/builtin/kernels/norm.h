// Softmax and LayerNorm: gpu/cpu/softmax.go says what they are. Sums go in the order of sum.h. A row that fits is loaded once and kept in
// registers: of a warp, E elements a thread, or of a block of 256 threads. Longer rows are read again for each step. For includers of
// device.h, math.h and sum.h.
#pragma once

#define INFINITE float_of(0x7f800000)
INLINE f32 most(f32 a, f32 b) { return a != a || a > b ? a : b; } // NaN wins

INLINE f32 narrow_f32(f32 x) { return canon(x); }
INLINE f16 narrow_f16(f32 x) { return f32_to_f16(x); }
INLINE bf16 narrow_bf16(f32 x) { return f32_to_bf16(x); }

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
	T e[E]; \
	f32 x[E], m = -INFINITE, inv; \
	REPEAT(j, E) e[j] = AT(j) < n ? in[row * n + AT(j)] : nil_##T; \
	REPEAT(j, E) x[j] = AT(j) < n ? wide_##T(e[j]) : -INFINITE; \
	REPEAT(j, E) m = most(m, x[j]); \
	m = MOST; \
	REPEAT(j, E) x[j] = exp32(x[j] - m); \
	SUM(1, inv, E, x[j]) \
	inv = 1.0f / inv; \
	REPEAT(j, E) e[j] = narrow_##T(x[j] * inv); \
	REPEAT(j, E) if (AT(j) < n) out[row * n + AT(j)] = e[j];

#define NORM_BODY(T, E, AT, MOST, SUM) \
	T e[E]; \
	f32 x[E], s, inv; \
	REPEAT(j, E) e[j] = AT(j) < n ? in[row * n + AT(j)] : nil_##T; \
	REPEAT(j, E) x[j] = wide_##T(e[j]); \
	SUM(0, s, E, x[j]) \
	s /= (f32)n; \
	REPEAT(j, E) x[j] -= s; \
	SUM(1, inv, E, x[j] * x[j]) \
	inv = 1.0f / sqrt_rn(inv / (f32)n + eps); \
	REPEAT(j, E) e[j] = narrow_##T(x[j] * inv * (AT(j) < n ? gamma[AT(j)] : 0) + (AT(j) < n ? beta[AT(j)] : 0)); \
	REPEAT(j, E) if (AT(j) < n) out[row * n + AT(j)] = e[j];

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

// The same for rows of a multiple of four elements, four of which a thread loads and stores at once.
typedef struct { u16 a, b, c, d; } __attribute__((aligned(8))) four16;
typedef four16 four_f16;
typedef four16 four_bf16;
typedef f32x4 four_f32;
INLINE void spread_f32(f32 *x, f32x4 v) { x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w; }
INLINE void spread_f16(f32 *x, four16 v) {
	x[0] = f16_to_f32((f16){v.a}), x[1] = f16_to_f32((f16){v.b}), x[2] = f16_to_f32((f16){v.c}), x[3] = f16_to_f32((f16){v.d});
}
INLINE void spread_bf16(f32 *x, four16 v) {
	x[0] = bf16_to_f32((bf16){v.a}), x[1] = bf16_to_f32((bf16){v.b}), x[2] = bf16_to_f32((bf16){v.c}), x[3] = bf16_to_f32((bf16){v.d});
}
INLINE f32x4 gather_f32(f32 *x) { return (f32x4){canon(x[0]), canon(x[1]), canon(x[2]), canon(x[3])}; }
INLINE four16 gather_f16(f32 *x) { return (four16){f32_to_f16(x[0]).bits, f32_to_f16(x[1]).bits, f32_to_f16(x[2]).bits, f32_to_f16(x[3]).bits}; }
INLINE four16 gather_bf16(f32 *x) { return (four16){f32_to_bf16(x[0]).bits, f32_to_bf16(x[1]).bits, f32_to_bf16(x[2]).bits, f32_to_bf16(x[3]).bits}; }

// fours_sum adds the lanes of a warp whose thread t has the lanes 4t to 4t+3 in low, and those 128 further on in high. Two threads that
// have to add four values each for the other one give each other half of them: the sums are the same.
INLINE f32 fours_sum(f32x4 low, f32x4 high) {
	u32 t = tid();
	low += high;
	f32 give0 = t & 16 ? low.x : low.z, give1 = t & 16 ? low.y : low.w;
	f32 a = (t & 16 ? low.z : low.x) + xor_f32(give0, 16), b = (t & 16 ? low.w : low.y) + xor_f32(give1, 16);
	f32 give = t & 8 ? a : b, v = t & 8 ? b : a;
	v += xor_f32(give, 8); // of place 2 * (t / 16) + t / 8 % 2 of the four
	v += xor_f32(v, 4);
	v += xor_f32(v, 2);
	v += xor_f32(v, 1);
	v += xor_f32(v, 16);
	return v + xor_f32(v, 8);
}

#define FOURS_WARP_AT(g) (4 * t + 128 * (g))
#define FOURS_WARP_SUM(USE, TO, E, VALUE) { \
		f32x4 low = {0, 0, 0, 0}, high = low; \
		REPEAT(g, E / 4) { \
			u32 j = 4 * g; \
			f32x4 v; \
			v.x = VALUE, j++, v.y = VALUE, j++, v.z = VALUE, j++, v.w = VALUE; \
			if (FOURS_WARP_AT(g) >= n) v = (f32x4){0, 0, 0, 0}; \
			if (g & 1) high += v; \
			else low += v; \
		} \
		TO = fours_sum(low, high); \
	}
// In a block all elements go through memory to the threads that have their lanes.
#define FOURS_BLOCK_AT(g) (4 * t + 4 * LANES * (g))
#define FOURS_BLOCK_SUM(USE, TO, E, VALUE) { \
		f32 acc = 0; \
		REPEAT(g, E / 4) { \
			u32 j = 4 * g; \
			f32x4 v; \
			v.x = VALUE, j++, v.y = VALUE, j++, v.z = VALUE, j++, v.w = VALUE; \
			if (FOURS_BLOCK_AT(g) < n) *(SHARED f32x4 *)(all + FOURS_BLOCK_AT(g)) = v; \
		} \
		sync(); \
		for (u32 i = t; i < n; i += LANES) acc += all[i]; \
		TO = block_sum(part[USE], acc); \
	}

#define FOURS_LOAD(T, E, AT) \
	four_##T e[E / 4]; \
	f32 x[E]; \
	REPEAT(g, E / 4) { \
		e[g] = (four_##T){0}; \
		if (AT(g) < n) e[g] = *(GLOBAL const four_##T *)(in + row * n + AT(g)); \
	} \
	REPEAT(g, E / 4) spread_##T(x + 4 * g, e[g]);
#define FOURS_STORE(T, E, AT) \
	REPEAT(g, E / 4) e[g] = gather_##T(x + 4 * g); \
	REPEAT(g, E / 4) if (AT(g) < n) *(GLOBAL four_##T *)(out + row * n + AT(g)) = e[g];

#define FOURS_SOFTMAX(T, E, AT, MOST, SUM) \
	FOURS_LOAD(T, E, AT) \
	f32 m = -INFINITE, inv; \
	REPEAT(g, E / 4) REPEAT(b, 4) m = AT(g) < n ? most(m, x[4 * g + b]) : m; \
	m = MOST; \
	REPEAT(j, E) x[j] = exp32(x[j] - m); \
	SUM(1, inv, E, x[j]) \
	inv = 1.0f / inv; \
	REPEAT(j, E) x[j] *= inv; \
	FOURS_STORE(T, E, AT)

#define FOURS_NORM(T, E, AT, MOST, SUM) \
	FOURS_LOAD(T, E, AT) \
	f32 s, inv; \
	SUM(0, s, E, x[j]) \
	s /= (f32)n; \
	REPEAT(j, E) x[j] -= s; \
	SUM(1, inv, E, x[j] * x[j]) \
	inv = 1.0f / sqrt_rn(inv / (f32)n + eps); \
	REPEAT(g, E / 4) if (AT(g) < n) { \
		f32x4 by = *(GLOBAL const f32x4 *)(gamma + AT(g)), plus = *(GLOBAL const f32x4 *)(beta + AT(g)); \
		f32 *y = x + 4 * g; \
		y[0] = y[0] * inv * by.x + plus.x, y[1] = y[1] * inv * by.y + plus.y, y[2] = y[2] * inv * by.z + plus.z, y[3] = y[3] * inv * by.w + plus.w; \
	} \
	FOURS_STORE(T, E, AT)

#define FOURS_IN_WARP(NAME, ARGS, BODY, T, E) \
	KERNEL NAME##_fours_warp##E##_##T(ARGS(T)) { \
		u32 t = tid() & 31; \
		for (u64 row = gid() / 32; row < rows; row += gstride() / 32) { BODY(T, E, FOURS_WARP_AT, warp_most(m), FOURS_WARP_SUM) } \
	}
#define FOURS_IN_BLOCK(NAME, ARGS, BODY, T, E) \
	KERNEL NAME##_fours_block##E##_##T(ARGS(T)) { \
		static SHARED f32 part[2][LANES]; \
		static SHARED f32 __attribute__((aligned(16))) all[LANES * E]; \
		u32 t = tid(); \
		for (u64 row = block(); row < rows; row += blocks()) { BODY(T, E, FOURS_BLOCK_AT, block_most(part[0], m), FOURS_BLOCK_SUM) } \
	}

// Steps of rows that do not fit. m holds a number for each row: its largest element, or its mean. PIECES adds VALUE of x over each piece
// of a row, like sum_block.
#define PIECES(NAME, T, V, VALUE) \
	KERNEL NAME##_##T(GLOBAL f32 *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, u64 rows, u64 n) { \
		static SHARED f32 part[2][LANES]; \
		u64 pieces = (n + CHUNK - 1) / CHUNK; \
		u32 use = 0, t = tid(); \
		for (u64 p = block(); p < rows * pieces; p += blocks(), use ^= 1) { \
			u64 row = share(p, pieces), from = (p - row * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK, i = 0; \
			GLOBAL const T *at = in + row * n + from; \
			f32 of = m[row], acc[V]; \
			REPEAT(b, V) acc[b] = 0; \
			if (n % V == 0) \
				for (; i + 8 * LANES <= left; i += 8 * LANES) { \
					GLOBAL const word_##T *words = (GLOBAL const word_##T *)(at + i) + t; \
					word_##T w[8]; \
					REPEAT(k, 8) w[k] = words[LANES / V * k]; \
					REPEAT(k, 8) REPEAT(b, V) { f32 x = wide_##T(part_##T(w[k], b)) - of; acc[b] += VALUE; } \
				} \
			for (i += V * t; i < left; i += LANES) REPEAT(b, V) if (i + b < left) { f32 x = wide_##T(at[i + b]) - of; acc[b] += VALUE; } \
			REPEAT(b, V) part[use][V * t + b] = acc[b]; \
			sync(); \
			f32 lane[8]; \
			REPEAT(k, 8) lane[k] = part[use][(t & 31) + 32 * k]; \
			f32 v = warp_sum(lane); \
			if (t == 0) out[p] = v; \
		} \
	}

// A block has a stretch of 2,048 elements of one row, eight a thread.
#define EACH_OF_ROWS(T, V, VALUE) \
	u64 bands = (n + 8 * LANES - 1) / (8 * LANES); \
	for (u64 p = block(); p < rows * bands; p += blocks()) { \
		u64 row = share(p, bands), first = (p - row * bands) * 8 * LANES; \
		f32 of = m[row], by = s[row]; \
		if (n % V == 0) { \
			word_##T w[8 / V]; \
			u64 at = first + V * tid(); \
			REPEAT(k, 8 / V) { \
				w[k] = 0; \
				if (at + LANES * V * k < n) w[k] = *(GLOBAL const word_##T *)(in + row * n + at + LANES * V * k); \
			} \
			REPEAT(k, 8 / V) { \
				T y[V]; \
				REPEAT(b, V) { \
					u64 i = at + LANES * V * k + b; \
					f32 x = wide_##T(part_##T(w[k], b)); \
					if (i < n) y[b] = narrow_##T(VALUE); \
				} \
				__builtin_memcpy(&w[k], y, sizeof w[k]); \
			} \
			REPEAT(k, 8 / V) if (at + LANES * V * k < n) *(GLOBAL word_##T *)(out + row * n + at + LANES * V * k) = w[k]; \
		} else \
			for (u32 k = tid(); k < 8 * LANES; k += LANES) { \
				u64 i = first + k; \
				if (i >= n) break; \
				f32 x = wide_##T(in[row * n + i]); \
				out[row * n + i] = narrow_##T(VALUE); \
			} \
	}

#define LONG_ROWS(T, V) \
	PIECES(exps, T, V, exp32(x)) \
	PIECES(squares, T, V, x * x) \
	KERNEL softmax_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n) { \
		EACH_OF_ROWS(T, V, exp32(x - of) * (1.0f / by)) \
	} \
	KERNEL layernorm_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n, GLOBAL const f32 *__restrict gamma, GLOBAL const f32 *__restrict beta, f32 eps) { \
		EACH_OF_ROWS(T, V, (x - of) * (1.0f / sqrt_rn(by + eps)) * gamma[i] + beta[i]) \
	}

#define ALL_SIZES(NAME, ARGS, BODY, FOURS, T) \
	IN_WARP(NAME, ARGS, BODY, T, 8) IN_WARP(NAME, ARGS, BODY, T, 32) IN_BLOCK(NAME, ARGS, BODY, T, 32) \
	FOURS_IN_WARP(NAME, ARGS, FOURS, T, 4) FOURS_IN_WARP(NAME, ARGS, FOURS, T, 8) FOURS_IN_WARP(NAME, ARGS, FOURS, T, 16) \
	FOURS_IN_WARP(NAME, ARGS, FOURS, T, 32) FOURS_IN_BLOCK(NAME, ARGS, FOURS, T, 8) FOURS_IN_BLOCK(NAME, ARGS, FOURS, T, 16) \
	FOURS_IN_BLOCK(NAME, ARGS, FOURS, T, 32)

#define NORMS(T, V) \
	ALL_SIZES(softmax, SOFTMAX_ARGS, SOFTMAX_BODY, FOURS_SOFTMAX, T) ALL_SIZES(layernorm, NORM_ARGS, NORM_BODY, FOURS_NORM, T) LONG_ROWS(T, V)
