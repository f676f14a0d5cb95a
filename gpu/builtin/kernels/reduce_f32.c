// Reduce of f32.
// bounds: sum_columns_f32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f32, f32, 1)
EXTREMES(f32, i32, 1)
