// Ops that move elements or make each one by itself.
#include "device.h"

// fill writes a pattern of 16 bytes, which repeats the value, to whole vectors; fill_bytes writes its beginning to the few bytes after them.
KERNEL fill(GLOBAL u32x4 *out, u64 vectors, u64 low, u64 high) {
	u32x4 v = {(u32)low, (u32)(low >> 32), (u32)high, (u32)(high >> 32)};
	for (u64 i = gid(); i < vectors; i += gstride()) out[i] = v;
}

KERNEL fill_bytes(GLOBAL u8 *out, u64 n, u64 low, u64 high) {
	for (u64 i = gid(); i < n; i += gstride()) out[i] = (u8)((i & 8 ? high : low) >> (i & 7) * 8);
}
