// Reduce of f32.
// bounds: sum_columns_f32_4 1024 1
// bounds: sum_columns_f32_32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f32, f32)
EXTREMES(f32, i32)
