// Rows sorted by keys whose unsigned order is the wanted one; equal keys by their place.
#include "device.h"

// What an array of words holds: keys already, or elements that keys are made of.
enum { KEYS = 0 };

// key32 and key64 make the key of an element's bits: flip is 0, or all ones where the order is descending. NaN is behind all others.
INLINE u32 key32(u32 b, u32 kind, u32 flip) {
	u32 f = (b & 0x7fffffffu) > 0x7f800000u ? ~0u : b ^ ((u32)((i32)b >> 31) | 0x80000000u) ^ flip;
	return kind == F32 ? f : kind == I32 ? b ^ 0x80000000u ^ flip : b;
}

INLINE u64 key64(u64 b, u32 kind, u32 flip) {
	u64 all = flip ? ~0ull : 0, top = 1ull << 63;
	u64 f = (b & ~top) > 0x7ffull << 52 ? ~0ull : b ^ ((u64)((i64)b >> 63) | top) ^ all;
	return kind == F64 ? f : kind == I64 ? b ^ top ^ all : b;
}

// bits32 and bits64 turn a key back, NaN into the canonical one.
INLINE u32 bits32(u32 k, u32 kind, u32 flip) {
	u32 f = k ^ flip;
	f = k == ~0u ? 0x7fc00000u : f ^ (~(u32)((i32)f >> 31) | 0x80000000u);
	return kind == F32 ? f : kind == I32 ? k ^ flip ^ 0x80000000u : k;
}

INLINE u64 bits64(u64 k, u32 kind, u32 flip) {
	u64 all = flip ? ~0ull : 0, top = 1ull << 63, f = k ^ all;
	f = k == ~0ull ? 0x7ff8ull << 48 : f ^ (~(u64)((i64)f >> 63) | top);
	return kind == F64 ? f : kind == I64 ? k ^ all ^ top : k;
}

// Short rows, and tiles of rows of which only the first few elements are wanted: a block sorts several at once in its own memory, by a
// bitonic network. The place is part of what is compared, so the network need not be stable. An element is its key, and below its place.
typedef unsigned __int128 u128;
enum { SHORT32 = 4096, SHORT64 = 2048, LOADS = 4 };

// slot spreads what a block holds over the banks of its memory: steps by any power of two meet few of them twice.
INLINE u32 slot(u32 x) { return x ^ (x >> 4 & 15) ^ (x >> 8 & 15); }

// DEFINE_EXCHANGES makes exchanges_BITS_N: N steps of the network, the first with distance low << (N - 1), on 1 << N elements in registers.
// Runs of run elements go up and down in turn; the last ones, which are all of a tile, up.
#define DEFINE_EXCHANGES(bits, E, N) \
INLINE void exchanges_##bits##_##N(SHARED E *s, u32 all, u32 size, u32 run, u32 low) { \
	for (u32 i = tid(); i < all >> N; i += ntid()) { \
		u32 p = (i & ~(low - 1)) << N | (i & (low - 1)), up = !(p & (size - 1) & run); \
		E x[1 << N]; \
		_Pragma("unroll") for (u32 k = 0; k < 1 << N; k++) x[k] = s[slot(p + k * low)]; \
		_Pragma("unroll") for (u32 d = 1 << (N - 1); d > 0; d /= 2) \
			_Pragma("unroll") for (u32 k = 0; k < 1 << N; k++) { \
				if (k & d) continue; \
				E a = x[k], b = x[k + d]; \
				u32 turn = (a > b) == up; \
				x[k] = turn ? b : a; \
				x[k + d] = turn ? a : b; \
			} \
		_Pragma("unroll") for (u32 k = 0; k < 1 << N; k++) s[slot(p + k * low)] = x[k]; \
	} \
	sync(); \
}

// sort_short_BITS sorts tiles of 1 << log elements, 1 << tiles_log in a block: there are so many tiles in a row of n, the last of which need
// not be full. Each gives its first k. index may be zero: the places are those of the row, every step-th. What no element is has the last key
// and place. With a bound, a block has one tile, and leaves out what lies behind key k of what a launch before gave for the row: where
// that came from a part of the row, it is at or behind the k-th of all.
#define DEFINE_SHORT(N, K, E) \
DEFINE_EXCHANGES(N, E, 1) \
DEFINE_EXCHANGES(N, E, 2) \
DEFINE_EXCHANGES(N, E, 3) \
KERNEL sort_short_##N(GLOBAL const K *in, GLOBAL const u32 *index, GLOBAL const K *bound, GLOBAL K *values, GLOBAL u32 *places, u64 rows, u64 n, u32 k, \
	u64 tiles, u64 step, u32 log, u32 tiles_log, u32 kind, u32 out_kind, u32 flip) { \
	static SHARED E s[SHORT##N]; \
	static SHARED u32 kept; \
	u32 size = 1u << log, all = size << tiles_log; \
	u64 first = (u64)block() << tiles_log, first_row = first / tiles, start = first % tiles << log; /* several tiles are of several rows */ \
	K last = ~(K)0; \
	if (bound) { \
		last = bound[first_row * k + k - 1]; \
		if (tid() == 0) kept = 0; \
		sync(); \
	} \
	for (u32 i = tid(); i < all; i += LOADS * ntid()) { /* all is a multiple of that */ \
		K bits[LOADS]; \
		u32 from[LOADS], there[LOADS]; \
		_Pragma("unroll") for (u32 l = 0; l < LOADS; l++) { \
			u64 row = first_row + ((i + l * ntid()) >> log), at = (start + ((i + l * ntid()) & (size - 1))) * step; \
			there[l] = row < rows && at < n; \
			u64 p = there[l] ? row * n + at : 0; \
			bits[l] = in[p]; \
			from[l] = index ? index[p] : (u32)at; \
		} \
		_Pragma("unroll") for (u32 l = 0; l < LOADS; l++) { \
			E e = there[l] ? (E)key##N(bits[l], kind, flip) << N | from[l] : ~(E)0; \
			if (!bound) s[slot(i + l * ntid())] = e; \
			else if (there[l] && (K)(e >> N) <= last) s[slot(__atomic_fetch_add(&kept, 1, __ATOMIC_RELAXED))] = e; \
		} \
	} \
	sync(); \
	if (bound) { \
		while (size > 1 && size / 2 >= kept) size /= 2; \
		all = size; \
		for (u32 i = kept + tid(); i < all; i += ntid()) s[slot(i)] = ~(E)0; \
		sync(); \
	} \
	for (u32 run = 2; run <= size; run *= 2) { \
		u32 d = run / 2; \
		for (; d >= 8; d /= 8) exchanges_##N##_3(s, all, size, run, d / 4); \
		if (d == 4) exchanges_##N##_3(s, all, size, run, 1); \
		if (d == 2) exchanges_##N##_2(s, all, size, run, 1); \
		if (d == 1) exchanges_##N##_1(s, all, size, run, 1); \
	} \
	u32 full = 1u << log; \
	for (u32 i = tid(); i < full << tiles_log; i += ntid()) { \
		u64 tile = first + (i >> log); \
		u32 at = i & (full - 1); \
		if (first_row + (i >> log) >= rows || at >= k) continue; \
		E e = at < size ? s[slot(i)] : ~(E)0; \
		values[tile * k + at] = bits##N((K)(e >> N), out_kind, flip); \
		places[tile * k + at] = (u32)e; \
	} \
}

DEFINE_SHORT(32, u32, u64)
DEFINE_SHORT(64, u64, u128)

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

// Loads come before what uses them, all of a thread's at once and without a branch between them, so that their times overlap: what lies
// behind the end of a row is read at its last element, and left out later.
#define DEFINE(N, K) \
KERNEL sort_count_##N(GLOBAL const K *in, GLOBAL u32 *counts, u64 n, u64 tiles, u32 shift, u32 kind, u32 flip) { \
	static SHARED u32 counted[WARPS][DIGITS]; \
	enum { ITEMS = ITEMS##N, TILE = THREADS * ITEMS }; \
	u64 row = block() / tiles, tile = block() % tiles, at = tile * TILE; \
	u32 left = n - at < TILE ? (u32)(n - at) : TILE; \
	K key[ITEMS]; \
	in += row * n + at; \
	_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) { \
		u32 p = i * THREADS + tid(); \
		key[i] = in[p < left ? p : left - 1]; \
	} \
	for (u32 w = 0; w < WARPS; w++) counted[w][tid()] = 0; \
	sync(); \
	_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) \
		if (i * THREADS + tid() < left) __atomic_fetch_add(&counted[warp()][key##N(key[i], kind, flip) >> shift & (DIGITS - 1)], 1, __ATOMIC_RELAXED); \
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
	u32 left = n - at < TILE ? (u32)(n - at) : TILE, mine = warp() * ITEMS * 32 + lane(); /* a warp's items follow each other */ \
	K key[ITEMS]; \
	u32 rank[ITEMS], from[ITEMS]; \
	in += row * n + at; \
	_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) { \
		u32 p = mine + i * 32; \
		key[i] = in[p < left ? p : left - 1]; \
		from[i] = (u32)at + p; \
	} \
	if (index) { \
		index += row * n + at; \
		_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) { \
			u32 p = mine + i * 32; \
			from[i] = index[p < left ? p : left - 1]; \
		} \
	} \
	u32 offset = offsets[(row * DIGITS + tid()) * tiles + tile]; \
	for (u32 w = 0; w < WARPS; w++) ranks[w][tid()] = 0; \
	sync(); \
	_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) { \
		K real = key##N(key[i], kind, flip); \
		key[i] = mine + i * 32 < left ? real : ~(K)0; \
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
	to[tid()] = offset - start; \
	sync(); \
	_Pragma("unroll") for (u32 i = 0; i < ITEMS; i++) { \
		u32 p = ranks[warp()][key[i] >> shift & (DIGITS - 1)] + rank[i]; \
		moved[p] = key[i]; \
		moved_index[p] = from[i]; \
	} \
	sync(); \
	_Pragma("unroll 4") for (u32 p = tid(); p < left; p += THREADS) { \
		K e = moved[p]; \
		u32 place = to[e >> shift & (DIGITS - 1)] + p; \
		if (place >= k) continue; \
		out[row * k + place] = bits##N(e, out_kind, flip); \
		out_index[row * k + place] = moved_index[p]; \
	} \
}

DEFINE(32, u32)
DEFINE(64, u64)
