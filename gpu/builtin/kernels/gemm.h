// What all matrix products share. Included after device.h.
#pragma once

// MAP marks where a kernel of a node may be put between a result and its store: builtin.Fused does. It is a comment otherwise.
#define MAP(x) __asm__("// map %0" : "+f"(x))

INLINE i64 least(i64 a, i64 b) { return a < b ? a : b; }

// again gives a value that the compiler takes for another, so that what follows from it is computed again instead of kept.
INLINE i64 again(i64 v) {
	__asm__ volatile("mov.b64 %0, %1;" : "=l"(v) : "l"(v));
	return v;
}

// place is the tile that a block makes: matrix z of the batch, first row and column. Tiles are numbered in bands of some rows of tiles,
// down the band first, so that blocks that run at the same time share what the L2 holds.
typedef struct { i64 z, row, col; } place;

INLINE place tile_of(i64 tile, i64 m, i64 n, const int bm, const int bn, const int high) {
	i64 rows = (m + bm - 1) / bm, cols = (n + bn - 1) / bn;
	i64 z = tile / (rows * cols), in = tile % (rows * cols);
	i64 band = in / (high * cols), here = least(rows - band * high, high), left = in - band * high * cols;
	return (place){z, (band * high + left % here) * bm, left / here * bn};
}

// window is the geometry of a convolution: height, width and channels of x, height and width of the output and of the weights, and by
// how much windows move, start outside, and spread.
typedef struct {
	i64 c;
	int h, w, oh, ow, kh, kw, sy, sx, py, px, dy, dx;
} window;
