// Moving elements whatever they are. A unit is the largest power of two of bytes, up to 16, that everything is a multiple of. For
// device.h's includers.
#pragma once

// Units by size. A unit of 16 bytes is what device.h has as u32x4.
typedef u8 unit1;
typedef u16 unit2;
typedef u32 unit4;
typedef u32x2 unit8;
typedef u32x4 unit16;
#define EACH_UNIT(M) M(1) M(2) M(4) M(8) M(16)

// EACH4 runs the statements for four units of a thread at a time, so that memory is never idle: READ sets v from place i, WRITE uses it.
#define EACH4(T, N, READ, WRITE) \
	u64 stride = gstride(); \
	for (u64 first = gid(); first < (N); first += 4 * stride) { \
		T vs[4]; \
		_Pragma("unroll") for (u32 k = 0; k < 4; k++) { \
			u64 i = first + k * stride; \
			T v; \
			if (i < (N)) { READ; vs[k] = v; } \
		} \
		_Pragma("unroll") for (u32 k = 0; k < 4; k++) { \
			u64 i = first + k * stride; \
			T v = vs[k]; \
			if (i < (N)) { WRITE; } \
		} \
	}

// quotient divides by 32 bits where that is enough: much faster.
INLINE u64 quotient(u64 a, u64 b) { return (a | b) >> 32 ? a / b : (u32)a / (u32)b; }
