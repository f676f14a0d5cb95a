// sum_wide_T: sums along an axis that is not the last, of elements of less than 32 bits, where a row of columns is made of whole vectors. 8 threads
// have a vector each of 128 bytes side by side. A block of 8 m threads has m lanes of the order, those that are equal modulo 256 / m,
// and leaves the sum of these, in the order, for 256 / m rows that are lanes again. For includers of sum_rows.h.
#pragma once

#define WIDE_LOOP(T, V, PROD) \
	_Pragma("unroll 1") for (; i + 7 * LANES < left; i += 8 * LANES) { \
		u32x4 q[8]; \
		REPEAT(k, 8) q[k] = *(GLOBAL const u32x4 *)x, x += step; \
		REPEAT(k, 8) add_vector_##T(acc, q[k], PROD); \
	}
#define SUM_WIDE(T, A, V) \
	INLINE void add_vector_##T(A *acc, u32x4 q, u32 prod) { \
		REPEAT(b, V) acc[b] = both_##A(acc[b], wide_##T(part_##T(q[b / (V / 4)], b % (V / 4))), prod); \
	} \
	KERNEL sum_wide_##T(GLOBAL A *out, GLOBAL const T *__restrict in, u64 outer, u64 n, u64 inner, u32 prod) { \
		static SHARED A part[V][256 + 1]; /* threads side by side: each in a bank of its own */ \
		u32 t = tid(), g = t / 8, apart = 8 * LANES / ntid(); \
		u64 pieces = (n + CHUNK - 1) / CHUNK, bands = (inner + 8 * V - 1) / (8 * V), all = outer * pieces * apart * bands; \
		for (u64 b = block(); b < all; b += blocks()) { \
			u64 row = share(b, bands), first = (b - row * bands) * 8 * V, c = first + t % 8 * V, p = row / apart, o = share(p, pieces), from = (p - o * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK, i = (u32)(row % apart) + apart * g; \
			u64 step = LANES * inner; \
			GLOBAL const T *x = in + (o * n + from + i) * inner + c; \
			A acc[V]; \
			REPEAT(k, V) acc[k] = prod; \
			if (c < inner) { \
				BY_PROD(WIDE_LOOP, T, V) \
				for (; i < left; i += LANES, x += step) add_vector_##T(acc, *(GLOBAL const u32x4 *)x, prod); \
			} \
			REPEAT(k, V) part[k][t] = acc[k]; \
			sync(); \
			for (u32 s = ntid() / 16; s > 0; s /= 2) { \
				if (g < s) REPEAT(k, V) part[k][t] = both_##A(part[k][t], part[k][t + s * 8], prod); \
				sync(); \
			} \
			for (u32 k = t; k < 8 * V && first + k < inner; k += ntid()) out[row * inner + first + k] = part[k % V][k / V]; \
			sync(); \
		} \
	}
