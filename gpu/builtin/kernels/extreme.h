// Reduce to extremes and their places. No order matters here: each element becomes an integer that sorts as the extreme wants it, the
// least first, NaN before all and -0 before 0; of equal ones the first place counts. For includers of device.h and sum.h.
#pragma once

// Pieces of columns, as in sum.h, but shorter: nothing depends on how long they are.
enum { PIECE = 2048 };

// found is the least key so far and its place along the axis.
typedef struct { i64 key, place; } found;

INLINE found least(found a, found b) { return b.key < a.key || (b.key == a.key && b.place < a.place) ? b : a; }

INLINE i32 order32(u32 b) { return (i32)(b ^ ((u32)((i32)b >> 31) & 0x7fffffffu)); }
INLINE i64 order64(u64 b) { return (i64)(b ^ ((u64)((i64)b >> 63) & 0x7fffffffffffffffull)); }
#define LEAST32 (-0x7fffffff - 1)
#define LEAST64 (-0x7fffffffffffffffll - 1)
#define MOST_i32 0x7fffffff
#define MOST_i64 0x7fffffffffffffffll

// key_T gives an element's key, of 32 bits where they are enough; flip is all ones for the largest, which has the least complement. A
// float of 16 bits sorts as the upper half of a word.
INLINE i32 key_u8(u8 v, i64 flip) { return v ^ (u8)flip; }
INLINE i32 key_i32(i32 v, i64 flip) { return v ^ (i32)flip; }
INLINE i64 key_i64(i64 v, i64 flip) { return v ^ flip; }
INLINE i32 float_key(f32 x, i64 flip) { return x != x ? LEAST32 : order32(bits_of(x)) ^ (i32)flip; }
INLINE i32 half_key(u32 b, u32 inf, i64 flip) { return (b & 0x7fff) > inf ? LEAST32 : order32(b << 16) ^ (i32)flip; }
INLINE i32 key_f32(f32 v, i64 flip) { return float_key(v, flip); }
INLINE i32 key_f16(f16 v, i64 flip) { return half_key(v.bits, 0x7c00, flip); }
INLINE i32 key_bf16(bf16 v, i64 flip) { return half_key(v.bits, 0x7f80, flip); }
INLINE i64 key_f64(f64 v, i64 flip) { return v != v ? LEAST64 : order64(bits_of64(v)) ^ flip; }

// wider_T makes of a key what is stored of it, that of an f32 of all floats up to there; bits_back gives the bits of a float.
INLINE u32 bits_back(i64 key, i64 flip) { return (u32)order32((u32)(key ^ flip)); }
INLINE i64 wider_u8(i32 key, i64 flip) { return key; }
INLINE i64 wider_i32(i32 key, i64 flip) { return key; }
INLINE i64 wider_i64(i64 key, i64 flip) { return key; }
INLINE i64 wider_f32(i32 key, i64 flip) { return key; }
INLINE i64 wider_f64(i64 key, i64 flip) { return key; }
INLINE i64 wider_bf16(i32 key, i64 flip) { return key; }
INLINE i64 wider_f16(i32 key, i64 flip) { return key == LEAST32 ? key : float_key(f16_to_f32((f16){(u16)(bits_back(key, flip) >> 16)}), flip); }

INLINE f32 float_back(i64 key, i64 flip) { return key == LEAST32 ? float_of(0x7fc00000) : float_of(bits_back(key, flip)); }

// give_T stores what was found: all of it (type 0: another pass follows), its place (i32), or the element, one of 16 bits perhaps as f32.
#define GIVE(T, STORE) INLINE void give_##T(GLOBAL void *out, u64 i, found f, i64 flip, u32 places, u32 type) { \
		if (type == 0) ((GLOBAL found *)out)[i] = f; \
		else if (places) ((GLOBAL i32 *)out)[i] = (i32)f.place; \
		else STORE; \
	}
GIVE(u8, ((GLOBAL u8 *)out)[i] = (u8)(f.key ^ flip))
GIVE(i32, ((GLOBAL i32 *)out)[i] = (i32)(f.key ^ flip))
GIVE(i64, ((GLOBAL i64 *)out)[i] = f.key ^ flip)
GIVE(f64, ((GLOBAL f64 *)out)[i] = f.key == LEAST64 ? float_of64(0x7ff8000000000000ull) : float_of64((u64)order64((u64)(f.key ^ flip))))
GIVE(f32, store_f32((GLOBAL f32 *)out + i, float_back(f.key, flip)))
GIVE(f16, if (type == F32) give_f32(out, i, f, flip, 0, F32); else store_f16((GLOBAL f16 *)out + i, float_back(f.key, flip)))
GIVE(bf16, if (type == F32) give_f32(out, i, f, flip, 0, F32); else store_bf16((GLOBAL bf16 *)out + i, float_back(f.key, flip)))
INLINE void give_found(GLOBAL void *out, u64 i, found f, i64 flip, u32 places, u32 type) {
	if (type == U8) give_u8(out, i, f, flip, places, type);
	else if (type == I64) give_i64(out, i, f, flip, places, type);
	else if (type == F64) give_f64(out, i, f, flip, places, type);
	else if (type == F32) give_f32(out, i, f, flip, places, type);
	else if (type == F16) give_f16(out, i, f, flip, places, type);
	else if (type == BF16) give_bf16(out, i, f, flip, places, type);
	else give_i32(out, i, f, flip, places, type);
}

#define NONE ((found){MOST_i64, MOST_i64})

// LEAST_OF goes through the elements x[i * inner] for i from first on in steps, and leaves the least in f. Eight are under way at once; beyond the
// end is the last one again, which changes nothing.
#define LEAST_OF(T, K, FIRST, STEP) { \
		K key = MOST_##K; \
		u32 at = left; \
		_Pragma("unroll 1") for (u32 i = FIRST; i < left; i += 8 * STEP) { \
			T e[8]; \
			REPEAT(k, 8) e[k] = x[(i + k * STEP < left ? i + k * STEP : left - 1) * inner]; \
			REPEAT(k, 8) { \
				K v = key_##T(e[k], flip); \
				if (v < key || at == left) key = v, at = i + k * STEP < left ? i + k * STEP : left - 1; \
			} \
		} \
		f = at < left ? (found){wider_##T(key, flip), (i64)(from + at)} : NONE; \
	}

// FOUND_OF is the same for what was found in pieces.
#define FOUND_OF(T, K, FIRST, STEP) \
	f = NONE; \
	for (u32 i = FIRST; i < left; i += STEP) f = least(f, x[i * inner]);

// extreme_columns_T: an axis that is not the last: a block of 256 threads reduces a piece of width neighbouring columns, width a power of two.
#define EXTREME_COLUMNS(T, K, OF) \
	KERNEL extreme_columns_##T(GLOBAL void *out, GLOBAL const T *__restrict in, u64 outer, u64 n, u64 inner, u32 width, i64 flip, u32 places, u32 type) { \
		static SHARED found part[256]; \
		u64 pieces = (n + PIECE - 1) / PIECE, bands = (inner + width - 1) / width, all = outer * pieces * bands; \
		u32 t = tid(), g = t / width, step = 256 / width; \
		for (u64 b = block(); b < all; b += blocks()) { \
			u64 p = share(b, bands), c = (b - p * bands) * width + t % width, o = share(p, pieces), from = (p - o * pieces) * PIECE; \
			u32 left = n - from < PIECE ? (u32)(n - from) : PIECE; \
			GLOBAL const T *x = in + (o * n + from) * inner + c; \
			found f = NONE; \
			if (c < inner) { OF(T, K, g, step) } \
			part[t] = f; \
			sync(); \
			for (u32 s = step / 2; s > 0; s /= 2) { \
				if (g < s) part[t] = least(part[t], part[t + s * width]); \
				sync(); \
			} \
			if (g == 0 && c < inner) give_##T(out, p * inner + c, part[t], flip, places, type); \
			sync(); \
		} \
	}
