// Counts of elements by bins.
#include "device.h"

extern SHARED u32 counted[] __attribute__((aligned(128)));

// bin gives where x is counted, or ~0: the arithmetic that op.Histogram fixes.
INLINE u32 bin(f64 x, u32 bins, f64 low, f64 high, f64 scale) {
	if (!(x >= low && x <= high)) return ~0u;
	f64 at = (x - low) * scale;
	return at < bins ? (u32)at : bins - 1;
}

// histogram_TYPE counts in a block's own memory first, of which it has a word for each bin; histogram_wide_TYPE, for more bins, does not.
// counts start at zero. Four elements are read at a time, and the few that are left at the end one by one.
#define DEFINE(type, T) \
INLINE u32 bin_##type(u32 bits, u32 bins, f64 low, f64 high, f64 scale) { \
	return bin(__builtin_bit_cast(T, bits), bins, low, high, scale); \
} \
\
KERNEL histogram_##type(GLOBAL const u32x4 *in, GLOBAL u32 *counts, u64 n, u32 bins, f64 low, f64 high, f64 scale) { \
	for (u32 i = tid(); i < bins; i += ntid()) counted[i] = 0; \
	sync(); \
	for (u64 i = gid(); i < n / 4; i += gstride()) { \
		u32x4 v = in[i]; \
		for (u32 j = 0; j < 4; j++) { \
			u32 b = bin_##type(v[j], bins, low, high, scale); \
			if (b != ~0u) __atomic_fetch_add(&counted[b], 1, __ATOMIC_RELAXED); \
		} \
	} \
	if (gid() < n % 4) { \
		u32 b = bin_##type(((GLOBAL const u32 *)in)[n / 4 * 4 + gid()], bins, low, high, scale); \
		if (b != ~0u) __atomic_fetch_add(&counted[b], 1, __ATOMIC_RELAXED); \
	} \
	sync(); \
	for (u32 i = tid(); i < bins; i += ntid()) \
		if (counted[i]) __atomic_fetch_add(&counts[i], counted[i], __ATOMIC_RELAXED); \
} \
\
KERNEL histogram_wide_##type(GLOBAL const u32 *in, GLOBAL u32 *counts, u64 n, u32 bins, f64 low, f64 high, f64 scale) { \
	for (u64 i = gid(); i < n; i += gstride()) { \
		u32 b = bin_##type(in[i], bins, low, high, scale); \
		if (b != ~0u) __atomic_fetch_add(&counts[b], 1, __ATOMIC_RELAXED); \
	} \
}

DEFINE(i32, i32)
DEFINE(f32, f32)

// histogram_u8 counts every value by itself, each warp in its own words, and gives the bins their values' counts at the end.
KERNEL histogram_u8(GLOBAL const u32x4 *in, GLOBAL u32 *counts, u64 n, u32 bins, f64 low, f64 high, f64 scale) {
	enum { WARPS = 8, VALUES = 256 };
	static SHARED u32 values[WARPS][VALUES];
	for (u32 w = 0; w < WARPS; w++) values[w][tid()] = 0;
	sync();
	SHARED u32 *own = values[tid() / 32];
	for (u64 i = gid(); i < n / 16; i += gstride()) {
		u32x4 v = in[i];
		for (u32 j = 0; j < 4; j++)
			for (u32 k = 0; k < 32; k += 8) __atomic_fetch_add(&own[v[j] >> k & 255], 1, __ATOMIC_RELAXED);
	}
	if (gid() < n % 16) __atomic_fetch_add(&own[((GLOBAL const u8 *)in)[n / 16 * 16 + gid()]], 1, __ATOMIC_RELAXED);
	sync();
	u32 sum = 0, b = bin(tid(), bins, low, high, scale);
	for (u32 w = 0; w < WARPS; w++) sum += values[w][tid()];
	if (sum && b != ~0u) __atomic_fetch_add(&counts[b], sum, __ATOMIC_RELAXED);
}
