// Reduce of f16.
// bounds: sum_columns_f16 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f16, f32, 2)
EXTREMES(f16, i32, 2)
