// Pictures: [n,] height, width, channels.
#include "device.h"

// nearest_BITS moves pixels: op.NearestTap.
#define NEAREST(bits, T) \
KERNEL nearest_##bits(GLOBAL const T *in, GLOBAL T *out, u64 n, u64 h, u64 w, u64 out_h, u64 out_w, u64 channels) { \
	for (u64 i = gid(); i < n * out_h * out_w * channels; i += gstride()) { \
		u64 c = i % channels, x = i / channels % out_w, y = i / channels / out_w % out_h, at = i / channels / out_w / out_h; \
		u64 from_y = (2 * y + 1) * h / (2 * out_h), from_x = (2 * x + 1) * w / (2 * out_w); \
		out[i] = in[((at * h + from_y) * w + from_x) * channels + c]; \
	} \
}

NEAREST(8, u8)
NEAREST(32, u32)

// rint_u8 rounds half to even and keeps to what a u8 holds.
INLINE u8 rint_u8(f32 x) {
	x = x > 0 ? x : 0;
	x = x < 255 ? x : 255;
	return (u8)((x + 8388608.0f) - 8388608.0f); // 2^23: what is added to it is rounded to a whole number
}

typedef u8 u8x4 __attribute__((ext_vector_type(4)));

// from_u8 is exact, and quicker than a conversion: 2^23 + x has x in its lowest bits.
INLINE f32 from_u8(u32 x) { return float_of(0x4b000000u | x) - 8388608.0f; }
INLINE f32 from_f32(f32 x) { return x; }

// load_TYPE_WIDTH and put_TYPE_WIDTH read and write numbers that lie beside each other; four are aligned to their size.
#define ONE_BY_ONE(type, T, round, width) \
INLINE void load_##type##_##width(GLOBAL const T *p, f32 *v) { \
	for (u32 c = 0; c < width; c++) v[c] = from_##type(p[c]); \
} \
INLINE void put_##type##_##width(GLOBAL T *p, const f32 *v) { \
	for (u32 c = 0; c < width; c++) p[c] = round(v[c]); \
}

#define TOGETHER(type, T, V, round) \
INLINE void load_##type##_4(GLOBAL const T *p, f32 *v) { \
	V x = *(GLOBAL const V *)p; \
	for (u32 c = 0; c < 4; c++) v[c] = from_##type(x[c]); \
} \
INLINE void put_##type##_4(GLOBAL T *p, const f32 *v) { \
	*(GLOBAL V *)p = (V){round(v[0]), round(v[1]), round(v[2]), round(v[3])}; \
}

ONE_BY_ONE(u8, u8, rint_u8, 1)
ONE_BY_ONE(u8, u8, rint_u8, 3)
TOGETHER(u8, u8, u8x4, rint_u8)
ONE_BY_ONE(f32, f32, canon, 1)
ONE_BY_ONE(f32, f32, canon, 3)
TOGETHER(f32, f32, f32x4, canon)

// filter_FROM_TO_WIDTH filters the middle dimension of [outer, n, inner] with op.Taps, whose weights lie tap by tap here: weight j of place p
// is at j * out_n + p, so that threads of neighbouring places read neighbours. A thread makes WIDTH numbers beside each other: four where
// inner is a multiple of four, all three where it is three, else one.
#define FILTER(from, to, S, D, width) \
KERNEL filter_##from##_##to##_##width(GLOBAL const S *in, GLOBAL D *out, GLOBAL const i32 *first, GLOBAL const i32 *count, GLOBAL const f32 *weights, \
	u64 outer, u64 n, u64 out_n, u64 inner) { \
	u64 steps = inner / width; \
	for (u64 i = gid(); i < outer * out_n * steps; i += gstride()) { \
		u64 x = i % steps, place = i / steps % out_n, o = i / steps / out_n; \
		GLOBAL const S *p = in + (o * n + first[place]) * inner + x * width; \
		GLOBAL const f32 *w = weights + place; \
		f32 sum[width], v[width]; \
		for (u32 c = 0; c < width; c++) sum[c] = 0; \
		_Pragma("unroll 4") for (i32 j = count[place]; j > 0; j--) { \
			load_##from##_##width(p, v); \
			f32 by = *w; \
			for (u32 c = 0; c < width; c++) sum[c] = sum[c] + by * v[c]; \
			p += inner; \
			w += out_n; \
		} \
		put_##to##_##width(out + i * width, sum); \
	} \
}

FILTER(u8, f32, u8, f32, 1)
FILTER(u8, f32, u8, f32, 4)
FILTER(f32, u8, f32, u8, 1)
FILTER(f32, u8, f32, u8, 3)
FILTER(f32, u8, f32, u8, 4)
FILTER(f32, f32, f32, f32, 1)
FILTER(f32, f32, f32, f32, 3)
FILTER(f32, f32, f32, f32, 4)

// filter_u8_f32_3 is the one that pictures go through first: it reads four pixels of three u8 as three aligned words and a part of a fourth,
// as long as there is another pixel behind, so that no word ends behind the picture.
KERNEL filter_u8_f32_3(GLOBAL const u8 *in, GLOBAL f32 *out, GLOBAL const i32 *first, GLOBAL const i32 *count, GLOBAL const f32 *weights,
	u64 outer, u64 n, u64 out_n, u64 inner) {
	for (u64 i = gid(); i < outer * out_n; i += gstride()) {
		u64 place = i % out_n, o = i / out_n;
		GLOBAL const u8 *p = in + (o * n + first[place]) * inner;
		GLOBAL const f32 *w = weights + place;
		i32 left = count[place];
		f32 sum[3] = {0, 0, 0};
		u32 odd = (u32)(u64)p & 3, word = 0;
		GLOBAL const u32 *q = (GLOBAL const u32 *)(p - odd);
		if (left > 4) word = *q;
		for (; left > 4; left -= 4, p += 12) {
			u32 x[4] = {word, q[1], q[2], q[3]};
			word = x[3];
			q += 3;
			_Pragma("unroll") for (u32 k = 0; k < 3; k++) x[k] = (u32)(((u64)x[k + 1] << 32 | x[k]) >> odd * 8);
			_Pragma("unroll") for (u32 k = 0; k < 12; k++) {
				if (k % 3 == 0 && k) w += out_n;
				sum[k % 3] = sum[k % 3] + *w * from_u8(x[k / 4] >> k % 4 * 8 & 255);
			}
			w += out_n;
		}
		for (; left > 0; left--, p += 3, w += out_n)
			for (u32 c = 0; c < 3; c++) sum[c] = sum[c] + *w * from_u8(p[c]);
		put_f32_3(out + i * 3, sum);
	}
}

// normalise: (x - mean) * scale; in planes, where planar, of size pixels.
KERNEL normalise(GLOBAL const u8 *in, GLOBAL const f32 *mean, GLOBAL const f32 *scale, GLOBAL f32 *out, u64 n, u64 size, u64 channels, u32 planar) {
	for (u64 i = gid(); i < n * size * channels; i += gstride()) {
		u64 c = planar ? i / size % channels : i % channels;
		u64 from = planar ? (i / size / channels * size + i % size) * channels + c : i;
		out[i] = canon(((f32)in[from] - mean[c]) * scale[c]);
	}
}
