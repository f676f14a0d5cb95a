// Softmax and LayerNorm of bf16.
// bounds: softmax_warp32 256 2
// bounds: softmax_block32 256 3
// bounds: softmax_fours_warp16 256 4
// bounds: softmax_fours_warp32 256 2
// bounds: softmax_fours_block16 256 4
// bounds: softmax_fours_block32 256 3
// bounds: layernorm_warp32 256 2
// bounds: layernorm_block32 256 3
// bounds: layernorm_fours_warp16 256 4
// bounds: layernorm_fours_warp32 256 2
// bounds: layernorm_fours_block16 256 4
// bounds: layernorm_fours_block32 256 3
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"

NORMS(bf16, 2)
