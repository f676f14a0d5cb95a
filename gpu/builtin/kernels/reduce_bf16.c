// Reduce of bf16.
// bounds: sum_columns_bf16_4 1024 1
// bounds: sum_columns_bf16_32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(bf16, f32)
EXTREMES(bf16, i32)
