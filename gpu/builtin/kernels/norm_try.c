// Softmax and LayerNorm in other sizes, to be measured.
// bounds: softmax_32_8_8 256 2
// bounds: softmax_128_2_32 128 5
// bounds: softmax_64_4_32 64 6
// bounds: layernorm_32_8_8 256 2
// bounds: layernorm_128_2_32 128 4
// bounds: layernorm_64_4_32 64 6
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"

BOTH(f16, 32, 8, 8) BOTH(f16, 128, 2, 32) BOTH(f16, 64, 4, 32)
