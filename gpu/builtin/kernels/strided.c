// Transpose and Slice.
// bounds: tiles 256 3
// bounds: wide_tiles 256 4
// bounds: split 256 4
// bounds: join 256 4
#include "device.h"
#include "units.h"
#include "tiles.h"

// STRIDED_ARGS: unit i of an output of n lies in the input at place(i) from start on: dimensions d0 (the last) to d4, strides s0 to s5. i0 to i4
// are the dimensions' inverses, 2^64 / d rounded up, where n is below 2^32, else 0.
#define STRIDED_ARGS(S) \
	GLOBAL const unit##S *__restrict in, u64 n, u64 start, u32 rank, u64 d0, u64 d1, u64 d2, u64 d3, u64 d4, u64 i0, u64 i1, u64 i2, u64 i3, u64 i4, u64 s0, \
		u64 s1, u64 s2, u64 s3, u64 s4, u64 s5
#define PLACE(i) place(i, rank, d0, d1, d2, d3, d4, i0, i1, i2, i3, i4, s0, s1, s2, s3, s4, s5)

// by divides, by two multiplications where it can.
INLINE u64 by(u64 a, u64 d, u64 inverse) {
	if (!inverse) return a / d;
	u64 i = (u32)a;
	return (i * (u32)(inverse >> 32) + (i * (u32)inverse >> 32)) >> 32;
}
INLINE u64 place(u64 i, u32 rank, u64 d0, u64 d1, u64 d2, u64 d3, u64 d4, u64 i0, u64 i1, u64 i2, u64 i3, u64 i4, u64 s0, u64 s1, u64 s2, u64 s3, u64 s4,
	u64 s5) {
	u64 q, at = 0;
	if (rank == 1) return i * s0;
	q = by(i, d0, i0); at += (i - q * d0) * s0; i = q;
	if (rank == 2) return at + i * s1;
	q = by(i, d1, i1); at += (i - q * d1) * s1; i = q;
	if (rank == 3) return at + i * s2;
	q = by(i, d2, i2); at += (i - q * d2) * s2; i = q;
	if (rank == 4) return at + i * s3;
	q = by(i, d3, i3); at += (i - q * d3) * s3; i = q;
	if (rank == 5) return at + i * s4;
	q = by(i, d4, i4);
	return at + (i - q * d4) * s4 + q * s5;
}

// strided: out[i] = in[start + place(i)].
#define STRIDED(S) \
	KERNEL strided##S(GLOBAL unit##S *__restrict out, STRIDED_ARGS(S)) { \
		in += start; \
		EACH4(unit##S, n, v = in[PLACE(i)], out[i] = v) \
	}
EACH_UNIT(STRIDED)

// runs are the same where the last dimension is a multiple of R units: a thread makes R at once, which it stores as one.
#define RUNS(S, R, WORD) \
	KERNEL runs##S(GLOBAL WORD *__restrict out, STRIDED_ARGS(S)) { \
		in += start; \
		EACH4(WORD, n / R, { \
			GLOBAL const unit##S *from = in + PLACE(i * R); \
			unit##S part[R]; \
			_Pragma("unroll") for (u32 b = 0; b < R; b++) part[b] = from[b * s0]; \
			__builtin_memcpy(&v, part, sizeof v); \
		}, out[i] = v) \
	}
RUNS(1, 4, u32) RUNS(2, 2, u32) RUNS(4, 2, u32x2)

// lines are the same where the last dimension lies in one piece, too, and is long: a warp has 256 words of it, where its words begin in the
// output. In the input they may begin elsewhere: what a word needs is in two of these then. Units of less than a word have ends by themselves.
#define LINES(S) \
	KERNEL lines##S(GLOBAL unit##S *__restrict out, STRIDED_ARGS(S)) { \
		u64 bytes = d0 * S, parts = (bytes + 6) / 4 / 256 + 1, all = n / d0 * parts; \
		for (u64 w = gid() / 32; w < all; w += gstride() / 32) { \
			u64 line = quotient(w, parts), i = line * d0; \
			GLOBAL const u8 *from = (GLOBAL const u8 *)(in + start + PLACE(i)); \
			GLOBAL u8 *to = (GLOBAL u8 *)(out + i); \
			i64 first = (i64)((w - line * parts) * 1024) - (i64)((u64)to & 3), left = (i64)bytes - first; \
			i32 x = tid() % 32, low = first < 0 ? (i32)-first : 0, high = left < 1024 ? (i32)left : 1024, at = 4 * x; \
			if (left <= 0) continue; \
			from += first; \
			to += first; \
			u32 off = (u32)((u64)from & 3), v[8], beyond[8]; \
			GLOBAL const u32 *words = (GLOBAL const u32 *)(from - off) + x; \
			UNROLL for (i32 k = 0; k < 8; k++) { \
				v[k] = beyond[k] = 0; \
				if (at + 128 * k >= low && at + 128 * k + 4 <= high) { \
					v[k] = words[32 * k]; \
					if (S < 4 && off) beyond[k] = words[32 * k + 1]; \
				} \
			} \
			UNROLL for (i32 k = 0; k < 8; k++) \
				if (at + 128 * k >= low && at + 128 * k + 4 <= high) ((GLOBAL u32 *)to)[x + 32 * k] = __nvvm_prmt(v[k], beyond[k], 0x3210 + 0x1111 * off); \
			if (S < 4 && x < 4) { \
				if (low > 0 && x >= low) to[x] = from[x]; \
				x += high & ~3; \
				if (x < high) to[x] = from[x]; \
			} \
		} \
	}
LINES(1) LINES(2) LINES(4)

TILES(1, 64, 68) TILES(2, 64, 66) TILES(16, 32, 33)
WIDE_TILES(1, 4, 256, 128) WIDE_TILES(2, 4, 128, 128) WIDE_TILES(4, 4, 128, 64) WIDE_TILES(8, 8, 64, 64)
SPLIT(1, 2) SPLIT(1, 3) SPLIT(1, 4) SPLIT(2, 2) SPLIT(2, 3) SPLIT(2, 4) SPLIT(4, 2) SPLIT(4, 3) SPLIT(4, 4)
JOIN(1, 2) JOIN(1, 3) JOIN(1, 4) JOIN(2, 2) JOIN(2, 3) JOIN(2, 4) JOIN(4, 2) JOIN(4, 3) JOIN(4, 4)
