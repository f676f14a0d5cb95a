// Sums of short rows, and along short axes. For includers of sum_rows.h.
#pragma once

// start_T puts two vectors of a row into the lanes of the order that are theirs: floats have one for each element, integers need but one. A
// vector that is not there is 0.
#define START_FLOATS(T, A, V) \
	enum { LANES_##T = 2 * V }; \
	INLINE void start_##T(A *v, const u32x4 *q, u32 words, u32 prod) { \
		T e[2 * V]; \
		__builtin_memcpy(e, q, 32); \
		REPEAT(b, 2 * V) v[b] = prod && b / V >= words ? (A)prod : wide_##T(e[b]); \
	}
#define START_INTEGERS(T, A, V) \
	enum { LANES_##T = 1 }; \
	INLINE void start_##T(A *v, const u32x4 *q, u32 words, u32 prod) { \
		word_##T w[2 * V]; \
		A a[4] = {(A)prod, (A)prod, (A)prod, (A)prod}; \
		__builtin_memcpy(w, q, 32); \
		REPEAT(k, 2 * V) if (!prod || k / V < words) add_##T(a, w[k], prod); \
		v[0] = both_##A(both_##A(a[0], a[1], prod), both_##A(a[2], a[3], prod), prod); \
	}
START_INTEGERS(u8, i32, 4)
START_INTEGERS(i32, i32, 4)
START_INTEGERS(i64, i64, 2)
START_FLOATS(f16, f32, 8)
START_FLOATS(bf16, f32, 8)
START_FLOATS(f32, f32, 4)
START_FLOATS(f64, f64, 2)

// sum_few_T: rows of whole vectors, at most 64, or of at most 32 elements, so that no lane of the order has two: width threads for each, with two
// vectors or an element each, width a power of two; some rows are under way at once. That lanes begin with 0 means
// only that no sum is -0: 0 is added at the end.
#define FEW_VECTORS(T, A, PROD) \
	for (u64 first = gid() >> log; first - ((tid() & 31) >> log) < rows; first += 2 * stride) { \
		u32x4 q[2][2]; \
		A v[2][LANES_##T]; \
		REPEAT(k, 2) REPEAT(j, 2) { \
			q[k][j] = (u32x4){0, 0, 0, 0}; \
			if (2 * t + j < words && first + k * stride < rows) q[k][j] = ((GLOBAL const u32x4 *)in)[(first + k * stride) * words + 2 * t + j]; \
		} \
		REPEAT(k, 2) start_##T(v[k], q[k], 2 * t < words ? words - 2 * t : 0, PROD); \
		for (u32 s = width / 2; s > 0; s /= 2) REPEAT(k, 2) REPEAT(b, LANES_##T) v[k][b] = both_##A(v[k][b], other_##A(v[k][b], s), PROD); \
		_Pragma("unroll") for (u32 s = LANES_##T / 2; s > 0; s /= 2) \
			REPEAT(k, 2) REPEAT(b, LANES_##T) if (b < s) v[k][b] = both_##A(v[k][b], v[k][b + s], PROD); \
		for (u32 k = t; k < 2 && first + k * stride < rows; k += width) /* all threads of a row have its sum */ \
			put_##A(out, first + k * stride, both_##A(k ? v[1][0] : v[0][0], PROD, PROD), type, count); \
	}
#define SUM_FEW(T, A) \
	KERNEL sum_few_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 rows, u32 n, u32 width, u32 prod, u32 type, u64 count) { \
		u32 t = tid() & (width - 1), log = (u32)__builtin_ctz(width), words = n * sizeof(T) / 16; \
		u64 stride = gstride() >> log; \
		if (n * sizeof(T) % 16 == 0) { \
			BY_PROD(FEW_VECTORS, T, A) \
			return; \
		} \
		for (u64 first = gid() >> log; first - ((tid() & 31) >> log) < rows; first += 4 * stride) { \
			T x[4]; \
			A v[4]; \
			REPEAT(k, 4) x[k] = t < n && first + k * stride < rows ? in[(first + k * stride) * n + t] : nil_##T; \
			REPEAT(k, 4) v[k] = t < n ? both_##A(prod, wide_##T(x[k]), prod) : (A)prod; \
			for (u32 s = width / 2; s > 0; s /= 2) REPEAT(k, 4) v[k] = both_##A(v[k], other_##A(v[k], s), prod); \
			for (u32 k = t; k < 4 && first + k * stride < rows; k += width) { \
				A sum = v[0]; \
				REPEAT(j, 4) sum = k == j ? v[j] : sum; \
				put_##A(out, first + k * stride, sum, type, count); \
			} \
		} \
	}

// sum_short_T: an axis of at most 32 elements: one thread for each result. Element i of row (o, c) is number (o*n+i)*inner + c.
#define SUM_SHORT_OF(T, A, N) { \
		T e[N]; \
		A v[N]; \
		REPEAT(k, N) e[k] = k < n ? x[k * inner] : nil_##T; \
		REPEAT(k, N) v[k] = k < n ? both_##A(prod, wide_##T(e[k]), prod) : (A)prod; \
		_Pragma("unroll") for (u32 s = N / 2; s > 0; s /= 2) \
			_Pragma("unroll") for (u32 k = 0; k < N / 2; k++) if (k < s) v[k] = both_##A(v[k], v[k + s], prod); \
		sum = v[0]; \
	}
#define SUM_SHORT(T, A) \
	KERNEL sum_short_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 all, u64 n, u64 inner, u32 prod, u32 type, u64 count) { \
		for (u64 i = gid(); i < all; i += gstride()) { \
			u64 o = share(i, inner); \
			GLOBAL const T *x = in + o * n * inner + (i - o * inner); \
			A sum; \
			if (n <= 4) SUM_SHORT_OF(T, A, 4) else if (n <= 8) SUM_SHORT_OF(T, A, 8) else if (n <= 16) SUM_SHORT_OF(T, A, 16) else SUM_SHORT_OF(T, A, 32) \
			put_##A(out, i, sum, type, count); \
		} \
	}

#define SHORT_SUMS(T, A) SUM_FEW(T, A) SUM_SHORT(T, A)
