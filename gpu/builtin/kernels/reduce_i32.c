// Reduce of i32.
// bounds: sum_columns_i32_4 1024 1
// bounds: sum_columns_i32_32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(i32, i32)
EXTREMES(i32, i32)
