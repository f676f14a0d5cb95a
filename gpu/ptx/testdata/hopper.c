// What compute capability 9.0 adds: the copy engine, barriers that count bytes, products of four warps, clusters.
// target: sm_90a ptx80
// cluster: pair 2
#define KERNEL __attribute__((nvptx_kernel)) void
#define GLOBAL __attribute__((address_space(1)))
#define SHARED __attribute__((address_space(3)))

typedef unsigned u32;
typedef unsigned long long u64;
typedef struct { u64 words[16]; } __attribute__((aligned(64))) map;

extern SHARED __attribute__((aligned(1024))) unsigned char room[];
static u32 tid(void) { return __nvvm_read_ptx_sreg_tid_x(); }

#define ASM(...) __asm__ volatile(__VA_ARGS__ : "memory")
#define INIT(bar, n) ASM("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(n))
#define EXPECT(bar, n) ASM("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(n))
#define BRING(to, map, bar, x, y) \
	ASM("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(to), "l"(map), "r"(bar), "r"(x), "r"(y))
#define WAIT(bar, parity)                                                                                                               \
	for (u32 done = 0; !done;)                                                                                                          \
	ASM("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}" : "=r"(done) : "r"(bar), "r"(parity))
#define ADDRESS(of, kernel, n) __asm__("{.reg .b64 r; mov.b64 r, " #kernel "_param_" #n "; cvta.param.u64 %0, r;}" : "=l"(of))

// A of 64 by 64 and B of 8 by 64, both along k in lines of 128 bytes that are swizzled: C = A B.
#define PRODUCT(name, announced, wait, end)                                                                                             \
	KERNEL name(map a, map b, GLOBAL float *c) {                                                                                        \
		u32 base = (u32)(u64)(SHARED void *)room, bar = base + 9216;                                                                    \
		u64 at_a, at_b;                                                                                                                 \
		ADDRESS(at_a, name, 0);                                                                                                         \
		ADDRESS(at_b, name, 1);                                                                                                         \
		if (tid() == 0) INIT(bar, 1);                                                                                                   \
		__syncthreads();                                                                                                                \
		if (tid() == 0) {                                                                                                               \
			EXPECT(bar, announced);                                                                                                     \
			BRING(base, at_a, bar, 0, 0);                                                                                               \
			BRING(base + 8192, at_b, bar, 0, 0);                                                                                        \
		}                                                                                                                               \
		wait;                                                                                                                           \
		float d[4] = {0, 0, 0, 0};                                                                                                      \
		ASM("wgmma.fence.sync.aligned;" ::);                                                                                             \
		for (u32 k = 0; k < 4; k++) {                                                                                                   \
			u64 x = (u64)(base + k * 32) >> 4 | 1ull << 16 | 64ull << 32 | 1ull << 62, y = x + 512;                                     \
			ASM("{.reg .pred p; setp.ne.u32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%0,%1,%2,%3}, %4, %5, p, 1, 1, 0, 0;}" \
			    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "l"(x), "l"(y));                                                     \
		}                                                                                                                               \
		ASM("wgmma.commit_group.sync.aligned;" ::);                                                                                      \
		ASM("wgmma.wait_group.sync.aligned " end ";" : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) :);                               \
		GLOBAL float *out = c + (tid() / 32 * 16 + tid() % 32 / 4) * 8 + tid() % 4 * 2;                                                 \
		out[0] = d[0], out[1] = d[1], out[64] = d[2], out[65] = d[3];                                                                   \
	}
PRODUCT(product, 9216, WAIT(bar, 0), "0")
PRODUCT(product_too_early, 9216, , "0")
PRODUCT(product_never_comes, 9217, WAIT(bar, 0), "0")
PRODUCT(product_not_awaited, 9216, WAIT(bar, 0), "1")

// Two blocks: each waits until the other one has told it to go on.
KERNEL pair(GLOBAL u32 *y, u32 tells) {
	u32 bar = (u32)(u64)(SHARED void *)room, rank, other;
	ASM("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank) :);
	if (tid() == 0) INIT(bar, 1);
	ASM("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::);
	ASM("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(other) : "r"(bar), "r"(rank ^ 1));
	if (tid() == 0 && rank != tells) ASM("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(other));
	WAIT(bar, 0);
	y[rank * 32 + tid()] = rank + 1;
}
