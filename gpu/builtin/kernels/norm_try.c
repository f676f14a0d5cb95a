// Softmax and LayerNorm in other sizes, to be measured.
// bounds: softmax_64_4_4 64 20
// bounds: softmax_256_1_16 256 6
// bounds: softmax_64_4_16 64 10
// bounds: layernorm_64_4_4 64 16
// bounds: layernorm_256_1_16 256 5
// bounds: layernorm_64_4_16 64 8
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"

BOTH(f16, 64, 4, 4) BOTH(f16, 256, 1, 16) BOTH(f16, 64, 4, 16)
BOTH(f32, 64, 4, 4) BOTH(f32, 256, 1, 16) BOTH(f32, 64, 4, 16)
