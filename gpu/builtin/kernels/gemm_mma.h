// Matrix products of f16 and bf16 on tensor cores: mma.sync, as every device from sm_80 on has it. Included after device.h and gemm.h.
//
// One block makes a BM x BN tile of c. It walks along k in steps of BK, with STAGES - 1 steps on their way from global to shared memory
// by cp.async while the oldest is multiplied. Each warp makes WM x WN of the tile from fragments that ldmatrix reads one step of 16 ahead.
// Rows in shared memory are swizzled in chunks of 16 bytes, so that neither cp.async nor ldmatrix meets a bank twice.
#pragma once

typedef struct {
	int bm, bn, bk, wm, wn, stages; // of one tile
	int ta, tb;                     // a is stored [k,m], b is stored [n,k]
	int half;                       // f16, else bf16
} shape;

typedef struct {
	GLOBAL const u16 *a, *b;
	GLOBAL u8 *c;
	GLOBAL const f32 *bias; // or 0
	i64 m, n, k, lda, ldb;  // lda, ldb: elements from one stored row to the next, multiples of 8
	i64 step_a, step_b;     // elements from one matrix of a batch to the next
	i64 first;              // number of the first tile of this launch, counted through the batch
	f32 alpha;
	u32 out, relu;          // out is a dtype
} product;

extern SHARED u8 memory[] __attribute__((aligned(1024)));

INLINE u32 shared_address(SHARED const void *p) { return (u32)(u64)p; }

INLINE void cp_async16(u32 to, GLOBAL const u16 *from, u32 bytes) {
	__asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
INLINE void cp_commit(void) { __asm__ volatile("cp.async.commit_group;" ::: "memory"); }
INLINE void cp_wait(const int but) { // for all groups but the latest so many
	if (but == 0) __asm__ volatile("cp.async.wait_group 0;" ::: "memory");
	if (but == 1) __asm__ volatile("cp.async.wait_group 1;" ::: "memory");
	if (but == 2) __asm__ volatile("cp.async.wait_group 2;" ::: "memory");
	if (but == 3) __asm__ volatile("cp.async.wait_group 3;" ::: "memory");
}

INLINE void ldmatrix(u32 *r, u32 at, const int trans) {
	if (trans)
		__asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
	else
		__asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
}

INLINE void mma(f32 *c, const u32 *a, const u32 *b, const int half) {
	if (half)
		__asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
			: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
	else
		__asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
			: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// A panel is the part of a or b that a tile needs. It is kept in shared memory as it is stored: rows of bk along k, or, across, bk rows of
// the tile's width.
typedef struct {
	GLOBAL const u16 *from; // this thread's first chunk of the next step
	i64 down, next;         // elements to its next chunk, and to the same chunk of the next step
	u32 to;                 // where it goes, in the first stage
	int row, col;           // its place in the panel
	int limit;              // rows, or, across, columns of the panel that exist
} panel;

INLINE panel make_panel(GLOBAL const u16 *base, i64 ld, i64 start, i64 end, u32 to, const int across, const int width, const int bk, const int threads) {
	const int chunks = (across ? width : bk) / 8; // in a row
	panel p;
	p.row = (int)tid() / chunks, p.col = (int)tid() % chunks * 8;
	p.limit = (int)least(end - start, width);
	int swizzle = across || bk == 64 ? p.row & 7 : p.row >> 1 & 3;
	p.to = to + (u32)(p.row * chunks + (p.col / 8 ^ swizzle)) * 16;
	p.from = across ? base + p.row * ld + start + p.col : base + (start + p.row) * ld + p.col;
	p.down = threads / chunks * ld;
	p.next = across ? bk * ld : bk;
	return p;
}

// fetch starts one step of a panel on its way; left is how much of k there is from this step on. What does not exist becomes zeros.
INLINE void fetch(panel *p, i64 left, u32 stage, const int across, const int width, const int bk, const int threads) {
	const int chunks = (across ? width : bk) / 8, rows = across ? bk : width, step = threads / chunks;
	int in_k = (int)least(left, bk);
	int row_end = across ? in_k : p->limit, col_end = across ? p->limit : in_k;
	GLOBAL const u16 *from = p->from;
#pragma unroll
	for (int i = 0; i < rows / step; i++) {
		u32 bytes = p->row + i * step < row_end && p->col < col_end ? 16 : 0;
		cp_async16(p->to + stage + (u32)(i * step * chunks * 16), from, bytes);
		from += p->down;
	}
	p->from += p->next;
}

// fragment_base is where ldmatrix of this lane reads the first fragment of a warp's part of a panel in the first stage.
INLINE u32 fragment_base(u32 panel_at, int start, const int across, const int width, const int bk, const int is_b) {
	int lane = (int)tid() & 31, low = lane & 15, swap = (lane & 7) + (lane >> 4) * 8, high = lane >> 4, odd = lane >> 3 & 1;
	int along = is_b == across ? low : swap, part = is_b == across ? high : odd; // a, by rows: the 16 rows, then the k halves; b has n and k the other way
	if (across) return panel_at + (u32)(along * width * 2 + ((start / 8 + part) ^ (along & 7)) * 16);
	int row = start + along, swizzle = bk == 64 ? row & 7 : row >> 1 & 3;
	return panel_at + (u32)(row * bk * 2 + (part ^ swizzle) * 16);
}

// fragments reads 16 of k, number kk, for count groups of 16 rows or columns.
INLINE void fragments(u32 (*r)[4], u32 base, int kk, const int count, const int across, const int width, const int bk) {
#pragma unroll
	for (int i = 0; i < count; i++)
		ldmatrix(r[i], across ? (base ^ (u32)(i * 32)) + (u32)(kk * 16 * width * 2) : (base ^ (u32)(kk * 32)) + (u32)(i * 16 * bk * 2), across);
}

// put writes 8 neighbouring elements of c.
INLINE void put(const product *p, i64 row, i64 col, f32 *v, const f32 *bias) {
#pragma unroll
	for (int i = 0; i < 8; i++) {
		f32 x = p->alpha * v[i] + bias[i];
		v[i] = p->relu && x < 0 ? 0 : x;
		MAP(v[i]);
	}
	i64 at = row * p->n + col;
	if (p->out == F32) {
		GLOBAL f32 *c = (GLOBAL f32 *)p->c + at;
		if (col + 8 <= p->n && p->n % 4 == 0) {
			((GLOBAL f32x4 *)c)[0] = (f32x4){canon(v[0]), canon(v[1]), canon(v[2]), canon(v[3])};
			((GLOBAL f32x4 *)c)[1] = (f32x4){canon(v[4]), canon(v[5]), canon(v[6]), canon(v[7])};
			return;
		}
#pragma unroll
		for (int i = 0; i < 8; i++)
			if (col + i < p->n) c[i] = canon(v[i]);
		return;
	}
	u16 h[8];
#pragma unroll
	for (int i = 0; i < 8; i++) h[i] = p->out == F16 ? f32_to_f16(v[i]).bits : f32_to_bf16(v[i]).bits;
	GLOBAL u16 *c = (GLOBAL u16 *)p->c + at;
	if (col + 8 <= p->n && p->n % 8 == 0) {
		*(GLOBAL u32x4 *)c = (u32x4){h[0] | (u32)h[1] << 16, h[2] | (u32)h[3] << 16, h[4] | (u32)h[5] << 16, h[6] | (u32)h[7] << 16};
		return;
	}
#pragma unroll
	for (int i = 0; i < 8; i++)
		if (col + i < p->n) c[i] = h[i];
}

// pitch is the floats from one row to the next where a warp turns its accumulators into rows: it keeps both sides off each other's banks.
enum { pitch = 72 };

// lay puts 32 rows of accumulators down in shared memory.
INLINE void lay(SHARED f32 *to, f32 (*acc)[8][4]) {
	int lane = (int)tid() & 31;
	to += lane / 4 * pitch + lane % 4 * 2;
#pragma unroll
	for (int i = 0; i < 2; i++)
#pragma unroll
		for (int j = 0; j < 8; j++) {
			SHARED f32 *at = to + i * 16 * pitch + j * 8;
			f32 *v = acc[i][j];
			at[0] = v[0], at[1] = v[1], at[8 * pitch] = v[2], at[8 * pitch + 1] = v[3];
		}
}

// finish writes a warp's 64 columns, 32 rows at a time by way of shared memory, so that global memory sees whole rows.
INLINE void finish(const product *p, f32 (*acc)[8][4], i64 row, i64 col, const int groups) {
	SHARED f32 *mine = (SHARED f32 *)memory + tid() / 32 * 32 * pitch;
	int lane = (int)tid() & 31, part = lane % 8 * 8;
	f32 bias[8];
#pragma unroll
	for (int i = 0; i < 8; i++) bias[i] = p->bias && col + part + i < p->n ? p->bias[col + part + i] : 0;
#pragma unroll 1
	for (int half = 0; half < groups / 2; half++) {
		if (half == 0) lay(mine, acc);
		else lay(mine, acc + 2);
		__nvvm_bar_warp_sync(-1);
#pragma unroll 1
		for (int r = lane / 8; r < 32; r += 4) {
			i64 at = row + half * 32 + r;
			SHARED f32x4 *from = (SHARED f32x4 *)(mine + r * pitch + part);
			f32x4 x = from[0], y = from[1];
			f32 v[8] = {x.x, x.y, x.z, x.w, y.x, y.y, y.z, y.w};
			if (at < p->m && col + part < p->n) put(p, at, col + part, v, bias);
		}
		__nvvm_bar_warp_sync(-1);
	}
}

// multiply is the whole of a kernel.
INLINE void multiply(product p, const shape s) {
	const int threads = s.bm / s.wm * (s.bn / s.wn) * 32, across_b = !s.tb;
	const u32 bytes_a = (u32)(s.bm * s.bk * 2), stage = bytes_a + (u32)(s.bn * s.bk * 2);
	place t = tile_of(p.first + block(), p.m, p.n, s.bm, s.bn, 8);
	u32 base = shared_address(memory);
	panel a = make_panel(p.a + t.z * p.step_a, p.lda, t.row, p.m, base, s.ta, s.bm, s.bk, threads);
	panel b = make_panel(p.b + t.z * p.step_b, p.ldb, t.col, p.n, base + bytes_a, across_b, s.bn, s.bk, threads);
	int warp = (int)tid() / 32, wm = warp % (s.bm / s.wm) * s.wm, wn = warp / (s.bm / s.wm) * s.wn;
	u32 at_a = fragment_base(base, wm, s.ta, s.bm, s.bk, 0), at_b = fragment_base(base + bytes_a, wn, across_b, s.bn, s.bk, 1);
	i64 left = p.k, steps = (p.k + s.bk - 1) / s.bk;

	u32 write = 0, read = 0; // offsets of stages
#pragma unroll
	for (int i = 0; i < s.stages - 1; i++) {
		if (left > 0) {
			fetch(&a, left, write, s.ta, s.bm, s.bk, threads);
			fetch(&b, left, write, across_b, s.bn, s.bk, threads);
		}
		cp_commit();
		left -= s.bk, write += stage;
	}
	cp_wait(s.stages - 2);
	sync();

	f32 acc[4][8][4];
	u32 fa[2][4][4], fb[2][4][4];
#pragma unroll
	for (int i = 0; i < s.wm / 16; i++)
#pragma unroll
		for (int j = 0; j < s.wn / 8; j++) acc[i][j][0] = acc[i][j][1] = acc[i][j][2] = acc[i][j][3] = 0;
	fragments(fa[0], at_a, 0, s.wm / 16, s.ta, s.bm, s.bk);
	fragments(fb[0], at_b, 0, s.wn / 16, across_b, s.bn, s.bk);
#pragma unroll 1
	for (; steps > 0; steps--) {
#pragma unroll
		for (int kk = 0; kk < s.bk / 16; kk++) {
			const int next = (kk + 1) % (s.bk / 16);
			if (next == 0) { // the next step has arrived, and every warp has read the last of this one
				cp_wait(s.stages - 2);
				sync();
				if (steps > 1) read = read == stage * (u32)(s.stages - 1) ? 0 : read + stage; // after the last one nothing comes: this is read once more
			}
			fragments(fa[(kk + 1) % 2], at_a + read, next, s.wm / 16, s.ta, s.bm, s.bk);
			fragments(fb[(kk + 1) % 2], at_b + read, next, s.wn / 16, across_b, s.bn, s.bk);
			if (kk == 0) {
				if (left > 0) {
					fetch(&a, left, write, s.ta, s.bm, s.bk, threads);
					fetch(&b, left, write, across_b, s.bn, s.bk, threads);
				}
				cp_commit();
				left -= s.bk, write = write == stage * (u32)(s.stages - 1) ? 0 : write + stage;
			}
#pragma unroll
			for (int i = 0; i < s.wm / 16; i++)
#pragma unroll
				for (int j = 0; j < s.wn / 8; j++) mma(acc[i][j], fa[kk % 2][i], fb[kk % 2][j / 2] + j % 2 * 2, s.half);
		}
	}
	cp_wait(0);
	sync(); // shared memory is free for finish
	p.c += t.z * p.m * p.n * (p.out == F32 ? 4 : 2);
	finish(&p, acc, t.row + wm, t.col + wn, s.wm / 16);
}

// A kernel for each way to store a and b: n as it is, t transposed.
#define GEMM(name, half, ta, tb, bm, bn, bk, wm, wn, stages)                                                                               \
	KERNEL name(GLOBAL const u16 *a, GLOBAL const u16 *b, GLOBAL u8 *c, GLOBAL const f32 *bias, i64 m, i64 n, i64 k, i64 lda, i64 ldb,   \
		i64 step_a, i64 step_b, i64 first, f32 alpha, u32 out, u32 relu) {                                                             \
		multiply((product){a, b, c, bias, m, n, k, lda, ldb, step_a, step_b, first, alpha, out, relu},                                   \
			(shape){bm, bn, bk, wm, wn, stages, ta, tb, half});                                                                      \
	}
#define GEMMS(name, half, bm, bn, bk, wm, wn, stages)          \
	GEMM(name##_nn, half, 0, 0, bm, bn, bk, wm, wn, stages) \
	GEMM(name##_nt, half, 0, 1, bm, bn, bk, wm, wn, stages) \
	GEMM(name##_tn, half, 1, 0, bm, bn, bk, wm, wn, stages) \
	GEMM(name##_tt, half, 1, 1, bm, bn, bk, wm, wn, stages)
