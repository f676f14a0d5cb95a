// Reduce of i32.
// bounds: sum_columns_i32 1024 1
// bounds: extreme_rows_i32 256 4
// bounds: extreme_wide_i32 256 4
#include "device.h"
#include "sum.h"
#include "sum_rows.h"
#include "sum_short.h"
#include "extreme.h"
#include "extreme_rows.h"
#include "extreme_wide.h"

SUMS(i32, i32, 1)
SHORT_SUMS(i32, i32)
EXTREME_ROWS(i32, i32)
EXTREME_FEW(i32, i32, 2, 2)
EXTREME_COLUMNS(i32, i32, LEAST_OF)
EXTREME_WIDE(i32, i32, u32x4, 4, 8, 8)
