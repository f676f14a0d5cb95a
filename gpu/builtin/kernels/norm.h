// Softmax and LayerNorm: gpu/cpu/softmax.go says what they are. Sums go in the order of sum.h. A row that fits is loaded once and kept in
// registers by R threads: each takes V elements that lie side by side, E times, so that it has whole lanes of the order, 256 / R of them.
// Longer rows: norm_long.h. For includers of device.h, math.h and sum.h.
#pragma once

#define INFINITE float_of(0x7f800000)
INLINE f32 most(f32 a, f32 b) { return a != a || a > b ? a : b; } // NaN wins

INLINE f32 narrow_f32(f32 x) { return canon(x); }
INLINE f16 narrow_f16(f32 x) { return f32_to_f16(x); }
INLINE bf16 narrow_bf16(f32 x) { return f32_to_bf16(x); }

// Words hold what a thread loads at once: V elements. spread_T widens them, but leaves the bits of a NaN as they are; gather_T narrows, and
// gather_T_number does what is no NaN.
INLINE void get_words(u32 *w, GLOBAL const void *p, u32 bytes) {
	if (bytes == 16) {
		u32x4 v = *(GLOBAL const u32x4 *)p;
		REPEAT(i, 4) w[i] = v[i];
	} else if (bytes == 8) {
		u32x2 v = *(GLOBAL const u32x2 *)p;
		REPEAT(i, 2) w[i] = v[i];
	} else
		w[0] = bytes == 4 ? *(GLOBAL const u32 *)p : *(GLOBAL const u16 *)p;
}
INLINE void put_words(const u32 *w, GLOBAL void *p, u32 bytes) {
	if (bytes == 16) *(GLOBAL u32x4 *)p = (u32x4){w[0], w[1], w[2], w[3]};
	else if (bytes == 8) *(GLOBAL u32x2 *)p = (u32x2){w[0], w[1]};
	else if (bytes == 4) *(GLOBAL u32 *)p = w[0];
	else *(GLOBAL u16 *)p = (u16)w[0];
}
INLINE f32 raw_f32(const u32 *w, u32 b) { return float_of(w[b]); }
INLINE f32 raw_f16(const u32 *w, u32 b) { return (f32)__builtin_bit_cast(_Float16, (u16)(w[b / 2] >> 16 * (b % 2))); }
INLINE f32 raw_bf16(const u32 *w, u32 b) { return float_of(b % 2 ? w[b / 2] & 0xffff0000 : w[b / 2] << 16); }
// pair_T is two elements as a word, of numbers that are no NaN.
INLINE u32 pair_f16(f32 low, f32 high) {
	typedef _Float16 two __attribute__((ext_vector_type(2)));
	return __builtin_bit_cast(u32, (two){(_Float16)low, (_Float16)high});
}
INLINE u32 pair_bf16(f32 low, f32 high) {
	u32 a = bits_of(low), b = bits_of(high);
	return __nvvm_prmt(a + 0x7fff + (a >> 16 & 1), b + 0x7fff + (b >> 16 & 1), 0x7632);
}

// set_T_numbers narrows what is no NaN, set_T all.
INLINE void set_f32_numbers(u32 *w, const f32 *x, u32 V) { REPEAT(b, V) w[b] = bits_of(x[b]); }
#define SET_NUMBERS(T) \
	INLINE void set_##T##_numbers(u32 *w, const f32 *x, u32 V) { \
		if (V == 1) w[0] = pair_##T(x[0], 0); \
		REPEAT(i, V / 2) w[i] = pair_##T(x[2 * i], x[2 * i + 1]); \
	}
SET_NUMBERS(f16) SET_NUMBERS(bf16)
#define SET(T, PER) \
	INLINE void set_##T(u32 *w, const f32 *x, u32 V) { \
		u32 bad = 0; \
		REPEAT(b, V) bad |= x[b] != x[b]; \
		set_##T##_numbers(w, x, V); \
		if (__builtin_expect(bad, 0)) \
			REPEAT(b, V) if (x[b] != x[b]) w[b / PER] = PER == 1 ? nan_##T : b % PER ? (w[b / PER] & 0xffff) | (nan_##T & 0xffff0000) : (w[b / PER] & 0xffff0000) | (nan_##T & 0xffff); \
	}
#define none_f32 0xff800000 // -infinity, as many as a word has
#define none_f16 0xfc00fc00
#define none_bf16 0xff80ff80
#define nan_f32 0x7fc00000
#define nan_f16 0x7e007e00
#define nan_bf16 0x7fc07fc0
SET(f32, 1) SET(f16, 2) SET(bf16, 2)

// lanes_sum adds up the lanes of R threads of a warp that have V each, which are next to each other. Two threads that have to add the same
// lanes of two threads each give each other half of them: the sums are the same. All have the result.
INLINE f32 lanes_sum(f32 *v, u32 R, u32 V) {
	u32 h = R / 2, c = V / 2;
	_Pragma("unroll") for (; c > 0; c /= 2, h /= 2) REPEAT(k, 4) if (k < c) {
		f32 a = v[k], b = v[k + c], give = tid() & h ? a : b, keep = tid() & h ? b : a;
		v[k] = keep + other_f32(give, h);
	}
	_Pragma("unroll") for (; h > 0; h /= 2) v[0] += other_f32(v[0], h);
	h = R / 2, c = V / 2;
	_Pragma("unroll") for (; c > 0; c /= 2, h /= 2) v[0] += other_f32(v[0], h);
	return v[0];
}

// row_sum adds up the lanes of R threads, 256 / R in each; part has place for those of a block. Each warp adds up all for itself, so that
// nobody waits twice. Who calls it again, or row_most, uses other memory the next time, and may use this one's the time after.
INLINE f32 row_sum(f32 *acc, SHARED f32 *part, u32 R, u32 V) {
	if (R <= 32) {
		u32 have = 256 / R;
		_Pragma("unroll") for (u32 s = have / 2; s >= V && s > 0; s /= 2) REPEAT(k, 4) if (k < s) acc[k] += acc[k + s];
		return lanes_sum(acc, R, V);
	}
	REPEAT(b, V) part[R * b + tid()] = acc[b];
	sync();
	f32 v[8];
	REPEAT(k, R / 32) REPEAT(b, V) v[V * k + b] = part[R * b + tid() % 32 + 32 * k];
	_Pragma("unroll") for (u32 s = 4; s >= V; s /= 2) REPEAT(k, 4) if (k < s) v[k] += v[k + s];
	return lanes_sum(v, 32, V);
}

// row_most is the largest m of R threads, or NaN if it is bad in one.
INLINE f32 row_most(f32 m, u32 bad, SHARED f32 *part, u32 R) {
	u32 lanes = R < 32 ? R : 32;
	_Pragma("unroll") for (u32 h = lanes / 2; h > 0; h /= 2) m = __nvvm_fmax_f(m, other_f32(m, h));
	u32 all = __nvvm_vote_ballot_sync(-1, bad);
	if (R < 32) all = all >> (tid() & 32 - R & 31) & (1u << (R & 31)) - 1;
	if (all) m = float_of(nan_f32);
	if (R <= 32) return m;
	if (tid() % 32 == 0) part[tid() / 32] = m;
	sync();
	m = part[0];
	REPEAT(k, R / 32 - 1) m = most(m, part[k + 1]);
	return m;
}

// squares_T adds the squares of a word's elements to those of a sum: as long as both sums are below 1,800, no element was beyond 43 or NaN.
// That is only worth it where two elements are one instruction; elsewhere all may be anything.
#define near_f16(V) ((V) > 1)
#define near_bf16(V) 0
#define near_f32(V) 0
INLINE u32 squares(u32 sums, u32 w) {
	__asm__("fma.rn.f16x2 %0, %1, %1, %0;" : "+r"(sums) : "r"(w));
	return sums;
}
INLINE u32 all_near(u32 sums) {
	f32 low = (f32)__builtin_bit_cast(_Float16, (u16)sums), high = (f32)__builtin_bit_cast(_Float16, (u16)(sums >> 16));
	return __nvvm_vote_ballot_sync(-1, low < 1800 && high < 1800) == ~0u;
}

// Kernels are NAME_R_V_E_T. The thread's j-th V elements are R * V * j elements behind its first ones, and are there if left is more than that.
// AFRESH keeps the compiler from computing before the loop what all rows have in common: it would take the registers that hold the row.
#define AFRESH(x) __asm__ volatile("" : "+l"(x))
#define SOFTMAX_ARGS(T) GLOBAL T *__restrict out, GLOBAL const T *__restrict in, u64 rows, u32 n
#define NORM_ARGS(T) SOFTMAX_ARGS(T), GLOBAL const f32 *__restrict gamma, GLOBAL const f32 *__restrict beta, f32 eps
#define HAS(j) ((i32)(R * V * (j)) < left)
#define IN_ROWS(NAME, ARGS, BODY, T, A, B, C) \
	KERNEL NAME##_##A##_##B##_##C##_##T(ARGS(T)) { \
		enum { R = A, V = B, E = C, BYTES = V * sizeof(T), WORDS = (BYTES + 3) / 4, HAVE = 256 / R, GROUP = V > 4 ? V : 4 }; \
		static SHARED f32 part[2][R > 32 ? 256 : 1]; \
		u32 first = tid() % R * V; \
		for (u64 row = gid() / R; row - tid() % 32 / R < rows; row += gstride() / R) { \
			i32 left = row < rows ? (i32)n - (i32)first : 0; \
			GLOBAL const T *src = in + row * n + first; \
			GLOBAL T *dst = out + row * n + first; \
			__asm__ volatile("" : "+r"(left)); \
			AFRESH(src); \
			AFRESH(dst); \
			u32 w[E][WORDS]; \
			f32 x[E * V]; \
			BODY(T) \
		} \
	}
#define LOAD(T, NONE) \
	if (V > 1 && n == R * V * E && (R >= 32 || row < rows)) REPEAT(j, E) get_words(w[j], src + R * V * j, BYTES); \
	else REPEAT(j, E) { \
		REPEAT(i, WORDS) w[j][i] = NONE; \
		if (HAS(j)) get_words(w[j], src + R * V * j, BYTES); \
	} \
	REPEAT(j, E) REPEAT(b, V) x[j * V + b] = raw_##T(w[j], b);
#define SUM(TO, USE, VALUE) { \
		f32 acc[HAVE]; \
		REPEAT(k, HAVE) acc[k] = 0; \
		REPEAT(k, E * V) acc[k % HAVE] += VALUE; \
		TO = row_sum(acc, part[USE], R, V); \
	}

#define EXPS(EXP) \
	_Pragma("unroll") for (u32 k = 0; k < E * V; k += GROUP) { \
		if (R * k < all) REPEAT(b, GROUP) x[k + b] = EXP(x[k + b] - m); \
		else REPEAT(b, GROUP) x[k + b] = 0; /* nobody has any of these */ \
	}
#define SOFTMAX(T) \
	f32 m = -INFINITE, inv; \
	u32 bad = 0, near = 0, all = n; \
	__asm__ volatile("" : "+r"(all)); \
	LOAD(T, none_##T) \
	REPEAT(k, E * V) m = __nvvm_fmax_f(m, x[k]); \
	if (near_##T(V)) { \
		u32 sums = 0; \
		REPEAT(j, E) if (HAS(j)) REPEAT(i, WORDS) sums = squares(sums, w[j][i]); \
		near = all_near(sums) && all % (R * GROUP) == 0; /* of each group all have all, or nothing */ \
	} \
	if (!near) REPEAT(k, E * V) bad |= x[k] != x[k]; \
	m = row_most(m, bad, part[0], R); \
	if (near && m > -43 && m < 43) EXPS(exp_near) \
	else EXPS(exp_below) \
	SUM(inv, 1, x[k]) \
	inv = 1.0f / inv; \
	if (m - m == 0) \
		REPEAT(j, E) { \
			REPEAT(b, V) x[j * V + b] *= inv; \
			set_##T##_numbers(w[j], x + j * V, V); \
			if (HAS(j)) put_words(w[j], dst + R * V * j, BYTES); \
		} \
	else { \
		REPEAT(i, WORDS) w[0][i] = nan_##T; \
		REPEAT(j, E) if (HAS(j)) put_words(w[0], dst + R * V * j, BYTES); \
	}

#define NORM(T) \
	f32 s, inv; \
	GLOBAL const f32 *by_all = gamma + first, *plus_all = beta + first; \
	if (E * V > 8) { \
		AFRESH(by_all); \
		AFRESH(plus_all); \
	} \
	LOAD(T, 0) \
	SUM(s, 0, x[k]) \
	s /= (f32)n; \
	REPEAT(j, E) REPEAT(b, V) x[j * V + b] = HAS(j) ? x[j * V + b] - s : 0; \
	SUM(inv, 1, x[k] * x[k]) \
	inv = 1.0f / sqrt_rn(inv / (f32)n + eps); \
	REPEAT(j, E) { \
		u32 by[V], plus[V]; \
		REPEAT(b, V) by[b] = plus[b] = 0; \
		if (E * V > 8 ? HAS(j) : R * V * j + first < n) \
			_Pragma("unroll") for (u32 b = 0; b < V; b += 4) { \
				get_words(by + b, by_all + R * V * j + b, V < 4 ? 4 * V : 16); \
				get_words(plus + b, plus_all + R * V * j + b, V < 4 ? 4 * V : 16); \
			} \
		REPEAT(b, V) x[j * V + b] = x[j * V + b] * inv * float_of(by[b]) + float_of(plus[b]); \
		set_##T(w[j], x + j * V, V); \
		if (HAS(j)) put_words(w[j], dst + R * V * j, BYTES); \
	}

#define BOTH(T, R, V, E) IN_ROWS(softmax, SOFTMAX_ARGS, SOFTMAX, T, R, V, E) IN_ROWS(layernorm, NORM_ARGS, NORM, T, R, V, E)
