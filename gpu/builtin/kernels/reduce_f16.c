// Reduce of f16.
// bounds: sum_columns_f16 1024 1
// bounds: extreme_rows_f16 256 4
// bounds: extreme_wide_f16 256 4
// bounds: sum_wide_f16 256 4
#include "device.h"
#include "sum.h"
#include "sum_rows.h"
#include "sum_short.h"
#include "sum_wide.h"
#include "extreme.h"
#include "extreme_rows.h"
#include "extreme_wide.h"

SUMS(f16, f32, 2)
SHORT_SUMS(f16, f32)
SUM_WIDE(f16, f32, 8)
EXTREME_ROWS(f16, i32)
EXTREME_FEW(f16, i32, 2, 2)
EXTREME_COLUMNS(f16, i32, LEAST_OF)
EXTREME_WIDE(f16, narrow, u32x4, 8, 8, 8)
