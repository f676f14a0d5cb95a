// Reduce, in the order that gpu/cpu/reduce.go defines: a row in chunks of 65,536 elements, a chunk by 256 lanes that go through it in
// steps of 256 and are then added in halves. How lanes are dealt out to threads is free; who adds what to what is not.
//
// A piece is a chunk of a row; each kernel reduces a piece to one value. Results of pieces that are not whole rows are sums as they
// are, and go through the kernels of the type that they have once more. For device.h's includers.
#pragma once

enum { LANES = 256, CHUNK = 65536 };

// share is how often b goes into a, by 32 bits where that is enough: much faster.
INLINE u64 share(u64 a, u64 b) { return (a | b) >> 32 ? a / b : (u32)a / (u32)b; }

#define REPEAT(I, N) _Pragma("unroll") for (u32 I = 0; I < N; I++)

// wide_T gives an element as the type that elements are added up in, a NaN as any; nil_T is what is loaded where there is none. Where a load
// depends on a condition the element is loaded first and widened later, without a condition: else each load would wait for the one before.
INLINE i32 wide_u8(u8 v) { return v; }
INLINE i32 wide_i32(i32 v) { return v; }
INLINE i64 wide_i64(i64 v) { return v; }
INLINE f32 wide_f16(f16 v) { return (f32)__builtin_bit_cast(_Float16, v.bits); }
INLINE f32 wide_bf16(bf16 v) { return float_of((u32)v.bits << 16); }
INLINE f32 wide_f32(f32 v) { return v; }
INLINE f64 wide_f64(f64 v) { return v; }
#define nil_u8 0
#define nil_i32 0
#define nil_i64 0
#define nil_f16 ((f16){0})
#define nil_bf16 ((bf16){0})
#define nil_f32 0
#define nil_f64 0

// Elements of less than 32 bits are loaded as words of V elements, where every row begins at a word. word_T is what is loaded, part_T gives
// its element b.
typedef u32 word_u8, word_f16, word_bf16;
typedef i32 word_i32;
typedef i64 word_i64;
typedef f32 word_f32;
typedef f64 word_f64;
INLINE u8 part_u8(u32 w, u32 b) { return (u8)(w >> 8 * b); }
INLINE f16 part_f16(u32 w, u32 b) { return (f16){(u16)(w >> 16 * b)}; }
INLINE bf16 part_bf16(u32 w, u32 b) { return (bf16){(u16)(w >> 16 * b)}; }
INLINE i32 part_i32(i32 w, u32 b) { return w; }
INLINE i64 part_i64(i64 w, u32 b) { return w; }
INLINE f32 part_f32(f32 w, u32 b) { return w; }
INLINE f64 part_f64(f64 w, u32 b) { return w; }

// put stores a sum as what it belongs: type is an op.DType; count is what a mean is divided by, else 0.
INLINE void put_f32(GLOBAL void *out, u64 i, f32 v, u32 type, u64 count) {
	if (count) v /= (f32)count;
	if (type == F32) store_f32((GLOBAL f32 *)out + i, v);
	else if (type == F16) store_f16((GLOBAL f16 *)out + i, v);
	else store_bf16((GLOBAL bf16 *)out + i, v);
}
INLINE void put_f64(GLOBAL void *out, u64 i, f64 v, u32 type, u64 count) {
	if (count) v /= (f64)count;
	((GLOBAL f64 *)out)[i] = canon64(v);
}
INLINE void put_i32(GLOBAL void *out, u64 i, i32 v, u32 type, u64 count) { ((GLOBAL i32 *)out)[i] = v; }
INLINE void put_i64(GLOBAL void *out, u64 i, i64 v, u32 type, u64 count) { ((GLOBAL i64 *)out)[i] = v; }

INLINE i32 down_i32(i32 v, u32 d) { return (i32)lane_down((u32)v, d); }
INLINE f32 down_f32(f32 v, u32 d) { return float_of(lane_down(bits_of(v), d)); }
INLINE i64 down_i64(i64 v, u32 d) { return (i64)((u64)lane_down((u32)((u64)v >> 32), d) << 32 | lane_down((u32)v, d)); }
INLINE f64 down_f64(f64 v, u32 d) { return float_of64((u64)down_i64((i64)bits_of64(v), d)); }

// other_A gives the value of the lane whose number differs in the bits d.
INLINE i32 other_i32(i32 v, u32 d) { return (i32)lane_xor((u32)v, d); }
INLINE f32 other_f32(f32 v, u32 d) { return float_of(lane_xor(bits_of(v), d)); }
INLINE i64 other_i64(i64 v, u32 d) { return (i64)((u64)lane_xor((u32)((u64)v >> 32), d) << 32 | lane_xor((u32)v, d)); }
INLINE f64 other_f64(f64 v, u32 d) { return float_of64((u64)other_i64((i64)bits_of64(v), d)); }

// Integers wrap: they are added as unsigned ones.
INLINE f32 both_f32(f32 a, f32 b, u32 prod) { return prod ? a * b : a + b; }
INLINE f64 both_f64(f64 a, f64 b, u32 prod) { return prod ? a * b : a + b; }
INLINE i32 both_i32(i32 a, i32 b, u32 prod) { return (i32)(prod ? (u32)a * (u32)b : (u32)a + (u32)b); }
INLINE i64 both_i64(i64 a, i64 b, u32 prod) { return (i64)(prod ? (u64)a * (u64)b : (u64)a + (u64)b); }

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

// start_T puts a vector of a row into the lanes that it begins, of which floats have one for each element; integers need but one.
#define START_FLOATS(T, A, V) \
	enum { LANES_##T = V, UNDER_WAY_##T = 4 }; \
	INLINE void start_##T(A *v, u32x4 q, u32 prod) { \
		T e[V]; \
		__builtin_memcpy(e, &q, 16); \
		REPEAT(b, V) v[b] = both_##A(prod, wide_##T(e[b]), prod); \
	}
#define START_INTEGERS(T, A, V) \
	enum { LANES_##T = 1, UNDER_WAY_##T = 4 }; \
	INLINE void start_##T(A *v, u32x4 q, u32 prod) { \
		word_##T w[V]; \
		A a[4] = {(A)prod, (A)prod, (A)prod, (A)prod}; \
		__builtin_memcpy(w, &q, 16); \
		REPEAT(k, V) add_##T(a, w[k], prod); \
		v[0] = both_##A(both_##A(a[0], a[1], prod), both_##A(a[2], a[3], prod), prod); \
	}
START_INTEGERS(u8, i32, 4)
START_INTEGERS(i32, i32, 4)
START_INTEGERS(i64, i64, 2)
START_FLOATS(f16, f32, 8)
START_FLOATS(bf16, f32, 8)
START_FLOATS(f32, f32, 4)
START_FLOATS(f64, f64, 2)

// sum_few_T: rows of whole vectors, at most 32, or of at most 32 elements, so that no lane of the order has two: width threads for each,
// width a power of two; some rows are under way at once.
#define FEW_VECTORS(T, A, PROD) \
	for (u64 first = gid() >> log; first - ((tid() & 31) >> log) < rows; first += UNDER_WAY_##T * stride) { \
		u32x4 q[UNDER_WAY_##T]; \
		A v[UNDER_WAY_##T][LANES_##T]; \
		REPEAT(k, UNDER_WAY_##T) { \
			q[k] = (u32x4){0, 0, 0, 0}; \
			if (t < words && first + k * stride < rows) q[k] = ((GLOBAL const u32x4 *)in)[(first + k * stride) * words + t]; \
		} \
		REPEAT(k, UNDER_WAY_##T) start_##T(v[k], q[k], PROD); \
		if (t >= words) REPEAT(k, UNDER_WAY_##T) REPEAT(b, LANES_##T) v[k][b] = PROD; \
		for (u32 s = width / 2; s > 0; s /= 2) REPEAT(k, UNDER_WAY_##T) REPEAT(b, LANES_##T) v[k][b] = both_##A(v[k][b], other_##A(v[k][b], s), PROD); \
		_Pragma("unroll") for (u32 s = LANES_##T / 2; s > 0; s /= 2) \
			REPEAT(k, UNDER_WAY_##T) REPEAT(b, LANES_##T) if (b < s) v[k][b] = both_##A(v[k][b], v[k][b + s], PROD); \
		for (u32 k = t; k < UNDER_WAY_##T && first + k * stride < rows; k += width) { /* all threads of a row have its sum */ \
			A sum = v[0][0]; \
			REPEAT(j, UNDER_WAY_##T) sum = k == j ? v[j][0] : sum; \
			put_##A(out, first + k * stride, sum, type, count); \
		} \
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
			for (u32 s = width / 2; s > 0; s /= 2) REPEAT(k, 4) v[k] = both_##A(v[k], down_##A(v[k], s), prod); \
			REPEAT(k, 4) if (t == 0 && first + k * stride < rows) put_##A(out, first + k * stride, v[k], type, count); \
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
	SUM_ROWS(T, A, V) SUM_BLOCK(T, A, V) SUM_FEW(T, A) SUM_SHORT(T, A) SUM_COLUMNS(T, A, 4, 1024, "unroll 8") SUM_COLUMNS(T, A, 32, 1024, "unroll 2")
