// What every kernel file starts from. Freestanding C for NVPTX: no library, no builtin that needs one.
//
// A file says in a line of its own what it needs, as in "// target: sm_80 ptx70"; without it, sm_70 and PTX 6.3.
// Exact results are the rule: a*b+c is never fused (build.sh turns contraction off), / and sqrt_rn round to nearest even, nothing is
// flushed to zero, and a NaN that arithmetic made is stored as the one canonical NaN (canon, and every store_ of a float).
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;
typedef float f32;
typedef double f64;
typedef u32 u32x4 __attribute__((ext_vector_type(4)));
typedef u32 u32x2 __attribute__((ext_vector_type(2)));
typedef f32 f32x4 __attribute__((ext_vector_type(4)));

#define GLOBAL __attribute__((address_space(1)))
#define SHARED __attribute__((address_space(3)))
#define INLINE static inline __attribute__((always_inline))
#define KERNEL __attribute__((nvptx_kernel, visibility("default"))) void

// The element types, with the numbers of op.DType.
enum { U8 = 1, I32, I64, F16, BF16, F32, F64 };

// A float that is stored in 16 bits: not a plain u16, so that no one computes with its bits by mistake.
typedef struct { u16 bits; } f16;
typedef struct { u16 bits; } bf16;

INLINE u32 tid(void) { return __nvvm_read_ptx_sreg_tid_x(); }
INLINE u32 ntid(void) { return __nvvm_read_ptx_sreg_ntid_x(); }
INLINE u32 block(void) { return __nvvm_read_ptx_sreg_ctaid_x(); }
INLINE u32 block_y(void) { return __nvvm_read_ptx_sreg_ctaid_y(); }
INLINE u32 block_z(void) { return __nvvm_read_ptx_sreg_ctaid_z(); }
INLINE u32 blocks(void) { return __nvvm_read_ptx_sreg_nctaid_x(); }
INLINE u32 blocks_y(void) { return __nvvm_read_ptx_sreg_nctaid_y(); }
INLINE u64 gid(void) { return (u64)block() * ntid() + tid(); }         // of the thread in the whole launch
INLINE u64 gstride(void) { return (u64)blocks() * ntid(); }            // threads of the whole launch
INLINE void sync(void) { __syncthreads(); }

// Shuffles of a full warp. lane_down gives the value of the lane d further, lane_xor of the lane whose number differs in the bits d.
INLINE u32 lane_down(u32 v, u32 d) { return (u32)__nvvm_shfl_sync_down_i32(-1, (i32)v, (i32)d, 31); }
INLINE u32 lane_xor(u32 v, u32 d) { return (u32)__nvvm_shfl_sync_bfly_i32(-1, (i32)v, (i32)d, 31); }

INLINE u32 bits_of(f32 x) { return __builtin_bit_cast(u32, x); }
INLINE f32 float_of(u32 b) { return __builtin_bit_cast(f32, b); }
INLINE u64 bits_of64(f64 x) { return __builtin_bit_cast(u64, x); }
INLINE f64 float_of64(u64 b) { return __builtin_bit_cast(f64, b); }

// The one NaN of each type. An f16 one is 7e00, a bf16 one 7fc0.
INLINE f32 canon(f32 x) { return x != x ? float_of(0x7fc00000u) : x; }
INLINE f64 canon64(f64 x) { return x != x ? float_of64(0x7ff8000000000000ull) : x; }

INLINE f32 sqrt_rn(f32 x) { return __nvvm_sqrt_rn_f(x); }

// Between f32 and the 16-bit floats: widening is exact, narrowing rounds once, to nearest even.
INLINE f32 f16_to_f32(f16 h) { return canon((f32)__builtin_bit_cast(_Float16, h.bits)); }
INLINE f32 bf16_to_f32(bf16 h) { return canon(float_of((u32)h.bits << 16)); }
INLINE f16 f32_to_f16(f32 x) {
	if (x != x) return (f16){0x7e00};
	return (f16){__builtin_bit_cast(u16, (_Float16)x)};
}
INLINE bf16 f32_to_bf16(f32 x) {
	u32 b = bits_of(x);
	if (x != x) return (bf16){0x7fc0};
	return (bf16){(u16)((b + 0x7fff + (b >> 16 & 1)) >> 16)};
}

// Loads that widen to f32 and stores that narrow to the type, for code that is written once for all float types by way of a macro:
// load_f32, load_f16, load_bf16, store_f32, store_f16, store_bf16.
INLINE f32 load_f32(GLOBAL const f32 *p) { return *p; }
INLINE f32 load_f16(GLOBAL const f16 *p) { return f16_to_f32(*p); }
INLINE f32 load_bf16(GLOBAL const bf16 *p) { return bf16_to_f32(*p); }
INLINE void store_f32(GLOBAL f32 *p, f32 x) { *p = canon(x); }
INLINE void store_f16(GLOBAL f16 *p, f32 x) { *p = f32_to_f16(x); }
INLINE void store_bf16(GLOBAL bf16 *p, f32 x) { *p = f32_to_bf16(x); }
