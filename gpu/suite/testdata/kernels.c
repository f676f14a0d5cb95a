// The kernels of the suite's module. build.sh makes kernels.wasm of it.
typedef long long i64;

#define K(name) __attribute__((export_name(#name)))
#define SLOT(name) __attribute__((import_module("levee_kernel_v1"), import_name(#name))) extern
SLOT(gid) i64 gid(void);
SLOT(f32_0) float f32_0(i64);
SLOT(i32_1) int i32_1(i64);

K(axpb) float axpb(float x, float a, float b) { return a * x + b; }
K(stretch) int stretch(int x) { return (int)(2u * x - 100u); }
K(length) double length(double x, double y) { return __builtin_sqrt(x * x + y * y); }
K(stencil) float stencil(void) { return 0.25f * f32_0(gid() - 1) + 0.5f * f32_0(gid()) + 0.25f * f32_0(gid() + 1); }
K(lookup) float lookup(float x) { return x + f32_0(i32_1(gid())); }
K(forever) int forever(int x) {
	while (x != 1 && x != 3) {
		x = (int)(4u * x + 6u);
		__asm__ volatile(""); // or the compiler takes it that this ends
	}
	return x;
}
K(mandel) int mandel(float cx, float cy) {
	float x = 0, y = 0;
	int n = 0;
	for (; n < 64 && x * x + y * y < 4; n++) {
		float t = x * x - y * y + cx;
		y = 2 * x * y + cy;
		x = t;
	}
	return n;
}
struct pair { i64 quotient, rest; };
K(divide) struct pair divide(i64 a, i64 b) { return (struct pair){a / b, a % b}; }
K(bend) float bend(float x) {
	if (x < -1) return 0.25f * x;
	if (x > 3) return 1 / x + x;
	return x * x + 0.5f;
}
