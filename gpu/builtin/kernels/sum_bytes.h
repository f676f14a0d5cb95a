// Sums of bytes in rows: as integers wrap, their order is free. For includers of sum_rows.h.
#pragma once

// sum_bytes: a warp (width 32) for each row of at least 16 bytes, or a block of 256 threads for each of its parts, whose steps they take in turns.
KERNEL sum_bytes(GLOBAL u32 *out, GLOBAL const u8 *__restrict in, u64 rows, u64 n, u32 width, u32 parts) {
	static SHARED u32 warps[8];
	u32 t = tid() & (width - 1), log = (u32)__builtin_ctz(width);
	for (u64 p = gid() >> log; p < rows * parts; p += gstride() >> log) {
		u64 row = parts == 1 ? p : share(p, parts), part = p - row * parts;
		GLOBAL const u8 *x = in + row * n;
		u32 head = (u32)(-(u64)x & 15), sum = 0;
		u64 words = (n - head) / 16, end = head + 16 * words;
		GLOBAL const u32x4 *v = (GLOBAL const u32x4 *)(x + head);
		if (part == 0 && t < head) sum += x[t];
		if (part == 0 && end + t < n) sum += x[end + t];
		for (u64 i = part * 4 * width + t; i < words; i += (u64)parts * 4 * width) {
			u32x4 q[4];
			REPEAT(k, 4) {
				q[k] = (u32x4){0, 0, 0, 0};
				if (i + k * width < words) q[k] = v[i + k * width];
			}
			REPEAT(k, 4) REPEAT(j, 4) add_u8((i32 *)&sum, q[k][j], 0);
		}
		for (u32 s = 16; s > 0; s /= 2) sum += lane_xor(sum, s);
		if (width > 32) {
			if ((t & 31) == 0) warps[t / 32] = sum;
			sync();
			sum = 0;
			REPEAT(k, 8) sum += warps[k];
			sync();
		}
		if (t == 0) out[p] = sum;
	}
}
