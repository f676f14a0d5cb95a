// Ops that make each element by itself, or move whole rows. All kernels are grid-stride loops.
#include "device.h"
#include "units.h"

// fill writes a pattern of 16 bytes, which repeats the value, to whole vectors; fill_bytes writes its beginning to the few bytes after them.
KERNEL fill(GLOBAL u32x4 *out, u64 vectors, u64 low, u64 high) {
	u32x4 v = {(u32)low, (u32)(low >> 32), (u32)high, (u32)(high >> 32)};
	for (u64 i = gid(); i < vectors; i += gstride()) out[i] = v;
}

KERNEL fill_bytes(GLOBAL u8 *out, u64 n, u64 low, u64 high) {
	for (u64 i = gid(); i < n; i += gstride()) out[i] = (u8)((i & 8 ? high : low) >> (i & 7) * 8);
}

// rows copies rows of row units to places that lie pitch apart: concat.
#define ROWS(S) \
	KERNEL rows##S(GLOBAL unit##S *__restrict out, GLOBAL const unit##S *__restrict in, u64 n, u64 row, u64 pitch) { \
		EACH4(unit##S, n, v = in[i], u64 q = quotient(i, row); out[q * pitch + (i - q * row)] = v) \
	}
EACH_UNIT(ROWS)

// gather copies rows by index, from a tensor of count rows; zeros where there is no such row. Wide says that the index is i64.
INLINE i64 row_index(GLOBAL const void *index, u32 wide, u64 i) {
	return wide ? ((GLOBAL const i64 *)index)[i] : ((GLOBAL const i32 *)index)[i];
}
#define GATHER(S) \
	KERNEL gather##S(GLOBAL unit##S *__restrict out, GLOBAL const unit##S *__restrict in, GLOBAL const void *__restrict index, u32 wide, u64 n, u64 row, \
		u64 count) { \
		EACH4(unit##S, n, u64 q = quotient(i, row); u64 from = (u64)row_index(index, wide, q); v = 0; if (from < count) v = in[from * row + (i - q * row)], \
			out[i] = v) \
	}
EACH_UNIT(GATHER)

// philox is Philox4x32-10: block n of the stream that seed names.
INLINE u32x4 philox(u64 seed, u64 n) {
	u32 c0 = (u32)n, c1 = (u32)(n >> 32), c2 = 0, c3 = 0, k0 = (u32)seed, k1 = (u32)(seed >> 32);
	_Pragma("unroll") for (u32 i = 0; i < 10; i++) {
		u64 a = 0xd2511f53ull * c0, b = 0xcd9e8d57ull * c2;
		c0 = (u32)(b >> 32) ^ c1 ^ k0, c1 = (u32)b, c2 = (u32)(a >> 32) ^ c3 ^ k1, c3 = (u32)a;
		k0 += 0x9e3779b9, k1 += 0xbb67ae85;
	}
	return (u32x4){c0, c1, c2, c3};
}

INLINE u32 unit_float(u32 w) { return bits_of((f32)(w >> 8) * 0x1p-24f); }

// random writes words offset to offset+n of a stream, as they are or as floats in [0, 1).
KERNEL random(GLOBAL u32 *out, u64 n, u64 seed, u64 offset, u32 floats) {
	u64 skip = offset & 3, all = (n + skip + 3) / 4;
	for (u64 b = gid(); b < all; b += gstride()) {
		u32x4 w = philox(seed, (offset / 4 + b) & ~0ull >> 2); // the stream begins again after 2^64 words
		if (floats) w = (u32x4){unit_float(w.x), unit_float(w.y), unit_float(w.z), unit_float(w.w)};
		u64 i = b * 4 - skip; // of w.x; below zero where the first block is cut
		if (skip == 0 && i + 4 <= n) {
			*(GLOBAL u32x4 *)(out + i) = w;
			continue;
		}
		if (i < n) out[i] = w.x;
		if (i + 1 < n) out[i + 1] = w.y;
		if (i + 2 < n) out[i + 2] = w.z;
		if (i + 3 < n) out[i + 3] = w.w;
	}
}
