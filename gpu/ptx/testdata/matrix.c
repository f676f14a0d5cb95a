// A 16 by 8 product on tensor cores by one warp, and a staged copy through shared memory by several; right, and wrong in ways that happen.
#define KERNEL __attribute__((nvptx_kernel)) void
#define GLOBAL __attribute__((address_space(1)))
#define SHARED __attribute__((address_space(3)))

typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;

extern SHARED __attribute__((aligned(128))) unsigned char room[];

static u32 tid(void) { return __nvvm_read_ptx_sreg_tid_x(); }
static inline u32 at(SHARED void *p) { return (u32)(u64)p; }
static inline void begin_copy(SHARED void *to, GLOBAL const void *from, u32 n) {
	__asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at(to)), "l"(from), "r"(n) : "memory");
}
static inline void commit(void) { __asm__ volatile("cp.async.commit_group;" ::: "memory"); }

// A is 16 by k, B k by 8, both row by row, of f16 or bf16.
#define PRODUCT(name, type)                                                                                                            \
	KERNEL name(GLOBAL const u16 *A, GLOBAL const u16 *B, GLOBAL float *C, u32 k) {                                                    \
		u32 t = tid();                                                                                                                 \
		float c[4] = {0, 0, 0, 0};                                                                                                     \
		SHARED u16 *a = (SHARED u16 *)room, *b = (SHARED u16 *)(room + 512);                                                           \
		for (u32 k0 = 0; k0 < k; k0 += 16) {                                                                                           \
			begin_copy(a + t / 2 * 16 + t % 2 * 8, A + t / 2 * (u64)k + k0 + t % 2 * 8, 16);                                           \
			if (t < 16) begin_copy(b + t * 8, B + (k0 + t) * 8ull, 16);                                                                \
			commit();                                                                                                                  \
			__asm__ volatile("cp.async.wait_group 0;" ::: "memory");                                                                   \
			__syncthreads();                                                                                                           \
			u32 x[4], y[2];                                                                                                            \
			__asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"                                           \
			                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])                                                          \
			                 : "r"(at(a + t % 16 * 16 + t / 16 * 8))                                                                   \
			                 : "memory");                                                                                              \
			__asm__ volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"                                           \
			                 : "=r"(y[0]), "=r"(y[1])                                                                                  \
			                 : "r"(at(b + t % 16 * 8))                                                                                 \
			                 : "memory");                                                                                              \
			__asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                                                    \
			                 ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                                              \
			                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                                          \
			                 : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));                                      \
			__syncthreads();                                                                                                           \
		}                                                                                                                              \
		GLOBAL float *out = C + t / 4 * 8 + t % 4 * 2;                                                                                 \
		out[0] = c[0], out[1] = c[1], out[64] = c[2], out[65] = c[3];                                                                  \
	}
PRODUCT(product_f16, "f16")
PRODUCT(product_bf16, "bf16")

// Each thread copies 16 bytes to shared memory, and gives the sum of what its neighbour of the next warp has copied.
#define STAGED(name, wait, barrier)                                                                                                    \
	KERNEL name(GLOBAL const u32 *x, GLOBAL u32 *y, u32 n) {                                                                           \
		SHARED u32 *s = (SHARED u32 *)room;                                                                                            \
		begin_copy(s + tid() * 4, x + tid() * 4, n);                                                                                   \
		commit();                                                                                                                      \
		wait;                                                                                                                          \
		barrier;                                                                                                                       \
		s += (tid() + 32) % __nvvm_read_ptx_sreg_ntid_x() * 4;                                                                         \
		y[tid()] = s[0] + s[1] + s[2] + s[3];                                                                                          \
	}
#define WAIT(n) __asm__ volatile("cp.async.wait_group " #n ";" ::: "memory")
STAGED(staged, WAIT(0), __syncthreads())
STAGED(staged_without_barrier, WAIT(0), )
STAGED(staged_waits_for_too_few, WAIT(1), __syncthreads())

// Neighbours within a warp: they too need a barrier.
#define NEIGHBOURS(name, barrier)                                                                                                      \
	KERNEL name(GLOBAL u32 *y) {                                                                                                       \
		SHARED volatile u32 *s = (SHARED volatile u32 *)room;                                                                          \
		s[tid()] = tid();                                                                                                              \
		barrier;                                                                                                                       \
		y[tid()] = s[tid() ^ 1];                                                                                                       \
	}
NEIGHBOURS(neighbours, __nvvm_bar_warp_sync(-1))
NEIGHBOURS(hasty_neighbours, )

KERNEL never_written(GLOBAL u32 *y) { y[tid()] = ((SHARED u32 *)room)[tid()]; }

KERNEL counts(GLOBAL u32 *y, u32 plain) {
	SHARED u32 *s = (SHARED u32 *)room;
	if (tid() == 0) *s = 0;
	__syncthreads();
	__atomic_fetch_add(s, 1, __ATOMIC_RELAXED);
	if (plain && tid() == 40) *s = 7;
	__syncthreads();
	y[tid()] = *s;
}
