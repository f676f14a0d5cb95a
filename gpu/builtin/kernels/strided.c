// Transpose and Slice.
// bounds: tiles 256 3
// bounds: word_tiles1 256 2
// bounds: word_tiles2 256 3
#include "device.h"
#include "units.h"

// place is where unit i of an output lies in the input: dimensions d0 (the last) to d5, strides s0 to s5. Dimensions that are not there are 1.
INLINE u64 place(u64 i, u32 rank, u64 d0, u64 d1, u64 d2, u64 d3, u64 d4, u64 s0, u64 s1, u64 s2, u64 s3, u64 s4, u64 s5) {
	u64 q, at = 0;
	if (rank == 1) return i * s0;
	q = quotient(i, d0); at += (i - q * d0) * s0; i = q;
	if (rank == 2) return at + i * s1;
	q = quotient(i, d1); at += (i - q * d1) * s1; i = q;
	if (rank == 3) return at + i * s2;
	q = quotient(i, d2); at += (i - q * d2) * s2; i = q;
	if (rank == 4) return at + i * s3;
	q = quotient(i, d3); at += (i - q * d3) * s3; i = q;
	if (rank == 5) return at + i * s4;
	q = quotient(i, d4);
	return at + (i - q * d4) * s4 + q * s5;
}

// strided: out[i] = in[start + place(i)].
#define STRIDED(S) \
	KERNEL strided##S(GLOBAL unit##S *__restrict out, GLOBAL const unit##S *__restrict in, u64 n, u64 start, u32 rank, u64 d0, u64 d1, u64 d2, u64 d3, \
		u64 d4, u64 s0, u64 s1, u64 s2, u64 s3, u64 s4, u64 s5) { \
		in += start; \
		EACH4(unit##S, n, v = in[place(i, rank, d0, d1, d2, d3, d4, s0, s1, s2, s3, s4, s5)], out[i] = v) \
	}
EACH_UNIT(STRIDED)

// runs are the same where the last dimension is a multiple of R units: a thread makes R at once, which it stores as one.
#define RUNS(S, R, WORD) \
	KERNEL runs##S(GLOBAL WORD *__restrict out, GLOBAL const unit##S *__restrict in, u64 n, u64 start, u32 rank, u64 d0, u64 d1, u64 d2, u64 d3, u64 d4, \
		u64 s0, u64 s1, u64 s2, u64 s3, u64 s4, u64 s5) { \
		in += start; \
		EACH4(WORD, n / R, { \
			GLOBAL const unit##S *from = in + place(i * R, rank, d0, d1, d2, d3, d4, s0, s1, s2, s3, s4, s5); \
			unit##S part[R]; \
			_Pragma("unroll") for (u32 b = 0; b < R; b++) part[b] = from[b * s0]; \
			__builtin_memcpy(&v, part, sizeof v); \
		}, out[i] = v) \
	}
RUNS(1, 4, u32) RUNS(2, 2, u32) RUNS(4, 2, u32x2)

// tiles moves squares of D by D through shared memory: the output is in one piece along n, which is read with stride, and the input is
// nearest along count, which is read with near and written with pitch. Up to four dimensions b are outside of that. 256 threads. PITCH is
// such that neither rows nor columns of the square meet in a bank.
#define TILES(S, D, PITCH) \
	KERNEL tiles##S(GLOBAL unit##S *__restrict out, GLOBAL const unit##S *__restrict in, u64 start, u64 n, u64 stride, u64 count, u64 near, u64 pitch, \
		u64 all, u64 b0, u64 b1, u64 b2, u64 i0, u64 i1, u64 i2, u64 i3, u64 o0, u64 o1, u64 o2, u64 o3) { \
		static SHARED unit##S tile[D][PITCH]; \
		u32 x = tid() & 31, y = tid() >> 5; \
		u64 across = (n + D - 1) / D, down = (count + D - 1) / D; \
		for (u64 t = block(); t < all; t += blocks()) { \
			u64 q = quotient(t, across), c = (t - q * across) * D; \
			u64 b = quotient(q, down), r = (q - b * down) * D; \
			u64 from = start, to = 0, k; \
			k = quotient(b, b0); from += (b - k * b0) * i0; to += (b - k * b0) * o0; b = k; \
			k = quotient(b, b1); from += (b - k * b1) * i1; to += (b - k * b1) * o1; b = k; \
			k = quotient(b, b2); from += (b - k * b2) * i2 + k * i3; to += (b - k * b2) * o2 + k * o3; \
			GLOBAL const unit##S *src = in + from + r * near + c * stride; \
			GLOBAL unit##S *dst = out + to + r * pitch + c; \
			u32 wide = n - c < D ? (u32)(n - c) : D, high = count - r < D ? (u32)(count - r) : D; \
			_Pragma("unroll") for (u32 j = 0; j < D; j += 8) \
				_Pragma("unroll") for (u32 i = 0; i < D; i += 32) \
					if (i + x < high && j + y < wide) tile[j + y][i + x] = src[(i + x) * near + (j + y) * stride]; \
			sync(); \
			_Pragma("unroll") for (u32 j = 0; j < D; j += 8) \
				_Pragma("unroll") for (u32 i = 0; i < D; i += 32) \
					if (j + y < high && i + x < wide) dst[(j + y) * pitch + i + x] = tile[i + x][j + y]; \
			sync(); \
		} \
	}
TILES(1, 64, 68) TILES(2, 64, 66) TILES(4, 64, 65) TILES(8, 32, 33) TILES(16, 32, 33)

// word_tiles are tiles of elements of less than 32 bits, where near is 1 and everything else a multiple of W, the elements of a word: squares
// of 32 words. A thread takes W words of as many rows, and gives W words of as many columns.
#define WORD_TILES(S, W) \
	KERNEL word_tiles##S(GLOBAL unit##S *__restrict out, GLOBAL const unit##S *__restrict in, u64 start, u64 n, u64 stride, u64 count, u64 near, u64 pitch, \
		u64 all, u64 b0, u64 b1, u64 b2, u64 i0, u64 i1, u64 i2, u64 i3, u64 o0, u64 o1, u64 o2, u64 o3) { \
		enum { D = 32 * W, BITS = 8 * S }; \
		static SHARED u32 tile[D][33]; \
		u32 x = tid() & 31, y = tid() >> 5; \
		u64 across = (n + D - 1) / D, down = (count + D - 1) / D; \
		for (u64 t = block(); t < all; t += blocks()) { \
			u64 q = quotient(t, across), c = (t - q * across) * D; \
			u64 b = quotient(q, down), r = (q - b * down) * D; \
			u64 from = start, to = 0, k; \
			k = quotient(b, b0); from += (b - k * b0) * i0; to += (b - k * b0) * o0; b = k; \
			k = quotient(b, b1); from += (b - k * b1) * i1; to += (b - k * b1) * o1; b = k; \
			k = quotient(b, b2); from += (b - k * b2) * i2 + k * i3; to += (b - k * b2) * o2 + k * o3; \
			GLOBAL const u32 *src = (GLOBAL const u32 *)(in + from + r + c * stride); \
			GLOBAL u32 *dst = (GLOBAL u32 *)(out + to + r * pitch + c); \
			u32 wide = n - c < D ? (u32)(n - c) : D, high = count - r < D ? (u32)(count - r) : D; \
			_Pragma("unroll") for (u32 j = 0; j < D; j += 8) \
				if (W * x < high && j + y < wide) tile[j + y][x] = src[x + (j + y) * (stride / W)]; \
			sync(); \
			_Pragma("unroll") for (u32 j = 0; j < 32; j += 8) \
				if (W * (j + y) < high && W * x < wide) { \
					u32 a[W]; \
					_Pragma("unroll") for (u32 i = 0; i < W; i++) a[i] = tile[W * x + i][j + y]; \
					_Pragma("unroll") for (u32 p = 0; p < W; p++) { \
						u32 w = 0; \
						_Pragma("unroll") for (u32 i = 0; i < W; i++) w |= (a[i] >> BITS * p & ((1u << BITS) - 1)) << BITS * i; \
						dst[x + (W * (j + y) + p) * (pitch / W)] = w; \
					} \
				} \
			sync(); \
		} \
	}
WORD_TILES(1, 4) WORD_TILES(2, 2)
