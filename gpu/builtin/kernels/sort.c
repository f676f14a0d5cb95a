// Rows sorted by keys whose unsigned order is the wanted one; equal keys by their place.
#include "device.h"

// What an array of words holds: keys already, or elements that keys are made of.
enum { KEYS = 0 };

// key32 and key64 make the key of an element's bits: flip is 0, or all ones where the order is descending. NaN is behind all others.
INLINE u32 key32(u32 b, u32 kind, u32 flip) {
	if (kind == I32) return b ^ 0x80000000u ^ flip;
	if (kind != F32) return b;
	if ((b & 0x7fffffffu) > 0x7f800000u) return ~0u;
	return b ^ ((u32)((i32)b >> 31) | 0x80000000u) ^ flip;
}

INLINE u64 key64(u64 b, u32 kind, u32 flip) {
	u64 all = flip ? ~0ull : 0, top = 1ull << 63;
	if (kind == I64) return b ^ top ^ all;
	if (kind != F64) return b;
	if ((b & ~top) > 0x7ffull << 52) return ~0ull;
	return b ^ ((u64)((i64)b >> 63) | top) ^ all;
}

// bits32 and bits64 turn a key back, NaN into the canonical one.
INLINE u32 bits32(u32 k, u32 kind, u32 flip) {
	if (kind == I32) return k ^ flip ^ 0x80000000u;
	if (kind != F32) return k;
	if (k == ~0u) return 0x7fc00000u;
	k ^= flip;
	return k ^ (~(u32)((i32)k >> 31) | 0x80000000u);
}

INLINE u64 bits64(u64 k, u32 kind, u32 flip) {
	u64 all = flip ? ~0ull : 0, top = 1ull << 63;
	if (kind == I64) return k ^ all ^ top;
	if (kind != F64) return k;
	if (k == ~0ull) return 0x7ff8ull << 48;
	k ^= all;
	return k ^ (~(u64)((i64)k >> 63) | top);
}

// Short rows: a block sorts 1 << (log + rows_log) elements in its own memory, the rows padded to 1 << log with what comes last, by a
// bitonic network. The place is part of what is compared, so the network need not be stable.
enum { SHORT32 = 4096, SHORT64 = 2048 };

// pair gives the lower place of compare-and-exchange i of a step with distance d, and whether the larger goes up.
INLINE u32 pair(u32 i, u32 d) { return 2 * i - (i & (d - 1)); }

KERNEL sort_short_32(GLOBAL const u32 *in, GLOBAL u32 *values, GLOBAL u32 *index, u64 rows, u32 n, u32 k, u32 log, u32 rows_log, u32 kind, u32 flip) {
	static SHARED u64 s[SHORT32];
	u32 size = 1u << log, all = size << rows_log;
	u64 first = (u64)block() << rows_log;
	for (u32 i = tid(); i < all; i += ntid()) {
		u64 row = first + (i >> log);
		u32 at = i & (size - 1);
		s[i] = row < rows && at < n ? (u64)key32(in[row * n + at], kind, flip) << 32 | at : ~0ull;
	}
	sync();
	for (u32 run = 2; run <= size; run *= 2)
		for (u32 d = run / 2; d > 0; d /= 2) {
			for (u32 i = tid(); i < all / 2; i += ntid()) {
				u32 p = pair(i, d);
				u64 a = s[p], b = s[p + d];
				if ((a > b) == !(p & (size - 1) & run)) s[p] = b, s[p + d] = a;
			}
			sync();
		}
	for (u32 i = tid(); i < all; i += ntid()) {
		u64 row = first + (i >> log);
		u32 at = i & (size - 1);
		if (row >= rows || at >= k) continue;
		values[row * k + at] = bits32((u32)(s[i] >> 32), kind, flip);
		index[row * k + at] = (u32)s[i];
	}
}

KERNEL sort_short_64(GLOBAL const u64 *in, GLOBAL u64 *values, GLOBAL u32 *index, u64 rows, u32 n, u32 k, u32 log, u32 rows_log, u32 kind, u32 flip) {
	static SHARED u64 s[SHORT64];
	static SHARED u32 from[SHORT64];
	u32 size = 1u << log, all = size << rows_log;
	u64 first = (u64)block() << rows_log;
	for (u32 i = tid(); i < all; i += ntid()) {
		u64 row = first + (i >> log);
		u32 at = i & (size - 1);
		u32 real = row < rows && at < n;
		s[i] = real ? key64(in[row * n + at], kind, flip) : ~0ull;
		from[i] = real ? at : ~0u;
	}
	sync();
	for (u32 run = 2; run <= size; run *= 2)
		for (u32 d = run / 2; d > 0; d /= 2) {
			for (u32 i = tid(); i < all / 2; i += ntid()) {
				u32 p = pair(i, d), x = from[p], y = from[p + d];
				u64 a = s[p], b = s[p + d];
				if ((a > b || (a == b && x > y)) == !(p & (size - 1) & run)) s[p] = b, s[p + d] = a, from[p] = y, from[p + d] = x;
			}
			sync();
		}
	for (u32 i = tid(); i < all; i += ntid()) {
		u64 row = first + (i >> log);
		u32 at = i & (size - 1);
		if (row >= rows || at >= k) continue;
		values[row * k + at] = bits64(s[i], kind, flip);
		index[row * k + at] = from[i];
	}
}

// Long rows: a digit of 8 bits at a time from the lowest, each time stable. A block takes a tile of a row: it counts the tile's digits,
// and once all counts are summed up (scan.c) it moves the tile to where it belongs. counts are [row][digit][tile].
enum { THREADS = 256, WARPS = THREADS / 32, DIGITS = 256, ITEMS32 = 16, ITEMS64 = 8 };

INLINE u32 lane(void) { return tid() % 32; }
INLINE u32 warp(void) { return tid() / 32; }
INLINE void sync_warp(void) { __nvvm_bar_warp_sync(~0u); }

// same gives the lanes of the warp that have this lane's digit.
INLINE u32 same(u32 digit) {
	u32 lanes = ~0u;
	for (u32 bit = 0; bit < 8; bit++) {
		u32 set = digit >> bit & 1, with = __nvvm_vote_ballot_sync(~0u, set);
		lanes &= set ? with : ~with;
	}
	return lanes;
}

// before gives the sum of the values of all threads before this one. sums is WARPS words.
INLINE u32 before(u32 v, SHARED u32 *sums) {
	u32 run = v;
	for (u32 d = 1; d < 32; d *= 2) {
		u32 o = (u32)__nvvm_shfl_sync_up_i32(-1, (i32)run, (i32)d, 0);
		if (lane() >= d) run += o;
	}
	if (lane() == 31) sums[warp()] = run;
	sync();
	u32 sum = run - v;
	for (u32 w = 0; w < warp(); w++) sum += sums[w];
	return sum;
}

#define DEFINE(N, K) \
KERNEL sort_count_##N(GLOBAL const K *in, GLOBAL u32 *counts, u64 n, u64 tiles, u32 shift, u32 kind, u32 flip) { \
	static SHARED u32 counted[WARPS][DIGITS]; \
	enum { ITEMS = ITEMS##N }; \
	u64 row = block() / tiles, tile = block() % tiles, at = tile * THREADS * ITEMS; \
	for (u32 w = 0; w < WARPS; w++) counted[w][tid()] = 0; \
	sync(); \
	in += row * n; \
	for (u32 i = 0; i < ITEMS; i++) { \
		u64 p = at + i * THREADS + tid(); \
		if (p < n) __atomic_fetch_add(&counted[warp()][key##N(in[p], kind, flip) >> shift & (DIGITS - 1)], 1, __ATOMIC_RELAXED); \
	} \
	sync(); \
	u32 sum = 0; \
	for (u32 w = 0; w < WARPS; w++) sum += counted[w][tid()]; \
	counts[(row * DIGITS + tid()) * tiles + tile] = sum; \
} \
\
/* sort_move_BITS: index may be zero: the places are those of the row. Rows of the output have k elements: what lies behind is dropped. */ \
KERNEL sort_move_##N(GLOBAL const K *in, GLOBAL const u32 *index, GLOBAL K *out, GLOBAL u32 *out_index, GLOBAL const u32 *offsets, \
	u64 n, u64 k, u64 tiles, u32 shift, u32 kind, u32 out_kind, u32 flip) { \
	enum { ITEMS = ITEMS##N, TILE = THREADS * ITEMS }; \
	static SHARED u32 ranks[WARPS][DIGITS], to[DIGITS], sums[WARPS], moved_index[TILE]; \
	static SHARED K moved[TILE]; \
	u64 row = block() / tiles, tile = block() % tiles, at = tile * TILE; \
	u32 left = n - at < TILE ? (u32)(n - at) : TILE; \
	K key[ITEMS]; \
	u32 rank[ITEMS]; \
	in += row * n + at; \
	for (u32 w = 0; w < WARPS; w++) ranks[w][tid()] = 0; \
	sync(); \
	_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) { /* a warp's items follow each other */ \
		u32 p = (warp() * ITEMS + i) * 32 + lane(); \
		key[i] = p < left ? key##N(in[p], kind, flip) : ~(K)0; \
		u32 digit = key[i] >> shift & (DIGITS - 1), lanes = same(digit), lower = lanes & ((1u << lane()) - 1); \
		u32 seen = ranks[warp()][digit]; \
		sync_warp(); \
		if (!lower) ranks[warp()][digit] = seen + (u32)__builtin_popcount(lanes); \
		sync_warp(); \
		rank[i] = seen + (u32)__builtin_popcount(lower); \
	} \
	sync(); \
	u32 sum = 0; /* a thread for each digit: how many are in the warps before, in each */ \
	for (u32 w = 0; w < WARPS; w++) { \
		u32 c = ranks[w][tid()]; \
		ranks[w][tid()] = sum; \
		sum += c; \
	} \
	u32 start = before(sum, sums); \
	for (u32 w = 0; w < WARPS; w++) ranks[w][tid()] += start; \
	to[tid()] = offsets[(row * DIGITS + tid()) * tiles + tile] - start; \
	sync(); \
	_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) { \
		u32 p = ranks[warp()][key[i] >> shift & (DIGITS - 1)] + rank[i], from = (warp() * ITEMS + i) * 32 + lane(); \
		moved[p] = key[i]; \
		moved_index[p] = from >= left ? 0 : index ? index[row * n + at + from] : (u32)at + from; \
	} \
	sync(); \
	for (u32 p = tid(); p < left; p += THREADS) { \
		u32 digit = moved[p] >> shift & (DIGITS - 1), place = to[digit] + p; \
		if (place >= k) continue; \
		out[row * k + place] = bits##N(moved[p], out_kind, flip); \
		out_index[row * k + place] = moved_index[p]; \
	} \
}

DEFINE(32, u32)
DEFINE(64, u64)
