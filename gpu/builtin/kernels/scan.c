// Running sums of rows, in the order that op.Scan fixes: segments of 32 elements one after the other, their sums in the same way.
#include "device.h"

// A warp takes a chunk of 32 segments, a lane each. Rows lie behind each other in memory, and a grid has a warp for each chunk of each.
enum { SEGMENT = 32, CHUNK = 32 * SEGMENT, WARPS = 4, PITCH = SEGMENT + 1 }; // a segment has as many elements as a warp has lanes

INLINE void sync_warp(void) { __nvvm_bar_warp_sync(~0u); }

// filled is how many lanes have a segment of a chunk of which so many elements are left.
INLINE u32 filled(u64 left) { return left < CHUNK ? (u32)(left + SEGMENT - 1) / SEGMENT : 32; }

// chunk_TYPE adds up the segments of a chunk by themselves, in place: element i of segment s is at s * PITCH + i. It gives the sum of the
// lanes before this one, which lane 0 has none of, and in *all that of the whole chunk.
#define DEFINE(type, T, canonical) \
INLINE T chunk_##type(SHARED T *buf, SHARED T *sums, GLOBAL const T *in, u64 left, T *all) { \
	u32 lane = tid() % 32, segments = filled(left); \
	if (left >= CHUNK) { \
		_Pragma("unroll") for (u32 s = 0; s < 32; s++) buf[s * PITCH + lane] = in[s * SEGMENT + lane]; \
	} else { \
		for (u32 s = 0; s < segments; s++) buf[s * PITCH + lane] = s * SEGMENT + lane < left ? in[s * SEGMENT + lane] : 0; \
	} \
	sync_warp(); \
	T sum = 0; \
	if (lane < segments) { \
		sum = buf[lane * PITCH]; \
		for (u32 i = 1; i < SEGMENT; i++) { \
			sum = sum + buf[lane * PITCH + i]; \
			buf[lane * PITCH + i] = sum; \
		} \
	} \
	sums[lane] = sum; \
	sync_warp(); \
	T run = sums[0], before = 0; \
	for (u32 i = 1; i < 32; i++) { \
		if (i == lane) before = run; \
		run = run + sums[i]; \
	} \
	*all = run; \
	return before; \
} \
\
/* scan_sums_TYPE gives the sum of each chunk. */ \
KERNEL scan_sums_##type(GLOBAL const T *in, GLOBAL T *out, u64 rows, u64 n, u64 chunks) { \
	static SHARED T buf[WARPS][32 * PITCH], sums[WARPS][32]; \
	u32 warp = tid() / 32; \
	u64 q = (u64)block() * WARPS + warp, row = q / chunks, at = q % chunks * CHUNK; \
	T all; \
	chunk_##type(buf[warp], sums[warp], in + row * n + at, row < rows ? n - at : 0, &all); \
	if (row < rows && tid() % 32 == 0) out[q] = all; \
} \
\
/* scan_TYPE: sums are what scan_sums_TYPE gave, and scanned are their running sums; a row of one chunk needs neither. */ \
KERNEL scan_##type(GLOBAL const T *in, GLOBAL T *out, GLOBAL const T *sums, GLOBAL const T *scanned, u64 rows, u64 n, u64 chunks, u32 exclusive) { \
	static SHARED T buf[WARPS][32 * PITCH], own[WARPS][32]; \
	u32 warp = tid() / 32, lane = tid() % 32; \
	u64 q = (u64)block() * WARPS + warp, row = q / chunks, chunk = q % chunks, at = chunk * CHUNK; \
	u64 left = row < rows ? n - at : 0; \
	T all, before = chunk_##type(buf[warp], own[warp], in + row * n + at, left, &all); \
	if (lane < filled(left) && (lane || chunk)) { \
		if (!lane) before = chunk > 1 ? sums[q - 1] + scanned[q - 2] : sums[q - 1]; \
		else if (chunk) before = before + scanned[q - 1]; \
		for (u32 i = 0; i < SEGMENT; i++) buf[warp][lane * PITCH + i] = buf[warp][lane * PITCH + i] + before; \
	} \
	sync_warp(); \
	out += row * n + at; \
	if (exclusive && left && !lane && !chunk) out[0] = 0; \
	out += exclusive; \
	if (exclusive && left) left--; \
	for (u32 i = lane; i < CHUNK && i < left; i += 32) out[i] = canonical(buf[warp][i / SEGMENT * PITCH + i % SEGMENT]); \
}

DEFINE(i32, i32, )
DEFINE(i64, i64, )
DEFINE(f32, f32, canon)
