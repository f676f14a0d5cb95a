// Matrix products of f16 and bf16 as compute capability 9.0 does them best: wgmma, which reads both operands from shared memory, fed by the
// copy engine. Included after device.h and gemm.h.
//
// A block makes tiles of 128 x 256 until none is left, or, for few columns, of 128 x 128 or 128 x 64: bn says which. Its first group of 4
// warps is the producer: one thread of it tells the copy engine what to bring, some steps of 64 along k ahead. The other two groups are
// consumers of 64 rows each. Full and empty barriers of each stage pass it to and fro.
#pragma once

enum { BM = 128, BK = 64, THREADS = 384, BYTES_A = BM * BK * 2, BOX = 64 * 64 * 2 };

// How much a stage has, how many there are, and where the barriers are: full ones, then empty ones.
#define STAGE(bn) (u32)(BYTES_A + (bn) * BK * 2)
#define STAGES(bn) (u32)((bn) == 256 ? 4 : (bn) == 128 ? 6 : 8)
#define FULL(bn) (STAGES(bn) * STAGE(bn))
#define EMPTY(bn) (FULL(bn) + STAGES(bn) * 8)

typedef struct {
	u64 a, b; // addresses of what the driver encoded of the operands: where they are, their shapes, and the boxes that are copied
	GLOBAL u8 *c;
	GLOBAL const f32 *bias; // or 0
	i64 m, n, k, first, end; // tiles of this launch
	f32 alpha;
	u32 out, relu, one_b; // one_b: b is the same for the whole batch
} product;

// In a convolution a tile's 128 rows are a rectangle of output pixels, 2^narrow wide, and m is 128 for each of them. A step is 64 channels
// of one tap: the rectangle, moved, of x, of which the copy engine leaves out what the windows' steps pass over, and where what is outside is zero.
typedef struct {
	int narrow, across, down;  // rectangles in an image's row and column of them
	int oh, ow, kh, kw, sy, sx, py, px, dy, dx;
	i64 c;
} window_map;

typedef f32 f32x2 __attribute__((ext_vector_type(2)));

extern SHARED u8 memory[] __attribute__((aligned(1024)));

INLINE u32 shared_address(SHARED const void *p) { return (u32)(u64)p; }

INLINE void barrier_init(u32 at, u32 count) { __asm__ volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory"); }
INLINE void barrier_expect(u32 at, u32 bytes) {
	__asm__ volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes) : "memory");
}
INLINE void barrier_arrive(u32 at) { __asm__ volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory"); }
INLINE void barrier_wait(u32 at, u32 parity) {
	u32 done;
	do {
		__asm__ volatile("{\n\t.reg .pred p;\n\tmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\tselp.u32 %0, 1, 0, p;\n\t}" : "=r"(done) : "r"(at), "r"(parity) : "memory");
	} while (!done);
}

// see lets the copy engine see a map that came into global memory before.
INLINE void see(u64 map) { __asm__ volatile("fence.proxy.tensormap::generic.acquire.sys [%0], 128;" ::"l"(map) : "memory"); }

// bring copies one box to shared memory and tells a barrier.
INLINE void bring(u32 to, u64 map, u32 barrier, i32 x, i32 y, i32 z) {
	__asm__ volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];"
		::"r"(to), "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z) : "memory");
}

// descriptor tells wgmma where an operand is: across, boxes of 64 x 64 with k down, else rows of 64 along k; swizzled in 128 bytes.
INLINE u64 descriptor(u32 at, const int across) {
	return (u64)(at >> 4 & 0x3fff) | (u64)(across ? BOX >> 4 : 1) << 16 | (u64)(1024 >> 4) << 32 | 1ull << 62;
}

#define D_NAMES_64 \
	"%0,%1,%2,%3,%4,%5,%6,%7," \
	"%8,%9,%10,%11,%12,%13,%14,%15," \
	"%16,%17,%18,%19,%20,%21,%22,%23," \
	"%24,%25,%26,%27,%28,%29,%30,%31"
#define D_NAMES_128 D_NAMES_64 "," \
	"%32,%33,%34,%35,%36,%37,%38,%39," \
	"%40,%41,%42,%43,%44,%45,%46,%47," \
	"%48,%49,%50,%51,%52,%53,%54,%55," \
	"%56,%57,%58,%59,%60,%61,%62,%63"
#define D_NAMES_256 D_NAMES_128 "," \
	"%64,%65,%66,%67,%68,%69,%70,%71," \
	"%72,%73,%74,%75,%76,%77,%78,%79," \
	"%80,%81,%82,%83,%84,%85,%86,%87," \
	"%88,%89,%90,%91,%92,%93,%94,%95," \
	"%96,%97,%98,%99,%100,%101,%102,%103," \
	"%104,%105,%106,%107,%108,%109,%110,%111," \
	"%112,%113,%114,%115,%116,%117,%118,%119," \
	"%120,%121,%122,%123,%124,%125,%126,%127"
#define D_64(d) \
	"+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), \
	"+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), \
	"+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), \
	"+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
#define D_128(d) D_64(d), \
	"+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), \
	"+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), \
	"+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), \
	"+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
#define D_256(d) D_128(d), \
	"+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71]), \
	"+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79]), \
	"+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]), \
	"+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]), \
	"+f"(d[96]), "+f"(d[97]), "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]), \
	"+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111]), \
	"+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119]), \
	"+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])

// WGMMA4 adds up a step of 64 along k: 4 products of 64 x bn x 16. began is 0 where the sums start. The operands behind the sums are those
// numbered: four of a, four of b, began.
#define WGMMA(bn, type, ta, tb, a, b, p) \
	"wgmma.mma_async.sync.aligned.m64n" #bn "k16.f32." type "." type " {" D_NAMES_##bn "}, " a ", " b ", " p ", 1, 1, " ta ", " tb ";\n\t"
#define WGMMA4(bn, d, a, b, step_a, step_b, began, type, ta, tb, a0, a1, a2, a3, b0, b1, b2, b3, go)                                        \
	__asm__ volatile("{\n\t.reg .pred p;\n\tsetp.ne.b32 p, " go ", 0;\n\twgmma.fence.sync.aligned;\n\t"                                    \
		WGMMA(bn, type, ta, tb, a0, b0, "p") WGMMA(bn, type, ta, tb, a1, b1, "1") WGMMA(bn, type, ta, tb, a2, b2, "1")                   \
		WGMMA(bn, type, ta, tb, a3, b3, "1") "wgmma.commit_group.sync.aligned;\n\t}"                                                     \
		: D_##bn(d)                                                                                                                      \
		: "l"(a), "l"(a + step_a), "l"(a + 2 * step_a), "l"(a + 3 * step_a), "l"(b), "l"(b + step_b), "l"(b + 2 * step_b),                \
		  "l"(b + 3 * step_b), "r"(began)                                                                                                \
		: "memory")
#define WGMMA4_64(...) WGMMA4(64, __VA_ARGS__, "%32", "%33", "%34", "%35", "%36", "%37", "%38", "%39", "%40")
#define WGMMA4_128(...) WGMMA4(128, __VA_ARGS__, "%64", "%65", "%66", "%67", "%68", "%69", "%70", "%71", "%72")
#define WGMMA4_256(...) WGMMA4(256, __VA_ARGS__, "%128", "%129", "%130", "%131", "%132", "%133", "%134", "%135", "%136")
#define WGMMA4_WAYS(bn)                                                                                  \
	if (half && !ta && !tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "f16", "0", "0");              \
	if (half && !ta && tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "f16", "0", "1");               \
	if (half && ta && !tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "f16", "1", "0");               \
	if (half && ta && tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "f16", "1", "1");                \
	if (!half && !ta && !tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "bf16", "0", "0");            \
	if (!half && !ta && tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "bf16", "0", "1");             \
	if (!half && ta && !tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "bf16", "1", "0");             \
	if (!half && ta && tb) WGMMA4_##bn(d, a, b, step_a, step_b, began, "bf16", "1", "1");

INLINE void wgmma4(f32 *d, u64 a, u64 b, u32 began, const int bn, const int half, const int ta, const int tb) {
	const u64 step_a = ta ? 128 : 2, step_b = tb ? 128 : 2; // 16 bytes: 16 of k are 2 * 8 rows, or 32 bytes of a row
	if (bn == 64) { WGMMA4_WAYS(64) }
	if (bn == 128) { WGMMA4_WAYS(128) }
	if (bn == 256) { WGMMA4_WAYS(256) }
}

// wait lets all but the last so many steps end. It names the sums, so that nothing reads them before.
#define WGMMA_WAIT(d, bn, but)                                                                                  \
	if (bn == 64) __asm__ volatile("wgmma.wait_group.sync.aligned " but ";" : D_64(d)::"memory");             \
	else if (bn == 128) __asm__ volatile("wgmma.wait_group.sync.aligned " but ";" : D_128(d)::"memory");      \
	else __asm__ volatile("wgmma.wait_group.sync.aligned " but ";" : D_256(d)::"memory");

// bring4 is bring of four dimensions.
INLINE void bring4(u32 to, u64 map, u32 barrier, i32 c, i32 x, i32 y, i32 z) {
	__asm__ volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];"
		::"r"(to), "l"(map), "r"(barrier), "r"(c), "r"(x), "r"(y), "r"(z) : "memory");
}

// corner is the first pixel of a tile of a convolution, and its image.
typedef struct { i32 image, y, x; } corner;

INLINE corner corner_of(const window_map *w, i64 row) {
	i32 tile = (i32)(row / BM), in = tile % (w->across * w->down);
	return (corner){tile / (w->across * w->down), in / w->across * (BM >> w->narrow), in % w->across << w->narrow};
}

// produce_windows is produce for a convolution.
INLINE u32 produce_windows(const product *p, const window_map *w, place t, u32 base, u32 round, const int bn) {
	corner at = corner_of(w, t.row);
	for (i32 tap = 0; tap < w->kh * w->kw; tap++)
		for (i64 c = 0; c < w->c; c += BK, round++) {
			u32 stage = round % STAGES(bn), to = base + stage * STAGE(bn), full = base + FULL(bn) + stage * 8, empty = base + EMPTY(bn) + stage * 8;
			barrier_wait(empty, (round / STAGES(bn) & 1) ^ 1);
			barrier_expect(full, STAGE(bn));
			bring4(to, p->a, full, (i32)c, at.x * w->sx - w->px + tap % w->kw * w->dx, at.y * w->sy - w->py + tap / w->kw * w->dy, at.image);
			for (int h = 0; h < bn; h += 128) bring(to + BYTES_A + (u32)(h * BK * 2), p->b, full, (i32)c, tap, (i32)t.col + h);
		}
	return round;
}

// bring_rows copies the 64 k of count rows of an operand: boxes of 128 rows, or of all where they are fewer, or, across, boxes of 64.
INLINE void bring_rows(u32 to, u64 map, u32 barrier, i64 k, i64 row, i64 z, const int count, const int across) {
#pragma unroll
	for (int i = 0; i < count; i += across ? 64 : 128) {
		if (across) bring(to + (u32)(i * BK * 2), map, barrier, (i32)row + i, (i32)k, (i32)z);
		else bring(to + (u32)(i * BK * 2), map, barrier, (i32)k, (i32)row + i, (i32)z);
	}
}

// produce brings the steps of one tile; round counts the steps of all tiles.
INLINE u32 produce(const product *p, place t, u32 base, u32 round, const int bn, const int across_a, const int across_b) {
	for (i64 k = 0; k < p->k; k += BK, round++) {
		u32 stage = round % STAGES(bn), at = base + stage * STAGE(bn), full = base + FULL(bn) + stage * 8, empty = base + EMPTY(bn) + stage * 8;
		barrier_wait(empty, (round / STAGES(bn) & 1) ^ 1);
		barrier_expect(full, STAGE(bn));
		bring_rows(at, p->a, full, k, t.row, t.z, BM, across_a);
		bring_rows(at + BYTES_A, p->b, full, k, t.col, p->one_b ? 0 : t.z, bn, across_b);
	}
	return round;
}

// release tells the producer that a step was read.
INLINE void release(u32 base, u32 round, const int bn) {
	if (tid() % 128 == 0) barrier_arrive(base + EMPTY(bn) + round % STAGES(bn) * 8);
}

INLINE u32 consume(const product *p, f32 *d, u32 base, u32 round, const int bn, const int half, const int across_a, const int across_b) {
	u32 group = tid() / 128 - 1;
	for (i64 k = 0; k < p->k; k += BK, round++) {
		u32 stage = round % STAGES(bn), at = base + stage * STAGE(bn);
		barrier_wait(base + FULL(bn) + stage * 8, round / STAGES(bn) & 1);
		wgmma4(d, descriptor(at + group * BOX, across_a), descriptor(at + BYTES_A, across_b), k != 0, bn, half, across_a, across_b);
		WGMMA_WAIT(d, bn, "1");
		if (k != 0) release(base, round - 1, bn);
	}
	WGMMA_WAIT(d, bn, "0");
	release(base, round - 1, bn);
	return round;
}

// pack2 rounds two numbers to 16 bits each, the first into the lower half. The conversion's NaN is 7fff, and nothing else is above infinity:
// the lesser of each half and the canonical NaN is what is wanted.
INLINE u32 pack2(f32 x, f32 y, const int half) {
	u32 r;
	if (half) __asm__("cvt.rn.f16x2.f32 %0, %1, %2;\n\tmin.s16x2 %0, %0, %3;" : "=&r"(r) : "f"(y), "f"(x), "r"(0x7e007e00));
	else __asm__("cvt.rn.bf16x2.f32 %0, %1, %2;\n\tmin.s16x2 %0, %0, %3;" : "=&r"(r) : "f"(y), "f"(x), "r"(0x7fc07fc0));
	return r;
}

// trade turns four pairs of columns 8 apart, which four neighbouring lanes hold, into four pairs side by side: lane q of them gets the
// q-th pairs of all. It is a transposition, in two rounds with the lane whose number differs in one bit.
INLINE void swap(u32 *a, u32 *b, u32 bit) {
	u32 up = tid() & bit, got = lane_xor(up ? *a : *b, bit);
	*a = up ? got : *a;
	*b = up ? *b : got;
}

INLINE u32x4 trade(u32 a, u32 b, u32 c, u32 d) {
	swap(&a, &b, 1), swap(&c, &d, 1);
	swap(&a, &c, 2), swap(&b, &d, 2);
	return (u32x4){a, b, c, d};
}

// end does what comes after the sums: d[4*j] and its neighbour are columns 8*j of this thread and the next, d[4*j+2] those 8 rows below.
INLINE void end(const product *p, f32 *d, GLOBAL const f32 *bias, int cols, const int bn) {
	if (p->alpha != 1) {
#pragma unroll
		for (int i = 0; i < bn / 2; i++) d[i] = d[i] * p->alpha;
	}
	if (p->bias) {
#pragma unroll
		for (int i = 0; i < bn / 2; i += 4) {
			f32x2 v = i * 2 < cols ? *(GLOBAL const f32x2 *)(bias + i * 2) : (f32x2){0, 0};
			d[i] = d[i] + v.x, d[i + 1] = d[i + 1] + v.y, d[i + 2] = d[i + 2] + v.x, d[i + 3] = d[i + 3] + v.y;
		}
	}
	if (p->relu) {
#pragma unroll
		for (int i = 0; i < bn / 2; i++) d[i] = __nvvm_fmax_nan_f(d[i], 0);
	}
#pragma unroll
	for (int i = 0; i < bn / 2; i++) MAP(d[i]);
}

// row_of gives which of the output's rows a row of a tile is, or -1.
INLINE i64 row_of(const product *p, const window_map *w, place t, i32 row) {
	if (!w) return t.row + row < p->m ? t.z * p->m + t.row + row : -1;
	corner at = corner_of(w, t.row);
	i32 y = at.y + (row >> w->narrow), x = at.x + (row & ((1 << w->narrow) - 1));
	return y < w->oh && x < w->ow ? ((i64)at.image * w->oh + y) * w->ow + x : -1;
}

// finish writes a consumer's 64 x bn. n is a multiple of 8, so that rows of 8 columns are there as a whole, or not at all.
INLINE void finish(const product *p, const window_map *w, f32 *d, place t, const int bn, const int half) {
	u32 lane = tid() & 31, quad = lane & 3;
	i32 first = (i32)((tid() / 128 - 1) * 64 + tid() / 32 % 4 * 16 + lane / 4);
	int cols = (int)least(p->n - t.col, bn);
	end(p, d, p->bias + t.col + quad * 2, cols, bn);
#pragma unroll
	for (int h = 0; h < 2; h++) { // the row, and that 8 below it
		i64 row = row_of(p, w, t, first + h * 8), at = row * p->n + t.col;
		int in = row < 0 ? 0 : cols; // columns to write
		if (p->out == F32) {
			GLOBAL f32 *c = (GLOBAL f32 *)p->c + at + quad * 2;
#pragma unroll
			for (int j = 0; j < bn / 8; j++)
				if (j * 8 < in) *(GLOBAL f32x2 *)(c + j * 8) = (f32x2){canon(d[4 * j + 2 * h]), canon(d[4 * j + 2 * h + 1])};
			continue;
		}
		GLOBAL u16 *c = (GLOBAL u16 *)p->c + at + quad * 8;
		in -= (int)quad * 8;
#pragma unroll
		for (int g = 0; g < bn / 32; g++) { // 32 columns
			u32 pairs[4];
#pragma unroll
			for (int j = 0; j < 4; j++) pairs[j] = pack2(d[(g * 4 + j) * 4 + 2 * h], d[(g * 4 + j) * 4 + 2 * h + 1], half);
			u32x4 line = trade(pairs[0], pairs[1], pairs[2], pairs[3]);
			if (g * 32 < in) *(GLOBAL u32x4 *)(c + g * 32) = line;
		}
	}
}

#define TILE(tile) tile_of(tile, p.m, p.n, BM, bn, 16)

// multiply is the whole of a kernel; with w, of one that makes a convolution.
INLINE void multiply(product p, const window_map *w, const int bn, const int half, const int across_a, const int across_b) {
	u32 base = shared_address(memory);
	if (tid() == 0) {
		for (u32 i = 0; i < STAGES(bn); i++) {
			barrier_init(base + FULL(bn) + i * 8, 1);
			barrier_init(base + EMPTY(bn) + i * 8, 2);
		}
		__asm__ volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); // the copy engine sees them, too
	}
	sync();
	i64 tile = p.first + block();
	if (tid() < 128) {
		__asm__ volatile("setmaxnreg.dec.sync.aligned.u32 40;");
		if (tid() != 0) return;
		see(p.a), see(p.b);
		for (u32 round = 0; tile < p.end; tile += blocks())
			round = w ? produce_windows(&p, w, TILE(tile), base, round, bn) : produce(&p, TILE(tile), base, round, bn, across_a, across_b);
		return;
	}
	__asm__ volatile("setmaxnreg.inc.sync.aligned.u32 232;");
	for (u32 round = 0; tile < p.end; tile += blocks()) {
		f32 d[128];
#pragma unroll
		for (int i = 0; i < bn / 2; i++) d[i] = 0;
		round = consume(&p, d, base, round, bn, half, across_a, across_b);
		finish(&p, w, d, TILE(tile), bn, half);
	}
}

#define GEMM(name, bn, half, ta, tb)                                                                                                        \
	KERNEL name(u64 a, u64 b, GLOBAL u8 *c, GLOBAL const f32 *bias, i64 m, i64 n, i64 k, i64 first, i64 end, f32 alpha, u32 out, u32 relu, u32 one_b) { \
		multiply((product){a, b, c, bias, m, n, k, first, end, alpha, out, relu, one_b}, 0, bn, half, ta, !tb);                          \
	}
#define GEMMS(name, bn, half)         \
	GEMM(name##_nn, bn, half, 0, 0) \
	GEMM(name##_nt, bn, half, 0, 1) \
	GEMM(name##_tn, bn, half, 1, 0) \
	GEMM(name##_tt, bn, half, 1, 1)

// k is 64 for each step, n the output channels.
#define CONV(name, bn, half)                                                                                                                \
	KERNEL name(u64 a, u64 b, GLOBAL u8 *y, GLOBAL const f32 *bias, i64 m, i64 n, i64 k, i64 first, i64 end, u32 out, u32 relu, i64 c,       \
		i32 narrow, i32 across, i32 down, i32 oh, i32 ow, i32 kh, i32 kw, i32 sy, i32 sx, i32 py, i32 px, i32 dy, i32 dx) {              \
		window_map w = {narrow, across, down, oh, ow, kh, kw, sy, sx, py, px, dy, dx, c};                                                \
		multiply((product){a, b, y, bias, m, n, k, first, end, 1, out, relu, 0}, &w, bn, half, 0, 0);                                    \
	}
