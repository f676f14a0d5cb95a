// Kernels of every sort, for the tests. build.sh makes corpus.wasm of it.
typedef unsigned u32;
typedef long long i64;
typedef unsigned long long u64;

#define K(name) __attribute__((export_name(#name)))
#define SLOT(name) __attribute__((import_module("levee_kernel_v1"), import_name(#name))) extern
SLOT(gid) i64 gid(void);
SLOT(f32_0) float f32_0(i64);
SLOT(f32_1) float f32_1(i64);
SLOT(i32_0) int i32_0(i64);
SLOT(i32_2) int i32_2(i64);
SLOT(i64_0) i64 i64_0(i64);
SLOT(f64_1) double f64_1(i64);

K(axpb) float axpb(float x, float a, float b) { return a * x + b; }
K(relu6) float relu6(float x) { return x > 0 ? (x < 6 ? x : 6) : 0; }
K(sqrtinv) float sqrtinv(float x) { return 1 / __builtin_sqrtf(x); }
K(minmax) float minmax(float a, float b) {
	return __builtin_fabsf(a) < 2 ? __builtin_wasm_min_f32(a, b) : __builtin_wasm_max_f32(a, b);
}
K(ramp) float ramp(float x) { return x + (float)gid() * 0.5f; }
K(rounding) float rounding(float x) {
	return __builtin_floorf(x) + 3 * __builtin_ceilf(x) - 5 * __builtin_truncf(x) + 7 * __builtin_nearbyintf(x);
}
K(sign_of) float sign_of(float a, float b) { return __builtin_copysignf(a, b); }
K(signs) float signs(float a, float b) { return __builtin_copysignf(a, b) - -__builtin_fabsf(b); }

// exp by steps of log 2 and a polynomial.
static inline float expo(float x) {
	x = x > 88 ? 88 : x < -87 ? -87 : x;
	float n = __builtin_nearbyintf(x * 1.44269504f);
	float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
	float p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1;
	return p * __builtin_bit_cast(float, ((int)n + 127) << 23);
}
K(silu) float silu(float x) { return x / (1 + expo(-x)); }
K(mandel) int mandel(float cx, float cy) {
	float x = 0, y = 0;
	int n = 0;
	for (; n < 256 && x * x + y * y < 4; n++) {
		float t = x * x - y * y + cx;
		y = 2 * x * y + cy;
		x = t;
	}
	return n;
}
K(collatz) int collatz(int x) {
	u32 v = (u32)x % 1000 + 1, n = 0;
	for (; v != 1; n++) v = v & 1 ? 3 * v + 1 : v / 2;
	return (int)n;
}
K(quotients) int quotients(int a, int b) { return b == 0 || (a == (-2147483647 - 1) && b == -1) ? 7 : a / b + a % b; }
K(divide) int divide(int a, int b) { return a / b; }
K(divide64) i64 divide64(i64 a, i64 b) { return a / b + (i64)((u64)a % (u64)b); }
K(remainders) i64 remainders(i64 a, int b) { return b == 0 ? a : a % b; }
K(hash) int hash(int x) {
	u32 h = (u32)x;
	h ^= h >> 16;
	h *= 0x7feb352du;
	h = __builtin_rotateleft32(h ^ h >> 15, 7);
	return (int)(h * 0x846ca68bu) + __builtin_popcount(h) + (h ? __builtin_clz(h) - __builtin_ctz(h) : 1);
}
K(hash64) i64 hash64(i64 x) {
	u64 h = (u64)x * 0x9e3779b97f4a7c15u;
	h = __builtin_rotateright64(h ^ h >> 29, x & 63);
	return (i64)(h << (x & 31)) ^ (i64)h >> (x & 7) ^ (h ? __builtin_clzll(h) * 64 + __builtin_ctzll(h) : 5) ^ __builtin_popcountll(h);
}
K(choose) int choose(int x) {
	switch ((u32)x % 11) {
	case 0: return x * 3;
	case 1: return x ^ 0x55;
	case 2: return x + 7;
	case 3: return -x;
	case 5: return x >> 3;
	case 6: return x << 5;
	case 8: return ~x;
	default: return 1;
	}
}
K(stencil) float stencil(void) {
	i64 i = gid();
	return 0.25f * (f32_0(i - 1) + f32_0(i + 1)) + 0.5f * f32_0(i) - f32_1(i - 100) + f32_1(i + 100);
}
K(gather) float gather(int index, float otherwise) { return index < 0 ? otherwise : f32_0(index) + (float)i32_2((i64)index * index); }
K(wild) i64 wild(i64 index) { return i64_0(index) ^ (i64)f64_1(index * 3) ^ i64_0((i64)0x8000000000000000u + index); }
K(matmul) float matmul(void) {
	i64 i = gid() / 16, j = gid() % 16;
	float sum = 0;
	for (int k = 0; k < 16; k++) sum += f32_0(i * 16 + k) * f32_1(k * 16 + j);
	return sum;
}
K(forever) int forever(int x) {
	for (u32 h = (u32)x;; h = h * 5 + 1)
		if (h == 77 && x == 3) return 1;
}
K(half) int half(int x) {
	if (x == 41) __builtin_trap();
	return x / 2;
}
K(poly64) double poly64(double x, double y) {
	double p = ((x * 0.25 - y) * x + 1.5) / (y * y + 1e-300);
	return __builtin_sqrt(__builtin_fabs(p)) + __builtin_wasm_min_f64(x, y) - __builtin_wasm_max_f64(x, p) + __builtin_floor(x) - __builtin_nearbyint(y);
}
K(mixed) double mixed(int a, i64 b, float c, double d) { return a + (double)b * c - d; }
K(narrow) float narrow(double x) { return (float)x + (float)(i64)(x > -9e18 && x < 9e18 ? x : 0); }
K(widen) double widen(float x) { return (double)x * 3; }
K(bits) int bits(float x) { return __builtin_bit_cast(int, x); }
K(bits64) i64 bits64(double x) { return __builtin_bit_cast(i64, x); }
K(unbits) float unbits(int x) { return __builtin_bit_cast(float, x); }
K(bytesum) int bytesum(int x) { return (signed char)x + (short)(x >> 3) + (x >> 1); }
K(sat) i64 sat(float f, double d) {
	return (i64)(int)f + (i64)(u32)d * 3 + (i64)f * 5 + (i64)(u64)d * 7 + (int)d * 11 + (u32)f * 13 + (i64)d * 17 + (i64)(u64)f * 19;
}
K(floats) double floats(int i, i64 l) {
	return (float)i + (double)(float)(u32)i * 3 + (float)l + (double)(float)(u64)l / 7 + (double)i - (double)(u32)i * 5 + (double)l - (double)(u64)l;
}

typedef struct { float sum, difference; int less; double product; } four;
K(several) four several(float a, float b) { return (four){a + b, a - b, a < b, (double)a * b}; }

typedef struct { float a, b, c, d; } floats4;
typedef struct { double a, b, c, d; } doubles4;
typedef struct { int a, b; u32 c, d; } ints4;
typedef struct { i64 a, b; u64 c, d; } longs4;
K(rounds) floats4 rounds(float x) { return (floats4){__builtin_floorf(x), __builtin_ceilf(x), __builtin_truncf(x), __builtin_nearbyintf(x)}; }
K(rounds64) doubles4 rounds64(double x) { return (doubles4){__builtin_floor(x), __builtin_ceil(x), __builtin_trunc(x), __builtin_nearbyint(x)}; }
K(extremes) floats4 extremes(float a, float b) {
	return (floats4){__builtin_wasm_min_f32(a, b), __builtin_wasm_max_f32(a, b), __builtin_sqrtf(a), a / b};
}
K(extremes64) doubles4 extremes64(double a, double b) {
	return (doubles4){__builtin_wasm_min_f64(a, b), __builtin_wasm_max_f64(a, b), __builtin_sqrt(a), a / b};
}
K(to_ints) ints4 to_ints(float x, double y) { return (ints4){(int)x, (int)y, (u32)x, (u32)y}; }
K(to_longs) longs4 to_longs(float x, double y) { return (longs4){(i64)x, (i64)y, (u64)x, (u64)y}; }
K(to_floats) floats4 to_floats(int i, i64 l) { return (floats4){(float)i, (float)l, (float)(u32)i, (float)(u64)l}; }
K(to_doubles) doubles4 to_doubles(int i, i64 l) { return (doubles4){(double)i, (double)l, (double)(u32)i, (double)(u64)l}; }
K(to_int) int to_int(float x, double y) {
	return __builtin_wasm_trunc_s_i32_f32(x) ^ __builtin_wasm_trunc_u_i32_f32(x) ^ __builtin_wasm_trunc_s_i32_f64(y) ^ __builtin_wasm_trunc_u_i32_f64(y);
}
K(to_long) i64 to_long(float x, double y) {
	return __builtin_wasm_trunc_s_i64_f32(x) ^ __builtin_wasm_trunc_u_i64_f32(x) ^ __builtin_wasm_trunc_s_i64_f64(y) ^ __builtin_wasm_trunc_u_i64_f64(y);
}

static int counter;
static int table[64] = {1, 2, 3};
K(counts) int counts(int x) { return counter += x; } // memory: no kernel
K(looks) int looks(int x) { return table[x & 63]; }    // memory: no kernel
__attribute__((noinline)) int other(int x) { return counter * x; }
K(calls) int calls(int x) { return other(x); }           // a call: no kernel
K(gives_nothing) void gives_nothing(int x) { counter = x; } // no result: no kernel
