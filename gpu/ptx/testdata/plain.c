// Kernels of the tests: what clang makes of plain C. Go says in plain_test.go what each must give.
#define KERNEL __attribute__((nvptx_kernel)) void
#define GLOBAL __attribute__((address_space(1)))
#define SHARED __attribute__((address_space(3)))
#define CONST __attribute__((address_space(4)))

typedef unsigned char u8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f4 __attribute__((ext_vector_type(4)));
typedef float f2 __attribute__((ext_vector_type(2)));

static u32 tid(void) { return __nvvm_read_ptx_sreg_tid_x(); }
static u32 block(void) { return __nvvm_read_ptx_sreg_ctaid_x(); }
static u32 ntid(void) { return __nvvm_read_ptx_sreg_ntid_x(); }
static u32 blocks(void) { return __nvvm_read_ptx_sreg_nctaid_x(); }

KERNEL saxpy(float a, GLOBAL const float *x, GLOBAL float *y, u64 n) {
	for (u64 i = (u64)block() * ntid() + tid(); i < n; i += (u64)ntid() * blocks()) y[i] = a * x[i] + y[i];
}

// The sum of a row, one block: shuffles within a warp, shared memory between them.
static SHARED float partial[32];
KERNEL sum(GLOBAL const float *x, GLOBAL float *y, u32 n) {
	float s = 0;
	for (u32 i = tid(); i < n; i += ntid()) s += x[i];
	for (int d = 16; d; d >>= 1) s += __nvvm_shfl_sync_down_f32(-1, s, d, 31);
	if ((tid() & 31) == 0) partial[tid() / 32] = s;
	__syncthreads();
	if (tid() >= 32) return;
	s = tid() < ntid() / 32 ? partial[tid()] : 0;
	for (int d = 16; d; d >>= 1) s += __nvvm_shfl_sync_bfly_f32(-1, s, d, 31);
	if (tid() == 0) __nvvm_atom_add_gen_f((float *)y, s);
}

KERNEL integers(GLOBAL const int *v, GLOBAL const i64 *q, GLOBAL i64 *out, int n) {
	u32 t = tid(), w = (u32)v[t];
	i64 l = q[t];
	u64 p = (u64)l;
	int s = v[t];
	out += t * 24;
	out[0] = s / n;
	out[1] = s % 7;
	out[2] = w / (u32)n;
	out[3] = __builtin_popcount(w) + __builtin_clz(w | 1) * 100 + __builtin_ctz(w | 1u << 31) * 10000;
	out[4] = __builtin_bitreverse32(w);
	out[5] = l / n;
	out[6] = l % 13;
	out[7] = l >> 3;
	out[8] = (i64)(p / (u64)n);
	out[9] = (i64)(p % 10);
	out[10] = __builtin_popcountll(p) + __builtin_clzll(p | 1) * 100;
	out[11] = (i64)__builtin_bitreverse64(p);
	out[12] = (i64)__builtin_bswap64(p);
	out[13] = (i64)__builtin_rotateleft32(w, n);
	out[14] = (i64)__builtin_rotateleft64(p, n);
	out[15] = (i64)(((__int128)l * (i64)(p * 0x9e3779b97f4a7c15)) >> 64);
	out[16] = l < 0 ? -l : l;
	out[17] = s > n ? s : n;
	out[18] = (u8)s * 3 + (i16)(s >> 4) + (u16)(s >> 9);
	out[19] = ((w >> 4) & 0xff) * (u16)s;
	out[20] = (i64)s * s;
	out[21] = (i64)((u64)w * w);
	out[22] = s << (n & 31) ^ (int)(w >> (n & 15));
	out[23] = (signed char)s;
}

KERNEL floats(GLOBAL const float *x, GLOBAL const float *y, GLOBAL float *out) {
	u32 t = tid();
	float f = x[t], g = y[t];
	out += t * 16;
	out[0] = f / g;
	out[1] = __nvvm_sqrt_rn_f(f);
	out[2] = __builtin_floorf(f);
	out[3] = __builtin_ceilf(f);
	out[4] = __builtin_truncf(f);
	out[5] = __builtin_rintf(f);
	out[6] = __builtin_fabsf(f);
	out[7] = __builtin_fminf(f, g);
	out[8] = __builtin_fmaxf(f, g);
	out[9] = __builtin_copysignf(f, g);
	out[10] = __builtin_fmaf(f, g, f);
	out[11] = (float)(_Float16)f;
	out[12] = f < g ? 1 : f >= g ? 2 : 3;
	out[13] = -f;
	out[14] = (float)((_Float16)f * (_Float16)g);
	out[15] = f - g;
}

KERNEL doubles(GLOBAL const double *x, GLOBAL const double *y, GLOBAL double *out) {
	u32 t = tid();
	double f = x[t], g = y[t];
	out += t * 12;
	out[0] = f / g;
	out[1] = __builtin_sqrt(f);
	out[2] = __builtin_floor(f);
	out[3] = __builtin_rint(f);
	out[4] = __builtin_fma(f, g, g);
	out[5] = (double)(float)f;
	out[6] = (double)(i64)f;
	out[7] = (double)(u32)f;
	out[8] = (double)(float)(i64)f;
	out[9] = (double)(_Float16)f;
	out[10] = (double)(int)f;
	out[11] = __builtin_fmin(f, g);
}

KERNEL atomics(GLOBAL int *x, GLOBAL u64 *y, GLOBAL u32 *u) {
	static SHARED int s[4];
	if (tid() < 4) s[tid()] = 0;
	__syncthreads();
	__atomic_fetch_add(x, 1, __ATOMIC_RELAXED);
	__atomic_fetch_min(x + 1, -(int)tid(), __ATOMIC_RELAXED);
	__atomic_fetch_min(y, (u64)tid(), __ATOMIC_RELAXED);
	__atomic_fetch_add(y + 1, 1ull << 40, __ATOMIC_RELAXED);
	__atomic_exchange_n(x + 2, 5, __ATOMIC_RELAXED);
	int expected = 0;
	__atomic_compare_exchange_n(x + 3, &expected, 9, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	__atomic_fetch_or(x + 4, 1 << (tid() & 31), __ATOMIC_RELAXED);
	__atomic_fetch_add(s + tid() % 4, 1, __ATOMIC_RELAXED);
	__atomic_fetch_max(u, tid(), __ATOMIC_RELAXED);
	__nvvm_membar_gl();
	__syncthreads();
	if (tid() < 4) x[5 + tid()] = s[tid()];
	u[1 + tid()] = (u32)__nvvm_vote_ballot_sync(-1, tid() & 1);
	__nvvm_bar_warp_sync(-1);
}

__attribute__((noinline)) static float power(float x, int n) {
	float a = 1;
	while (n-- > 0) a = a * x + 1;
	return a;
}

// Local memory, and calls of a function that is not put in its place.
KERNEL local(GLOBAL float *x, GLOBAL const int *index, int n) {
	float t[16];
	for (int i = 0; i < n; i++) t[i & 15] = x[i];
	__syncthreads();
	x[tid()] = t[index[tid()] & 15] + power(x[tid()], (int)tid() % 5);
}

KERNEL cases(GLOBAL int *x, int k) {
	int v = x[tid()];
	switch (v) {
	case 0: v = (int)power(3, v + k); break;
	case 1: v *= k; break;
	case 2: v += k; break;
	case 3: v ^= k; break;
	case 4: v = k - v; break;
	case 5: v = k / 3; break;
	case 6: v = k << 3; break;
	case 7: v = -k; break;
	}
	x[tid()] = v;
}

KERNEL vectors(GLOBAL f4 *x, GLOBAL f2 *y, f4 p) {
	x[tid()] = x[tid()] * 2 + p;
	y[tid()] += 1;
}

typedef struct {
	int a[20];
	GLOBAL float *p;
	u8 c;
	u16 d;
} mixed;
KERNEL by_value(mixed s, GLOBAL int *o) { o[tid()] = s.a[tid() % 20] + s.c + s.d + (int)s.p[tid()]; }

static const CONST int table[5] = {1, 2, 3, 5, 8};
static const float fractions[3] = {1.5, 2, 3};
GLOBAL int counter;
KERNEL constants(GLOBAL int *o, int n) {
	o[tid()] = (int)(table[tid() % 5] + fractions[tid() % 3]);
	if (tid() == 0) counter += n;
}

// Wrong on purpose.
KERNEL beyond(GLOBAL int *x, int n) { x[tid() + n] = 1; }
KERNEL crooked(GLOBAL u8 *x) { *(GLOBAL int *)(x + tid()) = 1; }
KERNEL lonely(GLOBAL int *x) {
	if (tid() < 40) __syncthreads();
	else if (x[0]) x[1] = 1;
}
KERNEL endless(GLOBAL int *x) {
	while (__atomic_load_n(x, __ATOMIC_RELAXED) == 0) {}
}
KERNEL gives_up(GLOBAL int *x) {
	if (x[tid()]) __builtin_trap();
}
static SHARED int slots[64];
KERNEL hasty(GLOBAL int *x) { // no barrier between writing and reading
	slots[tid()] = x[tid()];
	x[tid()] = slots[63 - tid()];
}

// Races in global memory: with the neighbour in the block, and with that of the next block.
#define SHIFT(name, barrier)                                                              \
	KERNEL name(GLOBAL int *x, int by) {                                                  \
		u32 i = block() * ntid() + tid();                                                 \
		int v = x[(i + (u32)by) % (ntid() * blocks())];                                   \
		barrier;                                                                          \
		x[i] = v + 1;                                                                     \
	}
SHIFT(shifts, )
SHIFT(shifts_with_barrier, __syncthreads())
