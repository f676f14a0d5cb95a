// Softmax and LayerNorm of bf16.
// bounds: softmax_32_8_4 256 4
// bounds: softmax_64_4_8 64 16
// bounds: softmax_64_4_16 64 10
// bounds: softmax_256_1_32 256 4
// bounds: softmax_32_1_32 256 4
// bounds: layernorm_32_8_4 256 4
// bounds: layernorm_64_4_8 64 16
// bounds: layernorm_64_4_16 64 8
// bounds: layernorm_256_1_32 256 3
// bounds: layernorm_32_1_32 256 3
// bounds: softmax_128_2_32 128 5
// bounds: layernorm_128_2_32 128 4
// bounds: softmax_row 1024 1
// bounds: layernorm_row 1024 1
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"
#include "norm_long.h"

BOTH(bf16, 16, 8, 1) BOTH(bf16, 32, 8, 1) BOTH(bf16, 32, 8, 2) BOTH(bf16, 32, 8, 4) BOTH(bf16, 64, 4, 8) BOTH(bf16, 64, 4, 16) BOTH(bf16, 128, 2, 32)
BOTH(bf16, 32, 1, 8) BOTH(bf16, 32, 1, 32) BOTH(bf16, 256, 1, 32)
LONG_ROWS(bf16, 2)
