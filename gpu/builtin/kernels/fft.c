// Transforms of rows of complex numbers: op.FFTRoots says in which order.
#include "device.h"

typedef f32 c32 __attribute__((ext_vector_type(2)));
typedef f64 c64 __attribute__((ext_vector_type(2)));

enum { DIRECT = 13, ROOTS_LOG = 25, STEP_LOG = 12 }; // op.FFTDirect, of op.FFTRoots, of op.RootStep

extern SHARED c32 held[] __attribute__((aligned(128)));

INLINE c32 times(c32 a, c32 b) { return (c32){a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x}; }
INLINE c32 conj_if(u32 inverse, c32 w) { return (c32){w.x, inverse ? -w.y : w.y}; }
INLINE c32 canon2(c32 a) { return (c32){canon(a.x), canon(a.y)}; }

// root_of is op.RootOf.
INLINE c32 root_of(GLOBAL const c64 *coarse, GLOBAL const c64 *fine, u32 k) {
	c64 c = coarse[k >> STEP_LOG], f = fine[k & ((1 << STEP_LOG) - 1)];
	return (c32){(f32)(c.x * f.x - c.y * f.y), (f32)(c.x * f.y + c.y * f.x)};
}

INLINE u32 reverse(u32 i, u32 log) { return log ? __builtin_bitreverse32(i) >> (32 - log) : 0; }

// What one launch does: count stages from stage on, of transforms of 1 << log. A block takes 1 << columns_log columns of so many in all,
// each the 1 << count numbers that meet in these stages. The results are multiplied by scale, a power of two.
typedef struct {
	GLOBAL const c32 *in; // of the first pass; the others work in place
	GLOBAL c32 *out;
	GLOBAL const c32 *direct;
	GLOBAL const c64 *coarse, *fine;
	u64 columns;
	u32 log, stage, count, columns_log, inverse;
	f32 scale;
} pass;

// place gives number e of a column: column q has those whose bits below the pass's stages and above them are q's, in all rows.
INLINE u64 place(pass p, u64 q, u32 e) {
	u32 rest = p.log - p.count;
	u64 row = q >> rest, low = q & ((1ull << p.stage) - 1), high = (q & ((1ull << rest) - 1)) >> p.stage;
	return row << p.log | high << (p.stage + p.count) | (u64)e << p.stage | low;
}

// column gives where a column of the block goes. The first pass reads what its columns need where they lie in reversed order, so a
// block's columns are those that lie beside each other there.
INLINE u64 column(pass p, u64 q) {
	u32 rest = p.log - p.count;
	return p.stage ? q : q >> rest << rest | reverse((u32)(q & ((1ull << rest) - 1)), rest);
}

// twiddle is the root of place j of a stage, for the inverse not yet conjugated. Those of the first DIRECT stages are also in a table.
INLINE c32 twiddle(pass p, u32 in_table, u32 stage, u32 j) {
	return in_table ? p.direct[j << (DIRECT - 1 - stage)] : root_of(p.coarse, p.fine, j << (ROOTS_LOG - 1 - stage));
}

// slot spreads what a block holds over the banks of its memory: steps by any power of two meet few of them twice.
INLINE u32 slot(u32 x) { return x ^ ((x >> 4 ^ x >> 8 ^ x >> 12) & 15); }

// DEFINE_STEPS makes steps_N, which does N stages from stage s of the pass on, with 1 << N numbers in registers. The first steps of a
// pass bring the numbers, and the last ones take them away; neighbours in memory go by neighbouring threads, and what the first pass
// reads is in reversed order: the thread that reads at b does the butterflies that b reversed belongs to.
#define DEFINE_STEPS(N) \
INLINE void steps_##N(pass p, u32 s, u32 bring, u32 take, u32 in_table) { \
	u32 rest = p.log - p.count, groups_log = p.count - N, by_row = !p.stage && (bring ? !rest : take); \
	u64 first = (u64)block() << p.columns_log; \
	for (u32 i = tid(); i < 1u << (groups_log + p.columns_log); i += ntid()) { \
		u32 c = by_row ? i >> groups_log : i & ((1u << p.columns_log) - 1), at = by_row ? i & ((1u << groups_log) - 1) : i >> p.columns_log; \
		u32 b = bring && !p.stage ? reverse(at, groups_log) : at, j = b & ((1u << s) - 1), e = (b - j) << N | j; \
		u64 q = first + c; \
		c32 x[1 << N]; \
		_Pragma("unroll") for (u32 k = 0; k < 1 << N; k++) { \
			if (!bring) x[k] = held[slot((e + (k << s)) << p.columns_log | c)]; \
			else if (q >= p.columns) x[k] = 0; \
			else if (p.stage) x[k] = p.out[place(p, q, e + (k << s))]; \
			else x[k] = p.in[q >> rest << p.log | (u64)(reverse(k, N) << groups_log | at) << rest | (q & ((1ull << rest) - 1))]; \
		} \
		u32 low = (u32)q & ((1u << p.stage) - 1); \
		c32 roots[8]; \
		_Pragma("unroll") for (u32 t = 0; t < N; t++) \
			_Pragma("unroll") for (u32 h = 0; h < 1u << t; h++) { /* the numbers with the same root: the second half's are a quarter turn on */ \
				u32 half = t ? 1u << (t - 1) : 1; \
				if (h < half) roots[h] = twiddle(p, in_table, p.stage + s + t, (j + (h << s)) << p.stage | low); \
				else roots[h] = (c32){roots[h - half].y, -roots[h - half].x}; \
				c32 w = conj_if(p.inverse, roots[h]); \
				_Pragma("unroll") for (u32 k = h; k < 1 << N; k += 2u << t) { \
					c32 u = x[k], v = times(x[k + (1u << t)], w); \
					x[k] = u + v; \
					x[k + (1u << t)] = u - v; \
				} \
			} \
		_Pragma("unroll") for (u32 k = 0; k < 1 << N; k++) { \
			if (!take) { \
				held[slot((e + (k << s)) << p.columns_log | c)] = x[k]; \
				continue; \
			} \
			x[k] = x[k] * p.scale; \
			if (p.stage + p.count == p.log) x[k] = canon2(x[k]); \
			if (q < p.columns) p.out[place(p, column(p, q), e + (k << s))] = x[k]; \
		} \
	} \
	if (!take) sync(); \
}

DEFINE_STEPS(0)
DEFINE_STEPS(1)
DEFINE_STEPS(2)
DEFINE_STEPS(3)
DEFINE_STEPS(4)

// in_table says whether all stages are in the table; else each of the steps is looked at.
#define STEPS(N, s, bring, take) \
	do { \
		if (in_table || p.stage + (s) + N <= DIRECT) steps_##N(p, s, bring, take, 1); \
		else steps_##N(p, s, bring, take, 0); \
	} while (0)

// all_steps is for passes of at least four stages. Four stages at once are worth it where the registers are not full of f64.
INLINE void all_steps(pass p, u32 in_table) {
	STEPS(3, 0, 1, 0);
	u32 s = 3, most = in_table ? 4 : 3;
	for (; s + most < p.count; s += 3) STEPS(3, s, 0, 0);
	if (in_table && s + 4 == p.count) STEPS(4, s, 0, 1);
	else if (s + 1 == p.count) STEPS(1, s, 0, 1);
	else if (s + 2 == p.count) STEPS(2, s, 0, 1);
	else STEPS(3, s, 0, 1);
}

// fft_few is a transform of a few numbers, in one pass; fft_first the first pass of others, which reads in; fft_next works in place.
KERNEL fft_few(GLOBAL const c32 *in, GLOBAL c32 *out, GLOBAL const c32 *direct, GLOBAL const c64 *coarse, GLOBAL const c64 *fine,
	u64 columns, u32 log, u32 count, u32 columns_log, u32 inverse, f32 scale) {
	pass p = {in, out, direct, coarse, fine, columns, log, 0, count, columns_log, inverse, scale};
	switch (count) {
	case 0: return steps_0(p, 0, 1, 1, 1);
	case 1: return steps_1(p, 0, 1, 1, 1);
	case 2: return steps_2(p, 0, 1, 1, 1);
	case 3: return steps_3(p, 0, 1, 1, 1);
	}
}

KERNEL fft_first(GLOBAL const c32 *in, GLOBAL c32 *out, GLOBAL const c32 *direct, GLOBAL const c64 *coarse, GLOBAL const c64 *fine,
	u64 columns, u32 log, u32 count, u32 columns_log, u32 inverse, f32 scale) {
	all_steps((pass){in, out, direct, coarse, fine, columns, log, 0, count, columns_log, inverse, scale}, 1);
}

KERNEL fft_next(GLOBAL c32 *out, GLOBAL const c32 *direct, GLOBAL const c64 *coarse, GLOBAL const c64 *fine,
	u64 columns, u32 log, u32 stage, u32 count, u32 columns_log, u32 inverse, f32 scale) {
	if (!stage) __builtin_unreachable();
	all_steps((pass){0, out, direct, coarse, fine, columns, log, stage, count, columns_log, inverse, scale}, 0);
}

// chirp_at is e^(-πik²/n), or its conjugate: coarse and fine are op.Roots(2n).
INLINE c32 chirp_at(GLOBAL const c64 *coarse, GLOBAL const c64 *fine, u64 k, u64 n, u32 inverse) {
	return conj_if(inverse, root_of(coarse, fine, (u32)(k * k % (2 * n))));
}

// chirp_filter gives what the convolution is with: the chirp's conjugate, on both sides of zero.
KERNEL chirp_filter(GLOBAL c32 *out, GLOBAL const c64 *coarse, GLOBAL const c64 *fine, u64 n, u32 log, u32 inverse) {
	u64 m = 1ull << log;
	for (u64 i = gid(); i < m; i += gstride()) {
		u64 k = i < n ? i : m - i;
		out[i] = k < n ? conj_if(1, chirp_at(coarse, fine, k, n, inverse)) : (c32)0;
	}
}

// chirp_in gives rows of 1 << log: those of n times the chirp, and zeros.
KERNEL chirp_in(GLOBAL const c32 *in, GLOBAL c32 *out, GLOBAL const c64 *coarse, GLOBAL const c64 *fine, u64 rows, u64 n, u32 log, u32 inverse) {
	for (u64 i = gid(); i < rows << log; i += gstride()) {
		u64 j = i & ((1ull << log) - 1);
		out[i] = j < n ? times(in[(i >> log) * n + j], chirp_at(coarse, fine, j, n, inverse)) : (c32)0;
	}
}

KERNEL chirp_times(GLOBAL c32 *x, GLOBAL const c32 *spectrum, u64 rows, u32 log) {
	for (u64 i = gid(); i < rows << log; i += gstride()) x[i] = times(x[i], spectrum[i & ((1ull << log) - 1)]);
}

// chirp_out takes the first n of each row, times the chirp, and divides by divide.
KERNEL chirp_out(GLOBAL const c32 *in, GLOBAL c32 *out, GLOBAL const c64 *coarse, GLOBAL const c64 *fine, u64 rows, u64 n, u32 log, u32 inverse, f32 divide) {
	for (u64 i = gid(); i < rows * n; i += gstride()) {
		u64 j = i % n;
		c32 v = times(in[i / n << log | j], chirp_at(coarse, fine, j, n, inverse));
		v = (c32){v.x / divide, v.y / divide};
		out[i] = canon2(v);
	}
}

// chirp_rows does all of this for rows that a block can hold: 1 << columns_log rows of n in 1 << log numbers each, log <= DIRECT. chirp
// are the chirp's numbers, rounded; scale is 1 / (1 << log).
KERNEL chirp_rows(GLOBAL const c32 *in, GLOBAL c32 *out, GLOBAL const c32 *direct, GLOBAL const c32 *chirp, GLOBAL const c32 *spectrum,
	u64 rows, u32 n, u32 log, u32 columns_log, u32 inverse, f32 scale, f32 divide) {
	pass p = {0, 0, direct, 0, 0, rows, log, 0, log, columns_log, 0, 1};
	u32 m = 1u << log;
	u64 first = (u64)block() << columns_log;
	for (u32 i = tid(); i < m << columns_log; i += ntid()) {
		u32 c = i >> log, e = i & (m - 1);
		c32 v = 0;
		if (e < n && first + c < rows) v = times(in[(first + c) * n + e], conj_if(inverse, chirp[e]));
		held[slot(reverse(e, log) << columns_log | c)] = v;
	}
	sync();
	for (; p.inverse < 2; p.inverse++) { // there, and back
		u32 s = 0;
		for (; s + 3 <= log; s += 3) steps_3(p, s, 0, 0, 1);
		if (s + 2 == log) steps_2(p, s, 0, 0, 1);
		if (s + 1 == log) steps_1(p, s, 0, 0, 1);
		if (p.inverse) break;
		for (u32 i = tid(); i < m << columns_log; i += ntid()) { // times the spectrum, and into reversed order
			u32 c = i & ((1u << columns_log) - 1), a = i >> columns_log, b = reverse(a, log);
			if (a > b) continue;
			SHARED c32 *x = &held[slot(a << columns_log | c)], *y = &held[slot(b << columns_log | c)];
			c32 u = times(*x, spectrum[a]), v = times(*y, spectrum[b]);
			*y = u;
			*x = v;
		}
		sync();
	}
	for (u32 i = tid(); i < n << columns_log; i += ntid()) {
		u32 c = i / n, e = i % n;
		if (first + c >= rows) continue;
		c32 v = times(held[slot(e << columns_log | c)] * scale, conj_if(inverse, chirp[e]));
		out[(first + c) * n + e] = canon2((c32){v.x / divide, v.y / divide});
	}
}

// divided divides n numbers, which a library has transformed, two at a time.
KERNEL divided(GLOBAL c32 *x, u64 n, f32 by) {
	GLOBAL f32x4 *pairs = (GLOBAL f32x4 *)x;
	for (u64 i = gid(); i < n / 2; i += gstride()) {
		f32x4 v = pairs[i] / by;
		pairs[i] = (f32x4){canon(v.x), canon(v.y), canon(v.z), canon(v.w)};
	}
	if ((n & 1) && gid() == 0) x[n - 1] = canon2(x[n - 1] / by);
}
