// Reduce of f64.
// bounds: sum_columns_f64 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f64, f64, 1)
EXTREMES(f64, i64, 1)
