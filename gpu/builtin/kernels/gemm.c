// Matrix products without tensor cores: exact for f32 and f64.
// bounds: gemm_f32 256 2
// bounds: gemm_f64 256 2
#include "device.h"
#include "gemm.h"

#define SUM f32
#define REACH 8
#define NAMED(x) x##32
#include "gemm_exact.h"
#define SUM f32
#define REACH 4
#define NAMED(x) x##small
#include "gemm_exact.h"
#define SUM f64
#define REACH 4
#define NAMED(x) x##64
#include "gemm_exact.h"

#define GEMM(name, sum, bits)                                                                                                              \
	KERNEL name(GLOBAL const sum *a, i64 a_row, i64 a_k, GLOBAL const sum *b, i64 b_row, i64 b_k, GLOBAL u8 *c, GLOBAL const sum *bias, \
		i64 m, i64 n, i64 k, i64 step_a, i64 step_b, i64 first, sum alpha, u32 relu, u32 out) {                                       \
		exact_tile##bits((exact##bits){{a, a_row, a_k}, {b, b_row, b_k}, c, bias, m, n, k, step_a, step_b, first, alpha, relu, out}, 0); \
	}

GEMM(gemm_f32, f32, 32)
GEMM(gemm_small_f32, f32, small)
GEMM(gemm_f64, f64, 64)
