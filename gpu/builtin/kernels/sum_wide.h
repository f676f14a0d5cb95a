// sum_wide_T: sums along an axis that is not the last, of elements of less than 32 bits and a number of columns that is a multiple of 8: each
// of the 1,024 threads of a block has a lane of 8 neighbouring columns. For includers of sum.h.
#pragma once

#define WIDE_LOOP(T, A, VEC, PROD) \
	_Pragma("unroll 1") for (; i + 7 * LANES < left; i += 8 * LANES) { \
		VEC q[8]; \
		REPEAT(k, 8) q[k] = *(GLOBAL const VEC *)x, x += step; \
		REPEAT(k, 8) add8_##T(acc, q[k], PROD); \
	}
#define SUM_WIDE(T, A, VEC) \
	INLINE void add8_##T(A *acc, VEC q, u32 prod) { \
		enum { EACH = 32 / sizeof(VEC) }; /* elements in a word */ \
		REPEAT(b, 8) acc[b] = both_##A(acc[b], wide_##T(part_##T(q[b / EACH], b % EACH)), prod); \
	} \
	KERNEL sum_wide_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 outer, u64 n, u64 inner, u32 prod, u32 type, u64 count) { \
		static SHARED A part[1024][8]; \
		u64 pieces = (n + CHUNK - 1) / CHUNK, bands = (inner + 31) / 32, all = outer * pieces * bands; \
		u32 t = tid(), lane = t / 4; \
		for (u64 b = block(); b < all; b += blocks()) { \
			u64 p = share(b, bands), first = (b - p * bands) * 32, c = first + t % 4 * 8, o = share(p, pieces), from = (p - o * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK, i = lane; \
			u64 step = LANES * inner; \
			GLOBAL const T *x = in + (o * n + from + lane) * inner + c; \
			A acc[8]; \
			REPEAT(k, 8) acc[k] = prod; \
			if (c < inner) { \
				BY_PROD(WIDE_LOOP, T, A, VEC) \
				for (; i < left; i += LANES, x += step) add8_##T(acc, *(GLOBAL const VEC *)x, prod); \
			} \
			REPEAT(k, 8) part[t][k] = acc[k]; \
			sync(); \
			for (u32 s = LANES / 2; s > 0; s /= 2) { \
				if (lane < s) REPEAT(k, 8) part[t][k] = both_##A(part[t][k], part[t + s * 4][k], prod); \
				sync(); \
			} \
			if (t < 32 && first + t < inner) put_##A(out, p * inner + first + t, part[t / 8][t % 8], type, count); \
			sync(); \
		} \
	}
