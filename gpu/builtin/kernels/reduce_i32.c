// Reduce of i32.
// bounds: sum_columns_i32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(i32, i32, 1)
EXTREMES(i32, i32, 1)
