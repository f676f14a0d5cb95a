// Reduce of i64.
// bounds: sum_columns_i64 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(i64, i64, 1)
EXTREMES(i64, i64, 1)
