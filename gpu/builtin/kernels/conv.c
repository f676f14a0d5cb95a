// Convolutions: exact as sums over a window's rows, columns and channels, in this order, and, for tensor cores, windows laid out as rows.
// bounds: conv_f32 256 2
// bounds: conv_f64 256 2
#include "device.h"
#include "gemm.h"

#define SUM f32
#define REACH 8
#define NAMED(x) x##32
#include "gemm_exact.h"
#define SUM f32
#define REACH 4
#define NAMED(x) x##small
#include "gemm_exact.h"
#define SUM f64
#define REACH 4
#define NAMED(x) x##64
#include "gemm_exact.h"

#define WINDOW i64 c, i32 h, i32 w, i32 oh, i32 ow, i32 kh, i32 kw, i32 sy, i32 sx, i32 py, i32 px, i32 dy, i32 dx
#define GEOMETRY {c, h, w, oh, ow, kh, kw, sy, sx, py, px, dy, dx}

// m is the number of output pixels of all images, n the number of output channels.
#define CONV(name, sum, bits)                                                                                                               \
	KERNEL name(GLOBAL const sum *x, GLOBAL const sum *weights, GLOBAL u8 *y, GLOBAL const sum *bias, i64 m, i64 n, i64 first, u32 relu, u32 out, WINDOW) { \
		window g = GEOMETRY;                                                                                                            \
		i64 k = (i64)kh * kw * c;                                                                                                            \
		exact_tile##bits((exact##bits){{x, 0, 1}, {weights, k, 1}, y, bias, m, n, k, 0, 0, first, 1, relu, out}, &g);                   \
	}

CONV(conv_f32, f32, 32)
CONV(conv_small_f32, f32, small)
CONV(conv_f64, f64, 64)

// pixel_of gives where the window's element of number at is: its offset in an image, or -1 where it lies outside.
INLINE i64 pixel_of(u32 tap, i32 y0, i32 x0, const window *g) {
	i32 y = y0 + (i32)(tap / (u32)g->kw) * g->dy, x = x0 + (i32)(tap % (u32)g->kw) * g->dx;
	return (u32)y < (u32)g->h && (u32)x < (u32)g->w ? ((i64)y * g->w + x) * g->c : -1;
}

// windows lays the windows of output pixels first to first + rows out as rows of ld elements of 16 bits: k of the window, then zeros. A
// warp makes a row, with 8 channels at once where they are that many.
KERNEL windows(GLOBAL const u16 *x, GLOBAL u16 *out, i64 first, i64 rows, i64 ld, WINDOW) {
	window g = GEOMETRY;
	u32 channels = (u32)c, k = (u32)(kh * kw) * channels, lane = tid() & 31;
	for (i64 r = (i64)(gid() / 32); r < rows; r += (i64)(gstride() / 32)) {
		i64 row = first + r, image = row / ((i64)oh * ow);
		i32 pixel = (i32)(row % ((i64)oh * ow)), y0 = pixel / ow * sy - py, x0 = pixel % ow * sx - px;
		GLOBAL const u16 *from = x + image * h * w * c;
		GLOBAL u16 *to = out + r * ld;
		if (channels % 8 == 0) {
			for (u32 i = lane * 8; i < k; i += 256) {
				i64 at = pixel_of(i / channels, y0, x0, &g);
				*(GLOBAL u32x4 *)(to + i) = at < 0 ? (u32x4){0, 0, 0, 0} : *(GLOBAL const u32x4 *)(from + at + i % channels);
			}
			continue;
		}
		for (u32 i = lane; i < ld; i += 32) {
			i64 at = i < k ? pixel_of(i / channels, y0, x0, &g) : -1;
			to[i] = at < 0 ? 0 : from[at + i % channels];
		}
	}
}

// widen lays rows of n elements of 16 bits out as rows of ld: n, then zeros.
KERNEL widen(GLOBAL const u16 *in, GLOBAL u16 *out, i64 rows, i64 n, i64 ld) {
	i64 all = rows * ld;
	for (i64 i = (i64)gid(); i < all; i += (i64)gstride()) out[i] = i % ld < n ? in[i / ld * n + i % ld] : 0;
}

// to_f32 widens n elements of a 16-bit type.
KERNEL to_f32(GLOBAL const u16 *in, GLOBAL f32 *out, i64 n, u32 type) {
	for (i64 i = (i64)gid(); i < n; i += (i64)gstride()) out[i] = type == F16 ? f16_to_f32((f16){in[i]}) : bf16_to_f32((bf16){in[i]});
}
