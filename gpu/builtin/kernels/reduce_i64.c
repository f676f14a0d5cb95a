// Reduce of i64.
// bounds: sum_columns_i64 1024 1
// bounds: extreme_rows_i64 256 4
// bounds: extreme_wide_i64 256 4
#include "device.h"
#include "sum.h"
#include "sum_rows.h"
#include "sum_short.h"
#include "extreme.h"
#include "extreme_rows.h"
#include "extreme_wide.h"

SUMS(i64, i64, 1)
SHORT_SUMS(i64, i64)
EXTREME_ROWS(i64, i64)
EXTREME_FEW(i64, i64, 2, 2)
EXTREME_COLUMNS(i64, i64, LEAST_OF)
EXTREME_WIDE(i64, i64, u32x4, 2, 8, 8)
