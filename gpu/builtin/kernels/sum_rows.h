// Kernels that sum the elements of rows and of columns. For sum.h's includers.
#pragma once

// add_T adds a word to its V lanes, prod being known where the code is made. The order of integers is free: bytes are added up by words.
#define ADD(T, A, V) INLINE void add_##T(A *acc, word_##T w, u32 prod) { REPEAT(b, V) acc[b] = both_##A(acc[b], wide_##T(part_##T(w, b)), prod); }
ADD(i32, i32, 1)
ADD(i64, i64, 1)
ADD(f16, f32, 2)
ADD(bf16, f32, 2)
ADD(f32, f32, 1)
ADD(f64, f64, 1)
INLINE void add_u8(i32 *acc, u32 w, u32 prod) {
	if (prod) REPEAT(b, 4) acc[b] = both_i32(acc[b], part_u8(w, b), 1);
	else __asm__("dp4a.u32.u32 %0, %1, %2, %0;" : "+r"(acc[0]) : "r"(w), "r"(0x01010101));
}

// BY_PROD makes a loop twice: a choice at each element would cost as much as the rest.
#define BY_PROD(LOOP, ...) { if (prod) LOOP(__VA_ARGS__, 1) else LOOP(__VA_ARGS__, 0) }

#define ROWS_LOOP(T, V, PROD) \
	for (; i + 4 * LANES <= left; i += 4 * LANES) { /* nothing waits for a load */ \
		GLOBAL const word_##T *words = (GLOBAL const word_##T *)(x + i) + t; \
		word_##T w[32 / V]; \
		REPEAT(k, 32 / V) w[k] = words[32 * k]; \
		REPEAT(k, 32 / V) add_##T(acc + (k * V & 7), w[k], PROD); \
	}

// sum_rows_T: one warp for each piece of a row whose elements lie side by side. Value j*V+b of thread t is lane V*(t+32j)+b of the order.
#define SUM_ROWS(T, A, V) \
	KERNEL sum_rows_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 rows, u64 n, u32 prod, u32 type, u64 count) { \
		u64 pieces = (n + CHUNK - 1) / CHUNK, warps = gstride() / 32; \
		u32 t = tid() & 31; \
		for (u64 p = gid() / 32; p < rows * pieces; p += warps) { \
			u64 row = pieces == 1 ? p : share(p, pieces), from = (p - row * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK, i = 0; \
			GLOBAL const T *x = in + row * n + from; \
			A acc[8]; \
			REPEAT(k, 8) acc[k] = prod; \
			if (n % V == 0) BY_PROD(ROWS_LOOP, T, V) \
			for (i += V * t; i < left; i += LANES) { \
				T v[8]; \
				REPEAT(k, 8) v[k] = i + 32 * V * (k / V) + k % V < left ? x[i + 32 * V * (k / V) + k % V] : nil_##T; \
				REPEAT(k, 8) acc[k] = i + 32 * V * (k / V) + k % V < left ? both_##A(acc[k], wide_##T(v[k]), prod) : acc[k]; \
			} \
			for (u32 s = 4; s >= V; s /= 2) REPEAT(k, 4) if (k < s) acc[k] = both_##A(acc[k], acc[k + s], prod); \
			for (u32 s = 16; s > 0; s /= 2) REPEAT(k, V) acc[k] = both_##A(acc[k], down_##A(acc[k], s), prod); \
			for (u32 s = V / 2; s > 0; s /= 2) REPEAT(k, V / 2) if (k < s) acc[k] = both_##A(acc[k], acc[k + s], prod); \
			if (t == 0) put_##A(out, p, acc[0], type, count); \
		} \
	}

// sum_block_T: the same with a block of 256 / V threads for each piece, V lanes a thread: for rows of which there are too few to have a
// warp each.
#define BLOCK_LOOP(T, V, PROD) \
	for (; i + 8 * LANES <= left; i += 8 * LANES) { \
		GLOBAL const word_##T *words = (GLOBAL const word_##T *)(x + i) + t; \
		word_##T w[8]; \
		REPEAT(k, 8) w[k] = words[LANES / V * k]; \
		REPEAT(k, 8) add_##T(acc, w[k], PROD); \
	}
#define SUM_BLOCK(T, A, V) \
	KERNEL sum_block_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 rows, u64 n, u32 prod, u32 type, u64 count) { \
		static SHARED A part[LANES]; \
		u64 pieces = (n + CHUNK - 1) / CHUNK; \
		u32 t = tid(); \
		for (u64 p = block(); p < rows * pieces; p += blocks()) { \
			u64 row = share(p, pieces), from = (p - row * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK, i = 0; \
			GLOBAL const T *x = in + row * n + from; \
			A acc[V]; \
			REPEAT(b, V) acc[b] = prod; \
			if (n % V == 0) BY_PROD(BLOCK_LOOP, T, V) \
			for (i += V * t; i < left; i += LANES) REPEAT(b, V) if (i + b < left) acc[b] = both_##A(acc[b], wide_##T(x[i + b]), prod); \
			REPEAT(b, V) part[V * t + b] = acc[b]; \
			sync(); \
			for (u32 s = LANES / 2; s > 0; s /= 2) { \
				for (u32 j = t; j < s; j += LANES / V) part[j] = both_##A(part[j], part[j + s], prod); \
				sync(); \
			} \
			if (t == 0) put_##A(out, p, part[0], type, count); \
			sync(); \
		} \
	}

// sum_columns_T_W: an axis that is not the last. A block of THREADS reduces a piece of W neighbouring columns: thread t has column t % W
// and of its lanes those that are t / W modulo THREADS / W.
#define SUM_COLUMNS(T, A, W, THREADS, UNROLL) \
	KERNEL sum_columns_##T##_##W(GLOBAL void *out, GLOBAL const T *__restrict in, u64 outer, u64 n, u64 inner, u32 prod, u32 type, u64 count) { \
		enum { GROUPS = THREADS / W, EACH = LANES / GROUPS }; \
		static SHARED A part[THREADS]; \
		u64 pieces = (n + CHUNK - 1) / CHUNK, bands = (inner + W - 1) / W, all = outer * pieces * bands; \
		u32 t = tid(), g = t / W; \
		for (u64 b = block(); b < all; b += blocks()) { \
			u64 p = share(b, bands), c = (b - p * bands) * W + t % W, o = share(p, pieces), from = (p - o * pieces) * CHUNK; \
			u32 left = n - from < CHUNK ? (u32)(n - from) : CHUNK; \
			GLOBAL const T *x = in + (o * n + from) * inner + c; \
			A acc[EACH]; \
			REPEAT(k, EACH) acc[k] = prod; \
			if (c < inner) { \
				u32 i = g; \
				_Pragma(UNROLL) for (; i + GROUPS * (EACH - 1) < left; i += LANES) { \
					A v[EACH]; \
					REPEAT(k, EACH) v[k] = wide_##T(x[(u64)(i + GROUPS * k) * inner]); \
					REPEAT(k, EACH) acc[k] = both_##A(acc[k], v[k], prod); \
				} \
				T v[EACH]; \
				REPEAT(k, EACH) v[k] = i + GROUPS * k < left ? x[(u64)(i + GROUPS * k) * inner] : nil_##T; \
				REPEAT(k, EACH) acc[k] = i + GROUPS * k < left ? both_##A(acc[k], wide_##T(v[k]), prod) : acc[k]; \
			} \
			_Pragma("unroll") for (u32 s = EACH / 2; s > 0; s /= 2) REPEAT(k, EACH / 2) if (k < s) acc[k] = both_##A(acc[k], acc[k + s], prod); \
			part[t] = acc[0]; \
			sync(); \
			for (u32 s = GROUPS / 2; s > 0; s /= 2) { \
				if (g < s) part[t] = both_##A(part[t], part[t + s * W], prod); \
				sync(); \
			} \
			if (g == 0 && c < inner) put_##A(out, p * inner + c, part[t], type, count); \
			sync(); \
		} \
	}

#define SUMS(T, A, V) \
	SUM_ROWS(T, A, V) SUM_BLOCK(T, A, V) SUM_COLUMNS(T, A, 4, 1024, "unroll 8") SUM_COLUMNS(T, A, 32, 1024, "unroll 2")
