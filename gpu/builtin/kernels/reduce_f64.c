// Reduce of f64.
// bounds: sum_columns_f64 1024 1
// bounds: extreme_rows_f64 256 4
// bounds: extreme_wide_f64 256 4
#include "device.h"
#include "sum.h"
#include "sum_rows.h"
#include "sum_short.h"
#include "extreme.h"
#include "extreme_rows.h"
#include "extreme_wide.h"

SUMS(f64, f64, 1)
SHORT_SUMS(f64, f64)
EXTREME_ROWS(f64, i64)
EXTREME_FEW(f64, i64, 2, 2)
EXTREME_COLUMNS(f64, i64, LEAST_OF)
EXTREME_WIDE(f64, i64, u32x4, 2, 8, 8)
