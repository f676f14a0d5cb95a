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

INLINE f32 keep(f32 x) { return x; }

// filter_FROM_TO filters the middle dimension of [outer, n, inner] with op.Taps.
#define FILTER(from, to, S, D, round) \
KERNEL filter_##from##_##to(GLOBAL const S *in, GLOBAL D *out, GLOBAL const i32 *first, GLOBAL const i32 *count, GLOBAL const f32 *weights, \
	u64 stride, u64 outer, u64 n, u64 out_n, u64 inner) { \
	for (u64 i = gid(); i < outer * out_n * inner; i += gstride()) { \
		u64 x = i % inner, place = i / inner % out_n, o = i / inner / out_n; \
		GLOBAL const S *p = in + (o * n + first[place]) * inner + x; \
		GLOBAL const f32 *w = weights + place * stride; \
		f32 sum = 0; \
		for (i32 j = 0, taps = count[place]; j < taps; j++) sum = sum + w[j] * (f32)p[j * inner]; \
		out[i] = round(sum); \
	} \
}

FILTER(u8, f32, u8, f32, keep)
FILTER(f32, u8, f32, u8, rint_u8)
FILTER(f32, f32, f32, f32, canon)

// normalise: (x - mean) * scale; in planes, where planar, of size pixels.
KERNEL normalise(GLOBAL const u8 *in, GLOBAL const f32 *mean, GLOBAL const f32 *scale, GLOBAL f32 *out, u64 n, u64 size, u64 channels, u32 planar) {
	for (u64 i = gid(); i < n * size * channels; i += gstride()) {
		u64 c = planar ? i / size % channels : i % channels;
		u64 from = planar ? (i / size / channels * size + i % size) * channels + c : i;
		out[i] = canon(((f32)in[from] - mean[c]) * scale[c]);
	}
}
