// Extremes of rows whose elements lie side by side, by groups: a thread has 64 bytes of a row under way at once, of which it finds the least
// key, and remembers of the least so far in which step it was. Only the group that has won is looked at once more, for the element's place.
// For includers of extreme.h.
#pragma once

INLINE u32 lesser(u32 a, u32 b) { return a < b ? a : b; }
INLINE u64 lesser64(u64 a, u64 b) { return a < b ? a : b; }
INLINE u32 larger(u32 a, u32 b) { return a > b ? a : b; }

// group_T gives the least key of some vectors, whose count is known where the code is made. Each byte of a word comes to the top once: what is below it decides only between equal ones.
INLINE i32 group_u8(const u32x4 *q, u32 count, i64 flip) {
	u32 a[4] = {~0u, ~0u, ~0u, ~0u};
	REPEAT(i, 4 * count) {
		u32 w = q[i / 4][i % 4] ^ (u32)flip;
		REPEAT(b, 4) a[b] = lesser(a[b], w << 8 * b);
	}
	return (i32)(lesser(lesser(a[0], a[1]), lesser(a[2], a[3])) >> 24);
}

INLINE i32 group_i32(const u32x4 *q, u32 count, i64 flip) {
	i32 a = MOST_i32;
	REPEAT(i, 4 * count) {
		i32 v = (i32)q[i / 4][i % 4] ^ (i32)flip;
		a = v < a ? v : a;
	}
	return a;
}

// Floats as words: the least is the largest word as an unsigned number, if one has a sign, else the least word. A NaN with a sign is beyond all
// others as an unsigned number, one without as a signed number.
typedef struct { u32 most, least; i32 positive; } span;
#define NO_SPAN ((span){0, ~0u, LEAST32})
INLINE span both_spans(span a, span b) {
	return (span){larger(a.most, b.most), lesser(a.least, b.least), a.positive > b.positive ? a.positive : b.positive};
}
INLINE span one_span(u32 w) { return (span){w, w, (i32)w}; }
INLINE span upper(span s) { return (span){s.most & 0xffff0000u, s.least & 0xffff0000u, (i32)((u32)s.positive & 0xffff0000u)}; } // of words, half
INLINE i32 span_key(span s, u32 inf) {
	i32 key = order32((i32)s.most < 0 ? s.most : s.least);
	return s.most > (inf | 0x80000000u) || s.positive > (i32)inf ? LEAST32 : key;
}

INLINE i32 group_f32(const u32x4 *q, u32 count, i64 flip) {
	span s = NO_SPAN;
	REPEAT(i, 4 * count) s = both_spans(s, one_span(q[i / 4][i % 4] ^ ((u32)flip & 0x80000000u)));
	return span_key(s, 0x7f800000);
}

INLINE i32 group_half(const u32x4 *q, u32 count, i64 flip, u32 inf) {
	span high = NO_SPAN, low = NO_SPAN;
	REPEAT(i, 4 * count) {
		u32 w = q[i / 4][i % 4] ^ ((u32)flip & 0x80008000u);
		high = both_spans(high, one_span(w));
		low = both_spans(low, one_span(w << 16));
	}
	return span_key(both_spans(upper(high), low), inf);
}
INLINE i32 group_f16(const u32x4 *q, u32 count, i64 flip) { return group_half(q, count, flip, 0x7c000000); }
INLINE i32 group_bf16(const u32x4 *q, u32 count, i64 flip) { return group_half(q, count, flip, 0x7f800000); }

INLINE u64 long_of(const u32x4 *q, u32 i) { return (u64)q[i / 2][i % 2 * 2 + 1] << 32 | q[i / 2][i % 2 * 2]; }
INLINE i64 group_i64(const u32x4 *q, u32 count, i64 flip) {
	i64 a = MOST_i64;
	REPEAT(i, 2 * count) {
		i64 v = key_i64((i64)long_of(q, i), flip);
		a = v < a ? v : a;
	}
	return a;
}
INLINE i64 group_f64(const u32x4 *q, u32 count, i64 flip) {
	i64 a = MOST_i64;
	REPEAT(i, 2 * count) {
		i64 v = key_f64(float_of64(long_of(q, i)), flip);
		a = v < a ? v : a;
	}
	return a;
}

// find_T gives the first place in them that has the key, in bytes.
#define FIND_WORDS(HIT) \
	u32 hit = 0, at = 0; \
	REPEAT(j, 4 * count) { \
		u32 i = 4 * count - 1 - j, w = q[i / 4][i % 4], h = HIT; \
		if (h) hit = h, at = 4 * i; \
	}
// HIGH has the top bit of each element; ONE its lowest. The lowest element that is 0 is found so: those above it may seem to be 0.
#define FIND_PARTS(HIGH, ONE) FIND_WORDS(((w ^ same) - ONE) & ~(w ^ same) & HIGH) return at + ((u32)__builtin_ctz(hit) >> 3);
INLINE u32 find_u8(const u32x4 *q, u32 count, i32 key, i64 flip) {
	u32 same = 0x01010101u * (u8)(key ^ flip);
	FIND_PARTS(0x80808080u, 0x01010101u)
}
INLINE u32 find_half(const u32x4 *q, u32 count, i32 key, i64 flip, u32 inf) {
	u32 same = bits_back(key, flip) >> 16;
	if (key == LEAST32) {
		FIND_WORDS(((w & 0x7fff7fffu) + (0x7fff7fffu - inf)) & 0x80008000u)
		return at + ((u32)__builtin_ctz(hit) >> 4) * 2;
	}
	same |= same << 16;
	FIND_WORDS(((w ^ same) - 0x00010001u) & ~(w ^ same) & 0x80008000u)
	return at + ((u32)__builtin_ctz(hit) >> 4) * 2;
}
INLINE u32 find_f16(const u32x4 *q, u32 count, i32 key, i64 flip) { return find_half(q, count, key, flip, 0x7c007c00); }
INLINE u32 find_bf16(const u32x4 *q, u32 count, i32 key, i64 flip) { return find_half(q, count, key, flip, 0x7f807f80); }

// FIND_SAME looks for an element that is itself known, and for any NaN where that is what was found.
#define FIND_SAME(N, SAME) { \
		u32 at = 0; \
		REPEAT(j, N) { \
			u32 i = N - 1 - j; \
			if (SAME) at = i * (4 * 4 * count / (N)); \
		} \
		return at; \
	}
#define WORD q[i / 4][i % 4]
INLINE u32 find_i32(const u32x4 *q, u32 count, i32 key, i64 flip) {
	u32 same = (u32)(key ^ (i32)flip);
	FIND_SAME(4 * count, WORD == same)
}
INLINE u32 find_f32(const u32x4 *q, u32 count, i32 key, i64 flip) {
	u32 same = bits_back(key, flip);
	if (key == LEAST32) FIND_SAME(4 * count, (WORD & 0x7fffffffu) > 0x7f800000u)
	FIND_SAME(4 * count, WORD == same)
}
INLINE u32 find_i64(const u32x4 *q, u32 count, i64 key, i64 flip) {
	u64 same = (u64)(key ^ flip);
	FIND_SAME(2 * count, long_of(q, i) == same)
}
INLINE u32 find_f64(const u32x4 *q, u32 count, i64 key, i64 flip) {
	u64 same = (u64)order64((u64)(key ^ flip));
	if (key == LEAST64) FIND_SAME(2 * count, (long_of(q, i) & 0x7fffffffffffffffull) > 0x7ff0000000000000ull)
	FIND_SAME(2 * count, long_of(q, i) == same)
}

// in_block gives the least of what the warps of a block found, to its first thread.
INLINE found in_block(found f) {
	static SHARED found part[32];
	u32 warps = ntid() / 32;
	if ((tid() & 31) == 0) part[tid() / 32] = f;
	sync();
	if (tid() == 0)
		for (u32 k = 1; k < warps; k++) f = least(f, part[k]);
	sync();
	return f;
}

// What a thread remembers of where its least key was: an element before the first whole vector, a step, or an element after the last one.
enum { STEPS = 16, TAIL = 0xffffff00 };

// extreme_rows_T: width threads for each of the parts of a row, where width is a power of two up to 32, or a block; a row has parts for several
// blocks, which take turns. Threads go from the end to the beginning, so that the first of equal ones wins.
#define EXTREME_ROWS(T, K) \
	KERNEL extreme_rows_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 rows, u64 n, u32 width, u32 parts, i64 flip, u32 places, u32 type) { \
		enum { V = 16 / sizeof(T) }; \
		u32 t = tid() & (width - 1), log = (u32)__builtin_ctz(width); \
		u64 all = rows * parts; \
		for (u64 p = gid() >> log; p - ((tid() & 31) >> log) < all; p += gstride() >> log) { \
			u64 q = p < all ? p : all - 1, row = parts == 1 ? q : share(q, parts); \
			GLOBAL const T *x = in + row * n; \
			u32 part = (u32)(q - row * parts), head = (u32)(-(u64)x & 15) / sizeof(T); \
			u64 words = (n - head) / V, end = head + words * V; \
			GLOBAL const u32x4 *v = (GLOBAL const u32x4 *)(x + head); \
			K key = MOST_##K; \
			u32 at = TAIL + V; \
			if (part == 0) \
				for (u64 i = end + t; i < n; i += width) { \
					K e = key_##T(x[i], flip); \
					if (e < key || at == TAIL + V) key = e, at = TAIL + (u32)(i - end); \
				} \
			i32 steps = (i32)((words + 4 * width - 1) / (4 * width)); \
			for (i32 s = steps - 1 - (i32)part; s >= 0; s -= (i32)parts) { \
				u32x4 g[4]; \
				GROUP_AT(g, s) \
				K e = group_##T(g, 4, flip); \
				if (e <= key) key = e, at = STEPS + (u32)s; \
			} \
			if (part == 0) \
				for (i32 i = (i32)(head - 1 - t); i >= 0; i -= (i32)width) { \
					K e = key_##T(x[i], flip); \
					if (e <= key) key = e, at = (u32)i; \
				} \
			K own = key; \
			for (u32 s = lesser(width, 32) / 2; s > 0; s /= 2) { \
				K other = other_##K(key, s); \
				key = other < key ? other : key; \
			} \
			found f = {0, 0}; \
			if (places) { \
				u32 first = own == key ? at : ~0u, place = ~0u; \
				for (u32 s = lesser(width, 32) / 2; s > 0; s /= 2) first = lesser(first, lane_xor(first, s)); \
				if (own == key && at == first) { \
					place = first < STEPS ? first : first - TAIL; \
					if (first >= STEPS && first < TAIL) { \
						u32x4 g[4]; \
						GROUP_AT(g, first - STEPS) \
						u32 b = find_##T(g, 4, key, flip); \
						place = ((b >> 4) * width + t) * V + (b & 15) / sizeof(T); \
					} \
				} \
				for (u32 s = lesser(width, 32) / 2; s > 0; s /= 2) place = lesser(place, lane_xor(place, s)); \
				f.place = (i64)((first < STEPS ? 0 : first < TAIL ? head + (u64)(first - STEPS) * 4 * width * V : end) + place); \
			} \
			f.key = wider_##T(key, flip); \
			if (width > 32) f = in_block(f); \
			if (t == 0 && p < all) give_##T(out, p, f, flip, places, type); \
		} \
	}

// GROUP_AT loads a thread's group of a step. Beyond the row's end is the last vector again, which changes nothing: its own place is before.
#define GROUP_AT(G, S) { \
		u64 from = (u64)(S) * (4 * width); \
		GLOBAL const u32x4 *step = v + from; \
		u32 last = (u32)lesser64(words - from, 4 * width) - 1; \
		REPEAT(k, 4) G[k] = step[lesser(t + k * width, last)]; \
	}

// extreme_few_T: rows of whole vectors, at most 32 times those of a thread, or of at most 32 elements: width threads for each, width a power of two;
// some rows are under way at once. Beyond a row's end is its last vector or element again.
#define FEW_EXTREMES(T, K, E, EACH, ROWS, N, KEY, PLACE) \
	for (u64 first = gid() >> log; first - ((tid() & 31) >> log) < rows; first += ROWS * stride) { \
		E e[ROWS][EACH]; \
		K key[ROWS], best[ROWS]; \
		u32 place[ROWS]; \
		GLOBAL const E *x = (GLOBAL const E *)in + lesser64(first, rows - 1) * (N); \
		REPEAT(k, ROWS) { \
			REPEAT(j, EACH) e[k][j] = x[lesser(t * EACH + j, (N) - 1)]; \
			if (first + (k + 1) * stride < rows) x += stride * (N); \
		} \
		REPEAT(k, ROWS) best[k] = key[k] = KEY, place[k] = 0; \
		for (u32 s = width / 2; s > 0; s /= 2) REPEAT(k, ROWS) { \
			K other = other_##K(best[k], s); \
			best[k] = other < best[k] ? other : best[k]; \
		} \
		if (places) { \
			REPEAT(k, ROWS) place[k] = key[k] == best[k] ? PLACE : ~0u; \
			for (u32 s = width / 2; s > 0; s /= 2) REPEAT(k, ROWS) place[k] = lesser(place[k], lane_xor(place[k], s)); \
			GIVE_FEW(T, ROWS, 1) \
		} else \
			GIVE_FEW(T, ROWS, 0) \
	}
#define GIVE_FEW(T, ROWS, PLACES) \
	REPEAT(k, ROWS) if (t == (k & (width - 1)) && first + k * stride < rows) \
		give_##T(out, first + k * stride, (found){wider_##T(best[k], flip), place[k]}, flip, PLACES, type);
#define EXTREME_FEW(T, K, EACH, ROWS) \
	KERNEL extreme_few_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 rows, u32 n, u32 width, i64 flip, u32 places, u32 type) { \
		u32 t = tid() & (width - 1), log = (u32)__builtin_ctz(width); \
		u64 stride = gstride() >> log; \
		__builtin_assume(type != 0); /* rows are whole */ \
		if (n * sizeof(T) % 16 == 0) \
			FEW_EXTREMES(T, K, u32x4, EACH, ROWS, n * sizeof(T) / 16, group_##T(e[k], EACH, flip), (t * 16 * EACH + find_##T(e[k], EACH, best[k], flip)) / sizeof(T)) \
		else \
			FEW_EXTREMES(T, K, T, 1, 4, n, key_##T(e[k][0], flip), t) \
	}
