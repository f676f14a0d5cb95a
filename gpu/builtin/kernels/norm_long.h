// Softmax and LayerNorm of rows that registers do not hold. For includers of norm.h.
#pragma once

extern SHARED f32 held[] __attribute__((aligned(128)));

// A block has a row of at most CHUNK elements, of which shared memory holds the first kept, a multiple of four: as f32, then their exponentials.
// The others are read again, and there are few of them. The lanes of the order belong to the first 256 threads.
#define EACH_FOUR(T, N, DO) \
	for (u32 first = 4 * tid(); first < (N); first += 16 * ntid()) { \
		u32 w[4][sizeof(T)]; \
		REPEAT(k, 4) if (first + 4 * ntid() * k < (N)) get_words(w[k], src + first + 4 * ntid() * k, 4 * sizeof(T)); \
		REPEAT(k, 4) { \
			u32 i = first + 4 * ntid() * k; \
			if (i < (N)) { DO } \
		} \
	}
#define EACH_ONE(T, N, DO) \
	for (u32 first = tid(); first < (N); first += 8 * ntid()) { \
		T e[8]; \
		REPEAT(k, 8) if (first + ntid() * k < (N)) e[k] = src[first + ntid() * k]; \
		REPEAT(k, 8) { \
			u32 i = first + ntid() * k; \
			if (i < (N)) { \
				f32 x = wide_##T(e[k]); \
				DO \
			} \
		} \
	}

// LANES_OF_ROW adds up VALUE, of x = held[i], or of x = OTHER(y), where y is an element that is not held.
#define LANES_OF_ROW(TO, USE, wide, VALUE, OTHER) { \
		if (tid() < LANES) { \
			f32 acc = 0; \
			u32 i = tid(); \
			_Pragma("unroll 16") for (; i < kept; i += LANES) { f32 x = held[i]; acc += VALUE; } \
			for (; i < n; i += 8 * LANES) { \
				f32 y[8]; \
				REPEAT(k, 8) y[k] = i + LANES * k < n ? wide(src[i + LANES * k]) : 0; \
				REPEAT(k, 8) { f32 x = OTHER(y[k]); acc += i + LANES * k < n ? VALUE : 0; } \
			} \
			part[USE][tid()] = acc; \
		} \
		sync(); \
		f32 v[8]; \
		REPEAT(k, 8) v[k] = part[USE][tid() % 32 + 32 * k]; \
		_Pragma("unroll") for (u32 s = 4; s > 0; s /= 2) REPEAT(k, 4) if (k < s) v[k] += v[k + s]; \
		TO = lanes_sum(v, 32, 1); \
	}
// NEXT_ROW is brought nearer while this one is computed with.
#define NEXT_ROW(T) \
	if (row + blocks() < rows) \
		for (u64 i = tid() * 128; i < n * sizeof(T); i += ntid() * 128) \
			__asm__ volatile("prefetch.global.L2 [%0];" : : "l"((GLOBAL const u8 *)(src + blocks() * (u64)n) + i));
#define ROW_KERNEL(NAME, T, ARGS, BODY) \
	KERNEL NAME##_row_##T(ARGS(T), u32 kept) { \
		static SHARED f32 part[2][LANES]; \
		u32 fours = n % 4 == 0; \
		for (u64 row = block(); row < rows; row += blocks()) { \
			GLOBAL const T *src = in + row * n; \
			GLOBAL T *dst = out + row * n; \
			BODY(T) \
		} \
	}

// block_most is row_most of a block of up to 1,024 threads.
INLINE f32 block_most(f32 m, u32 bad, SHARED f32 *part) {
	m = row_most(m, bad, part, 32);
	if (tid() % 32 == 0) part[tid() / 32] = m;
	sync();
	m = tid() % 32 < ntid() / 32 ? part[tid() % 32] : -INFINITE;
	return row_most(m, m != m, part, 32);
}

#define KEEP(x) if (i < kept) *(SHARED f32x4 *)(held + i) = (f32x4){x[0], x[1], x[2], x[3]};
// EACH_OUT makes U times V elements of the row's results at a time, of what is held, what is not, and what GET takes elsewhere.
#define EACH_OUT(T, V, U, MORE, VALUE) \
	for (u32 first = V * tid(); first < n; first += U * V * ntid()) { \
		f32 y[U][V]; \
		u32 w[V * sizeof(T)]; \
		REPEAT(k, U) { \
			u32 i = first + V * ntid() * k; \
			if (i < kept) take(y[k], held + i, V); \
			else if (i < n) { \
				get_words(w, src + i, V * sizeof(T)); \
				REPEAT(b, V) y[k][b] = raw_##T(w, b); \
			} \
		} \
		MORE \
		REPEAT(k, U) { \
			u32 i = first + V * ntid() * k; \
			if (i < n) { \
				f32 z[V]; \
				REPEAT(b, V) z[b] = VALUE; \
				set_##T(w, z, V); \
				put_words(w, dst + i, V * sizeof(T)); \
			} \
		} \
	}
#define GET(TO, FROM) \
	f32 TO[sizeof y / sizeof *y][sizeof *y / 4]; \
	REPEAT(k, sizeof y / sizeof *y) if (first + sizeof *y / 4 * ntid() * k < n) get_words((u32 *)TO[k], FROM + first + sizeof *y / 4 * ntid() * k, sizeof *y);
INLINE void take(f32 *to, SHARED const f32 *from, u32 V) {
	if (V == 1) to[0] = *from;
	else {
		f32x4 v = *(SHARED const f32x4 *)from;
		REPEAT(b, 4) to[b] = v[b];
	}
}
#define EXP(x) exp_below((x) - m)
#define SOFTMAX_ROW(T) \
	f32 m = -INFINITE, inv; \
	u32 bad = 0; \
	if (fours) \
		EACH_FOUR(T, n, { \
			f32 x[4]; \
			REPEAT(b, 4) { x[b] = raw_##T(w[k], b); m = __nvvm_fmax_f(m, x[b]); bad |= x[b] != x[b]; } \
			KEEP(x) \
		}) \
	else EACH_ONE(T, n, { \
		m = __nvvm_fmax_f(m, x); \
		bad |= x != x; \
		if (i < kept) held[i] = x; \
	}) \
	m = block_most(m, bad, part[0]); \
	NEXT_ROW(T) \
	for (u32 i = 4 * tid(); i < kept; i += 4 * ntid()) { \
		f32x4 x = *(SHARED f32x4 *)(held + i); \
		REPEAT(b, 4) x[b] = exp_below(x[b] - m); \
		*(SHARED f32x4 *)(held + i) = x; \
	} \
	sync(); \
	LANES_OF_ROW(inv, 1, wide_##T, x, EXP) \
	inv = m - m == 0 ? 1.0f / inv : float_of(nan_f32); \
	if (fours) EACH_OUT(T, 4, 4, , (i < kept ? y[k][b] : EXP(y[k][b])) * inv) \
	else EACH_OUT(T, 1, 4, , (i < kept ? y[k][b] : EXP(y[k][b])) * inv)

#define NORM_ROW(T) \
	f32 s, inv; \
	if (fours) \
		EACH_FOUR(T, kept, { \
			f32 x[4]; \
			REPEAT(b, 4) x[b] = raw_##T(w[k], b); \
			KEEP(x) \
		}) \
	else EACH_ONE(T, kept, { held[i] = x; }) \
	sync(); \
	NEXT_ROW(T) \
	LANES_OF_ROW(s, 0, wide_##T, x, ) \
	s /= (f32)n; \
	LANES_OF_ROW(inv, 1, wide_##T, (x - s) * (x - s), ) \
	inv = 1.0f / sqrt_rn(inv / (f32)n + eps); \
	if (fours) EACH_OUT(T, 4, 2, GET(by, gamma) GET(plus, beta), (y[k][b] - s) * inv * by[k][b] + plus[k][b]) \
	else EACH_OUT(T, 1, 4, GET(by, gamma) GET(plus, beta), (y[k][b] - s) * inv * by[k][b] + plus[k][b])

// Steps of longer rows, or few ones. m holds a number for each row: its largest element, or its mean. PIECES adds VALUE of x over each piece
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
			_Pragma("unroll") for (u32 s = 4; s > 0; s /= 2) REPEAT(k, 4) if (k < s) lane[k] += lane[k + s]; \
			f32 v = lanes_sum(lane, 32, 1); \
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

// Where a row has no sum, exps makes 0 of it, and 0 * (1 / 0) is NaN.
#define LONG_ROWS(T, V) \
	ROW_KERNEL(softmax, T, SOFTMAX_ARGS, SOFTMAX_ROW) \
	ROW_KERNEL(layernorm, T, NORM_ARGS, NORM_ROW) \
	PIECES(exps, T, V, exp_below(x)) \
	PIECES(squares, T, V, x * x) \
	KERNEL softmax_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n) { \
		EACH_OF_ROWS(T, V, exp_below(x - of) * (1.0f / by)) \
	} \
	KERNEL layernorm_long_##T(GLOBAL T *__restrict out, GLOBAL const T *__restrict in, GLOBAL const f32 *__restrict m, GLOBAL const f32 *__restrict s, u64 rows, \
		u64 n, GLOBAL const f32 *__restrict gamma, GLOBAL const f32 *__restrict beta, f32 eps) { \
		EACH_OF_ROWS(T, V, (x - of) * (1.0f / sqrt_rn(by + eps)) * gamma[i] + beta[i]) \
	}

