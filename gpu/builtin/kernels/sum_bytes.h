// Sums of bytes: as integers wrap, their order is free. For includers of sum_rows.h.
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

// sum_byte_columns: an axis that is not the last, where a row of columns is made of whole vectors. 8 threads have a vector each side by side, and
// a block of 256 threads every 32nd row of each of its parts' blocks, which take turns. Two columns are added up in one word, which holds 256 bytes
// of each: their even and their odd ones.
KERNEL sum_byte_columns(GLOBAL u32 *out, GLOBAL const u8 *__restrict in, u64 outer, u64 n, u64 inner, u32 parts) {
	enum { V = 16, GROUPS = 32 };
	static SHARED u32 part[V][256 + 1];
	u32 t = tid(), g = t / 8, turn = parts * GROUPS;
	u64 bands = (inner + 8 * V - 1) / (8 * V), all = outer * parts * bands, step = turn * inner;
	for (u64 b = block(); b < all; b += blocks()) {
		u64 p = share(b, bands), first = (b - p * bands) * 8 * V, c = first + t % 8 * V, o = share(p, parts), from = (p - o * parts) * GROUPS + g;
		u64 count = from < n && c < inner ? share(n - from - 1, turn) + 1 : 0;
		GLOBAL const u8 *x = in + (o * n + from) * inner + c;
		REPEAT(k, V) part[k][t] = 0; /* registers are for what is under way */
		while (count > 0) {
			u32 now = (u32)lesser64(count, 256), even[V / 4], odd[V / 4];
			REPEAT(j, V / 4) even[j] = odd[j] = 0;
			count -= now;
			_Pragma("unroll 1") for (u32 i = 0; i < now; i += 16) {
				u32x4 q[16];
				REPEAT(k, 16) {
					q[k] = (u32x4){0, 0, 0, 0};
					if (i + k < now) q[k] = *(GLOBAL const u32x4 *)x;
					x += step;
				}
				REPEAT(k, 16) REPEAT(j, V / 4) even[j] += q[k][j] & 0x00ff00ff, odd[j] += __nvvm_prmt(q[k][j], 0, 0x4341);
			}
			REPEAT(j, V / 4) {
				part[4 * j][t] += even[j] & 0xffff, part[4 * j + 1][t] += odd[j] & 0xffff;
				part[4 * j + 2][t] += even[j] >> 16, part[4 * j + 3][t] += odd[j] >> 16;
			}
		}
		sync();
		for (u32 s = GROUPS / 2; s > 0; s /= 2) {
			if (g < s) REPEAT(k, V) part[k][t] += part[k][t + 8 * s];
			sync();
		}
		if (t < 8 * V && first + t < inner) out[p * inner + first + t] = part[t % V][t / V];
		sync();
	}
}
