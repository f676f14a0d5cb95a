// Extremes along an axis that is not the last, where a row of columns is made of whole vectors: a thread has groups of 8 or 16 rows of a vector,
// 128 bytes as far as registers go, and 8 or 16 threads have 128 bytes side by side. For includers of extreme_rows.h.
#pragma once

// group_columns_T gives the least keys of the columns of a group's vectors; those of elements of 16 bits or less in the upper half, with anything below.
INLINE void group_columns_u8(const u32x2 *q, i64 flip, i32 *e) {
	REPEAT(c, 8) {
		u32 a = ~0u;
		REPEAT(k, 16) a = lesser(a, (q[k][c / 4] ^ (u32)flip) << (24 - c % 4 * 8));
		e[c] = (i32)(a >> 8);
	}
}
INLINE void group_columns_half(const u32x4 *q, i64 flip, u32 inf, i32 *e) {
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
INLINE void group_columns_f16(const u32x4 *q, i64 flip, i32 *e) { group_columns_half(q, flip, 0x7c000000, e); }
INLINE void group_columns_bf16(const u32x4 *q, i64 flip, i32 *e) { group_columns_half(q, flip, 0x7f800000, e); }
INLINE void group_columns_f32(const u32x4 *q, i64 flip, i32 *e) {
	REPEAT(j, 4) {
		span s = NO_SPAN;
		REPEAT(k, 8) s = both_spans(s, one_span(q[k][j] ^ ((u32)flip & 0x80000000u)));
		e[j] = span_key(s, 0x7f800000);
	}
}
#define GROUP_COLUMNS(T, K, V, ELEMENT) \
	INLINE void group_columns_##T(const u32x4 *q, i64 flip, K *e) { \
		REPEAT(j, V) { \
			e[j] = MOST_##K; \
			REPEAT(k, 8) { \
				K v = key_##T(ELEMENT, flip); \
				e[j] = v < e[j] ? v : e[j]; \
			} \
		} \
	}
GROUP_COLUMNS(i32, i32, 4, (i32)q[k][j])
GROUP_COLUMNS(i64, i64, 2, (i64)long_of(q + k, j))
GROUP_COLUMNS(f64, i64, 2, float_of64(long_of(q + k, j)))

// marked_K is the least key of a column so far and the group that has it. Of equal keys the first group wins: marked by a thread last, for threads
// go from the end to the beginning. Of narrow elements both are one number, the key above.
#define MARKED(K) \
	typedef struct { K key; u32 group; } marked_##K; \
	INLINE marked_##K no_mark_##K(void) { return (marked_##K){MOST_##K, ~0u}; } \
	INLINE marked_##K mark_##K(marked_##K m, K e, u32 at) { return e <= m.key ? (marked_##K){e, at} : m; } \
	INLINE marked_##K first_##K(marked_##K a, marked_##K b) { return b.key < a.key || (b.key == a.key && b.group < a.group) ? b : a; } \
	INLINE u32 group_of_##K(marked_##K m) { return m.group; }
MARKED(i32)
MARKED(i64)
typedef i32 narrow;
typedef i32 marked_narrow;
INLINE i32 first_narrow(i32 a, i32 b) { return b < a ? b : a; }
INLINE i32 no_mark_narrow(void) { return MOST_i32; }
INLINE i32 mark_narrow(i32 m, i32 e, u32 at) { return first_narrow(m, (i32)(((u32)e & 0xffff0000u) | at)); }
INLINE u32 group_of_narrow(i32 m) { return (u32)m & 0xffff; }

// key_in_T is the key as key_T gives it. That of a negative float has all ones in its lower half, but for NaN.
INLINE i32 key_in_u8(i32 m) { return m >> 16; }
INLINE i32 key_in_f16(i32 m) {
	i32 key = (i32)((u32)m & 0xffff0000u);
	return key < 0 && key != LEAST32 ? key | 0xffff : key;
}
INLINE i32 key_in_bf16(i32 m) { return key_in_f16(m); }
INLINE i32 key_in_i32(marked_i32 m) { return m.key; }
INLINE i32 key_in_f32(marked_i32 m) { return m.key; }
INLINE i64 key_in_i64(marked_i64 m) { return m.key; }
INLINE i64 key_in_f64(marked_i64 m) { return m.key; }

// extreme_wide_T: a block of 256 threads reduces a piece of W vectors of V columns, in groups of R rows. Where places are wanted the group that
// won is looked at once more. The last group of a column is its last R rows, so that all are whole: what is looked at twice changes nothing.
#define EXTREME_WIDE(T, K, VEC, V, W, R) \
	KERNEL extreme_wide_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 outer, u64 n, u64 inner, i64 flip, u32 places, u32 type) { \
		enum { GROUPS = 256 / W, BAND = V * W }; \
		static SHARED marked_##K marks[V][256 + 1]; /* threads side by side: each in a bank of its own */ \
		u64 pieces = (n + PIECE - 1) / PIECE, bands = (inner + BAND - 1) / BAND, all = outer * pieces * bands; \
		u32 t = tid(), g = t / W; \
		for (u64 b = block(); b < all; b += blocks()) { \
			u64 p = share(b, bands), first = (b - p * bands) * BAND, c = first + t % W * V, o = share(p, pieces), from = (p - o * pieces) * PIECE; \
			u32 left = n - from < PIECE ? (u32)(n - from) : PIECE; \
			GLOBAL const T *x = in + o * n * inner; \
			marked_##K m[V]; \
			REPEAT(k, V) m[k] = no_mark_##K(); \
			if (c < inner) \
				for (i32 s = (i32)((left - 1) / (R * GROUPS)); s >= 0; s--) { \
					VEC q[R]; \
					K e[V]; \
					u32 at = (u32)s * GROUPS + g; \
					GLOBAL const T *y = x + lesser64(from + R * at, n - R) * inner + c; \
					REPEAT(k, R) q[k] = *(GLOBAL const VEC *)(y + k * inner); \
					group_columns_##T(q, flip, e); \
					REPEAT(k, V) m[k] = mark_##K(m[k], e[k], at); \
				} \
			REPEAT(k, V) marks[k][t] = m[k]; \
			sync(); \
			for (u32 s = GROUPS / 2; s > 0; s /= 2) { \
				if (g < s) REPEAT(k, V) marks[k][t] = first_##K(marks[k][t], marks[k][t + W * s]); \
				sync(); \
			} \
			if (t < BAND && first + t < inner) { \
				K best = key_in_##T(marks[t % V][t / V]); \
				u64 place = 0; \
				if (places) { \
					T e[R]; \
					u64 at = lesser64(from + R * group_of_##K(marks[t % V][t / V]), n - R); \
					REPEAT(k, R) e[k] = x[(at + k) * inner + first + t]; \
					REPEAT(k, R) if (key_##T(e[R - 1 - k], flip) == best) place = at + R - 1 - k; \
				} \
				give_##T(out, p * inner + first + t, (found){wider_##T(best, flip), (i64)place}, flip, places, type); \
			} \
			sync(); \
		} \
	}
