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
// counts start at zero.
#define DEFINE(type, T) \
KERNEL histogram_##type(GLOBAL const T *in, GLOBAL u32 *counts, u64 n, u32 bins, f64 low, f64 high, f64 scale) { \
	for (u32 i = tid(); i < bins; i += ntid()) counted[i] = 0; \
	sync(); \
	for (u64 i = gid(); i < n; i += gstride()) { \
		u32 b = bin(in[i], bins, low, high, scale); \
		if (b != ~0u) __atomic_fetch_add(&counted[b], 1, __ATOMIC_RELAXED); \
	} \
	sync(); \
	for (u32 i = tid(); i < bins; i += ntid()) \
		if (counted[i]) __atomic_fetch_add(&counts[i], counted[i], __ATOMIC_RELAXED); \
} \
\
KERNEL histogram_wide_##type(GLOBAL const T *in, GLOBAL u32 *counts, u64 n, u32 bins, f64 low, f64 high, f64 scale) { \
	for (u64 i = gid(); i < n; i += gstride()) { \
		u32 b = bin(in[i], bins, low, high, scale); \
		if (b != ~0u) __atomic_fetch_add(&counts[b], 1, __ATOMIC_RELAXED); \
	} \
}

DEFINE(u8, u8)
DEFINE(i32, i32)
DEFINE(f32, f32)
