// Reduce of i64.
// bounds: sum_columns_i64_4 1024 1
// bounds: sum_columns_i64_32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(i64, i64)
EXTREMES(i64, i64)
