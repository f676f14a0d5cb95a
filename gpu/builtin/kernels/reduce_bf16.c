// Reduce of bf16.
// bounds: sum_columns_bf16 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(bf16, f32, 2)
EXTREMES(bf16, i32, 2)
