// Extremes along an axis that is not the last, where a row of columns is made of whole vectors: a thread has groups of 8 rows of a vector, as
// in extreme_rows.h, and 8 or 16 threads have 128 bytes side by side. For includers of extreme_rows.h.
#pragma once

// eight_T gives the least keys of the columns of 8 vectors.
INLINE void eight_u8(const u32x2 *q, i64 flip, i32 *e) {
	REPEAT(c, 8) {
		u32 a = ~0u;
		REPEAT(k, 8) a = lesser(a, (q[k][c / 4] ^ (u32)flip) << (24 - c % 4 * 8));
		e[c] = (i32)(a >> 24);
	}
}
INLINE void eight_half(const u32x4 *q, i64 flip, u32 inf, i32 *e) {
	REPEAT(j, 4) {
		span high = NO_SPAN, low = NO_SPAN;
		REPEAT(k, 8) {
			u32 w = q[k][j] ^ ((u32)flip & 0x80008000u);
			high = both_spans(high, one_span(w));
			low = both_spans(low, one_span(w << 16));
		}
		e[2 * j] = span_key(low, inf);
		e[2 * j + 1] = span_key(upper(high), inf);
	}
}
INLINE void eight_f16(const u32x4 *q, i64 flip, i32 *e) { eight_half(q, flip, 0x7c000000, e); }
INLINE void eight_bf16(const u32x4 *q, i64 flip, i32 *e) { eight_half(q, flip, 0x7f800000, e); }
INLINE void eight_f32(const u32x4 *q, i64 flip, i32 *e) {
	REPEAT(j, 4) {
		span s = NO_SPAN;
		REPEAT(k, 8) s = both_spans(s, one_span(q[k][j] ^ ((u32)flip & 0x80000000u)));
		e[j] = span_key(s, 0x7f800000);
	}
}
#define EIGHT(T, K, V, ELEMENT) \
	INLINE void eight_##T(const u32x4 *q, i64 flip, K *e) { \
		REPEAT(j, V) { \
			e[j] = MOST_##K; \
			REPEAT(k, 8) { \
				K v = key_##T(ELEMENT, flip); \
				e[j] = v < e[j] ? v : e[j]; \
			} \
		} \
	}
EIGHT(i32, i32, 4, (i32)q[k][j])
EIGHT(i64, i64, 2, (i64)long_of(q + k, j))
EIGHT(f64, i64, 2, float_of64(long_of(q + k, j)))

// extreme_wide_T: a block of 256 threads reduces a piece of W vectors of V columns. Its threads go from the end to the beginning; of equal keys the
// first group wins, which is looked at once more for the place.
#define EXTREME_WIDE(T, K, VEC, V, W) \
	KERNEL extreme_wide_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 outer, u64 n, u64 inner, i64 flip, u32 places, u32 type) { \
		enum { GROUPS = 256 / W, BAND = V * W }; \
		static SHARED K keys[256][V]; \
		static SHARED u32 groups[256][V]; \
		u64 pieces = (n + PIECE - 1) / PIECE, bands = (inner + BAND - 1) / BAND, all = outer * pieces * bands; \
		u32 t = tid(), g = t / W; \
		for (u64 b = block(); b < all; b += blocks()) { \
			u64 p = share(b, bands), first = (b - p * bands) * BAND, c = first + t % W * V, o = share(p, pieces), from = (p - o * pieces) * PIECE; \
			u32 left = n - from < PIECE ? (u32)(n - from) : PIECE; \
			GLOBAL const T *x = in + (o * n + from) * inner; \
			K key[V]; \
			u32 group[V]; \
			REPEAT(k, V) key[k] = MOST_##K, group[k] = ~0u; \
			if (c < inner) \
				for (i32 s = (i32)((left - 1) / (8 * GROUPS)); s >= 0; s--) { \
					VEC q[8]; \
					K e[V]; \
					u32 at = (u32)s * GROUPS + g; \
					REPEAT(k, 8) q[k] = *(GLOBAL const VEC *)(x + lesser(8 * at + k, left - 1) * inner + c); \
					eight_##T(q, flip, e); \
					REPEAT(k, V) if (e[k] <= key[k]) key[k] = e[k], group[k] = at; \
				} \
			REPEAT(k, V) keys[t][k] = key[k], groups[t][k] = group[k]; \
			sync(); \
			for (u32 s = GROUPS / 2; s > 0; s /= 2) { \
				if (g < s) REPEAT(k, V) { \
					K mine = keys[t][k], other = keys[t + W * s][k]; \
					if (other < mine || (other == mine && groups[t + W * s][k] < groups[t][k])) keys[t][k] = other, groups[t][k] = groups[t + W * s][k]; \
				} \
				sync(); \
			} \
			if (t < BAND && first + t < inner) { \
				K best = keys[t / V][t % V]; \
				u32 at = 8 * groups[t / V][t % V], place = 0; \
				if (places) { \
					T e[8]; \
					REPEAT(k, 8) e[k] = x[lesser(at + k, left - 1) * inner + first + t]; \
					REPEAT(k, 8) if (key_##T(e[7 - k], flip) == best) place = at + 7 - k; \
				} \
				give_##T(out, p * inner + first + t, (found){wider_##T(best, flip), (i64)(from + place)}, flip, places, type); \
			} \
			sync(); \
		} \
	}
