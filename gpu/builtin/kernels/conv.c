// Convolutions: exact as sums over a window's rows, columns and channels, in this order, and, for tensor cores, windows laid out as rows.
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

// windows lays the windows of output pixels first to first + rows out as rows of ld elements of 16 bits: k of the window, then zeros.
KERNEL windows(GLOBAL const u16 *x, GLOBAL u16 *out, i64 first, i64 rows, i64 ld, WINDOW) {
	i64 k = (i64)kh * kw * c, all = rows * ld;
	for (i64 i = (i64)gid(); i < all; i += (i64)gstride()) {
		i64 row = first + i / ld, at = i % ld, tap = at / c, channel = at % c;
		i64 image = row / ((i64)oh * ow), pixel = row % ((i64)oh * ow);
		i64 iy = pixel / ow * sy - py + tap / kw * dy, ix = pixel % ow * sx - px + tap % kw * dx;
		int inside = at < k && iy >= 0 && iy < h && ix >= 0 && ix < w;
		out[i] = inside ? x[((image * h + iy) * w + ix) * c + channel] : 0;
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
