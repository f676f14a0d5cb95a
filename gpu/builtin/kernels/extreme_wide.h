// Extremes along an axis that is not the last, of elements of less than 32 bits and a number of columns that is a multiple of 8: a thread has
// groups of 8 rows and 8 columns, as in extreme_rows.h. For includers of that.
#pragma once

// eight_T gives the least keys of the columns of 8 rows.
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

// extreme_wide_T: a block of 256 threads reduces a piece of 32 columns. Its threads go from the end to the beginning; of equal keys the first group
// wins, which is looked at once more for the place.
#define EXTREME_WIDE(T, VEC) \
	KERNEL extreme_wide_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 outer, u64 n, u64 inner, u32 width, i64 flip, u32 places, u32 type) { \
		static SHARED i32 keys[256][8]; \
		static SHARED u32 groups[256][8]; \
		u64 pieces = (n + PIECE - 1) / PIECE, bands = (inner + 31) / 32, all = outer * pieces * bands; \
		u32 t = tid(), g = t / 4; \
		for (u64 b = block(); b < all; b += blocks()) { \
			u64 p = share(b, bands), first = (b - p * bands) * 32, c = first + t % 4 * 8, o = share(p, pieces), from = (p - o * pieces) * PIECE; \
			u32 left = n - from < PIECE ? (u32)(n - from) : PIECE; \
			GLOBAL const T *x = in + (o * n + from) * inner; \
			i32 key[8]; \
			u32 group[8]; \
			REPEAT(k, 8) key[k] = MOST_i32, group[k] = ~0u; \
			if (c < inner) \
				for (i32 s = (i32)((left - 1) / 512); s >= 0; s--) { \
					VEC q[8]; \
					i32 e[8]; \
					u32 at = (u32)s * 64 + g; \
					REPEAT(k, 8) q[k] = *(GLOBAL const VEC *)(x + lesser(8 * at + k, left - 1) * inner + c); \
					eight_##T(q, flip, e); \
					REPEAT(k, 8) if (e[k] <= key[k]) key[k] = e[k], group[k] = at; \
				} \
			REPEAT(k, 8) keys[t][k] = key[k], groups[t][k] = group[k]; \
			sync(); \
			for (u32 s = 32; s > 0; s /= 2) { \
				if (g < s) REPEAT(k, 8) { \
					i32 mine = keys[t][k], other = keys[t + 4 * s][k]; \
					if (other < mine || (other == mine && groups[t + 4 * s][k] < groups[t][k])) keys[t][k] = other, groups[t][k] = groups[t + 4 * s][k]; \
				} \
				sync(); \
			} \
			if (t < 32 && first + t < inner) { \
				i32 best = keys[t / 8][t % 8]; \
				u32 at = 8 * groups[t / 8][t % 8], place = 0; \
				T e[8]; \
				REPEAT(k, 8) e[k] = x[lesser(at + k, left - 1) * inner + first + t]; \
				REPEAT(k, 8) if (key_##T(e[7 - k], flip) == best) place = lesser(at + 7 - k, left - 1); \
				give_##T(out, p * inner + first + t, (found){wider_##T(best, flip), (i64)(from + place)}, flip, places, type); \
			} \
			sync(); \
		} \
	}
