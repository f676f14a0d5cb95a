// Matrix products with one accumulator for each element: k ascends, each product is rounded, then each sum. Included after device.h and
// gemm.h, once for each type of sum and size of tile: SUM is f32 or f64, REACH 8 or 4, and NAMED(x) gives names their suffix.
//
// A block of 256 threads makes a tile of SIDE x SIDE, each thread REACH x REACH of it as four quarters, so that neighbours read
// neighbouring vectors of shared memory. While one step of DEPTH along k is multiplied, the next is on its way in registers.
#define SIDE (16 * REACH)
#define DEPTH 8
#define PITCH (SIDE + 16 / (int)sizeof(SUM)) /* of a row in shared memory: off the banks of the next */
#define HALF (REACH / 2)

// An operand's elements are at row * by_row + k * by_k; row is m of a, n of b.
typedef struct {
	GLOBAL const SUM *at;
	i64 by_row, by_k;
} NAMED(operand);

typedef struct {
	NAMED(operand) a, b;
	GLOBAL u8 *c;
	GLOBAL const SUM *bias; // or 0
	i64 m, n, k, step_a, step_b, first;
	SUM alpha;
	u32 relu, out; // out is a dtype: SUM's, or, of f32, F16 and BF16
} NAMED(exact);

// A feed brings a thread's share of one operand's steps. Threads follow whichever direction is contiguous.
typedef struct {
	GLOBAL const SUM *from;
	i64 next, down;           // elements to the next step, and to the next of this thread's elements
	int row, k, row_by, k_by; // of the first of this thread's elements in a step, and from one to the next
	int limit;                // rows that exist
} NAMED(feed);

INLINE NAMED(feed) NAMED(make_feed)(NAMED(operand) o, i64 start, i64 end) {
	NAMED(feed) f;
	int t = (int)tid();
	if (o.by_k == 1) f.row = t / DEPTH, f.k = t % DEPTH, f.row_by = 256 / DEPTH, f.k_by = 0;
	else f.row = t % SIDE, f.k = t / SIDE, f.row_by = 0, f.k_by = 256 / SIDE;
	f.from = o.at + (start + f.row) * o.by_row + f.k * o.by_k;
	f.next = DEPTH * o.by_k;
	f.down = f.row_by * o.by_row + f.k_by * o.by_k;
	f.limit = (int)least(end - start, SIDE);
	return f;
}

// fetch reads a thread's share of one step; left is how much of k there is from here on. What does not exist is zero.
INLINE void NAMED(fetch)(NAMED(feed) *f, SUM *v, i64 left) {
	GLOBAL const SUM *from = f->from;
#pragma unroll
	for (int i = 0; i < SIDE * DEPTH / 256; i++) {
		v[i] = f->row + i * f->row_by < f->limit && f->k + i * f->k_by < left ? *from : 0;
		from += f->down;
	}
	f->from += f->next;
}

// A gather feeds the windows of a convolution as the rows of a: k counts through a window's rows, columns and channels.
typedef struct {
	GLOBAL const SUM *image[SIDE * DEPTH / 256]; // that each of this thread's rows reads
	int y[SIDE * DEPTH / 256], x[SIDE * DEPTH / 256]; // of the first pixel of its window, which may lie outside
	int ky, kx;
	i64 channel;
} NAMED(gather);

INLINE void NAMED(start_gather)(NAMED(gather) *g, const window *w, GLOBAL const SUM *x, i64 start, i64 end) {
	int k = (int)tid() % DEPTH;
	g->channel = k % w->c, g->kx = (int)(k / w->c % w->kw), g->ky = (int)(k / w->c / w->kw);
#pragma unroll
	for (int i = 0; i < SIDE * DEPTH / 256; i++) {
		i64 row = least(start + tid() / DEPTH + i * (256 / DEPTH), end - 1);
		i64 image = row / ((i64)w->oh * w->ow), pixel = row % ((i64)w->oh * w->ow);
		g->y[i] = (int)(pixel / w->ow) * w->sy - w->py;
		g->x[i] = (int)(pixel % w->ow) * w->sx - w->px;
		g->image[i] = x + image * w->h * w->w * w->c;
	}
}

INLINE void NAMED(fetch_gather)(NAMED(gather) *g, const window *w, SUM *v, i64 left) {
	int in_k = (int)tid() % DEPTH < left;
#pragma unroll
	for (int i = 0; i < SIDE * DEPTH / 256; i++) {
		int y = g->y[i] + g->ky * w->dy, x = g->x[i] + g->kx * w->dx;
		int inside = in_k && (u32)y < (u32)w->h && (u32)x < (u32)w->w;
		v[i] = inside ? g->image[i][((i64)y * w->w + x) * w->c + g->channel] : 0;
	}
	g->channel += DEPTH;
	while (g->channel >= w->c) {
		g->channel -= w->c;
		if (++g->kx == w->kw) g->kx = 0, g->ky++;
	}
}

INLINE void NAMED(lay)(SHARED SUM *to, const SUM *v, int row, int k, int row_by, int k_by) {
	to += k * PITCH + row;
#pragma unroll
	for (int i = 0; i < SIDE * DEPTH / 256; i++) to[i * (k_by * PITCH + row_by)] = v[i];
}

typedef SUM NAMED(vector) __attribute__((ext_vector_type(HALF)));

// step multiplies what is in shared memory.
INLINE void NAMED(step)(SUM (*acc)[REACH], SHARED const SUM *a, SHARED const SUM *b) {
#pragma unroll
	for (int k = 0; k < DEPTH; k++) {
		NAMED(vector) x[2], y[2];
#pragma unroll
		for (int h = 0; h < 2; h++) {
			x[h] = *(SHARED const NAMED(vector) *)(a + k * PITCH + h * SIDE / 2);
			y[h] = *(SHARED const NAMED(vector) *)(b + k * PITCH + h * SIDE / 2);
		}
#pragma unroll
		for (int i = 0; i < REACH; i++)
#pragma unroll
			for (int j = 0; j < REACH; j++) acc[i][j] = acc[i][j] + x[i / HALF][i % HALF] * y[j / HALF][j % HALF];
	}
}

// spread puts two of each thread's rows, the first being number i, into shared memory.
INLINE void NAMED(spread)(SHARED SUM *to, SUM (*acc)[REACH], const int i) {
	if (i >= REACH) return;
#pragma unroll
	for (int r = 0; r < 2; r++)
#pragma unroll
		for (int j = 0; j < REACH; j++) to[r * PITCH + j / HALF * (SIDE / 2) + j % HALF] = acc[i + r][j];
}

// finish writes the tile, 32 rows at a time by way of shared memory, so that neighbours write neighbours.
INLINE void NAMED(finish)(const NAMED(exact) *p, SUM (*acc)[REACH], place t, SHARED SUM *memory) {
	i64 col = t.col + tid() % SIDE;
	SUM bias = p->bias && col < p->n ? p->bias[col] : 0;
#pragma unroll 1
	for (int i = 0; i < REACH; i += 2) {
		SHARED SUM *to = memory + tid() / 16 * 2 * PITCH + tid() % 16 * HALF;
		sync();
		if (i == 0) NAMED(spread)(to, acc, 0);
		if (i == 2) NAMED(spread)(to, acc, 2);
		if (i == 4) NAMED(spread)(to, acc, 4);
		if (i == 6) NAMED(spread)(to, acc, 6);
		sync();
#pragma unroll 1
		for (int r = (int)tid() / SIDE; r < 32; r += 256 / SIDE) {
			i64 row = t.row + r / 2 * HALF + i / HALF * (SIDE / 2) + i % HALF + r % 2, at = (t.z * p->m + row) * p->n + col;
			if (row >= p->m || col >= p->n) continue;
			SUM x = memory[r * PITCH + tid() % SIDE] * p->alpha;
			if (p->bias) x = x + bias;
			if (p->relu && x < 0) x = 0;
			if (sizeof(SUM) == 4) {
				f32 y = (f32)x;
				MAP(y);
				x = y;
			}
			if (p->out == F16) store_f16((GLOBAL f16 *)p->c + at, (f32)x);
			else if (p->out == BF16) store_bf16((GLOBAL bf16 *)p->c + at, (f32)x);
			else ((GLOBAL SUM *)p->c)[at] = x != x ? (SUM)float_of(0x7fc00000u) : x;
		}
	}
}

// exact_tile is the whole of a kernel; with w, a is gathered.
INLINE void NAMED(exact_tile)(NAMED(exact) p, const window *w) {
	static SHARED SUM memory[4 * DEPTH * PITCH] __attribute__((aligned(16))); // a and b of one step, and of the next
	place t = tile_of(p.first + block(), p.m, p.n, SIDE, SIDE, 8);
	NAMED(gather) g;
	p.a.at += t.z * p.step_a, p.b.at += t.z * p.step_b;
	NAMED(feed) a = NAMED(make_feed)(p.a, t.row, p.m), b = NAMED(make_feed)(p.b, t.col, p.n);
	if (w) NAMED(start_gather)(&g, w, p.a.at, t.row, p.m);
	SUM acc[REACH][REACH], va[SIDE * DEPTH / 256], vb[SIDE * DEPTH / 256];
#pragma unroll
	for (int i = 0; i < REACH; i++)
#pragma unroll
		for (int j = 0; j < REACH; j++) acc[i][j] = 0;
	int now = 0;
#pragma unroll 1
	for (i64 left = p.k;; left -= DEPTH, now = 2 * DEPTH * PITCH - now) {
		SHARED SUM *to = memory + now, *from = memory + (2 * DEPTH * PITCH - now);
		if (left > 0) {
			if (w) NAMED(fetch_gather)(&g, w, va, left);
			else NAMED(fetch)(&a, va, left);
			NAMED(fetch)(&b, vb, left);
		}
		if (left < p.k) NAMED(step)(acc, from + tid() / 16 * HALF, from + DEPTH * PITCH + tid() % 16 * HALF);
		if (left <= 0) break;
		NAMED(lay)(to, va, a.row, a.k, a.row_by, a.k_by);
		NAMED(lay)(to + DEPTH * PITCH, vb, b.row, b.k, b.row_by, b.k_by);
		sync();
	}
	NAMED(finish)(&p, acc, tile_of(again(p.first + block()), p.m, p.n, SIDE, SIDE, 8), memory); // again: t need not be kept in registers
}

#undef SUM
#undef NAMED
#undef REACH
#undef SIDE
#undef DEPTH
#undef PITCH
#undef HALF
