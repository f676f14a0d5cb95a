// Reduce of f64.
// bounds: sum_columns_f64_4 1024 1
// bounds: sum_columns_f64_32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f64, f64)
EXTREMES(f64, i64)
