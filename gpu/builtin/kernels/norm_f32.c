// Softmax and LayerNorm of f32.
// bounds: softmax_32_4_4 256 5
// bounds: softmax_32_4_8 256 4
// bounds: softmax_64_4_8 64 16
// bounds: softmax_128_2_16 128 8
// bounds: softmax_256_1_32 256 4
// bounds: softmax_32_1_32 256 4
// bounds: layernorm_32_4_4 256 4
// bounds: layernorm_32_4_8 256 3
// bounds: layernorm_64_4_8 64 12
// bounds: layernorm_128_2_16 128 8
// bounds: layernorm_256_1_32 256 3
// bounds: layernorm_32_1_32 256 3
// bounds: softmax_row 1024 1
// bounds: layernorm_row 1024 1
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"
#include "norm_long.h"

BOTH(f32, 32, 4, 1) BOTH(f32, 32, 4, 2) BOTH(f32, 32, 4, 4) BOTH(f32, 32, 4, 8) BOTH(f32, 64, 4, 8) BOTH(f32, 128, 2, 16)
BOTH(f32, 32, 1, 8) BOTH(f32, 32, 1, 32) BOTH(f32, 256, 1, 32)
LONG_ROWS(f32, 1)
