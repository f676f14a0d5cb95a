// Reduce of bf16.
// bounds: sum_columns_bf16 1024 1
// bounds: extreme_rows_bf16 256 4
// bounds: extreme_wide_bf16 256 4
// bounds: sum_wide_bf16 256 4
#include "device.h"
#include "sum.h"
#include "sum_rows.h"
#include "sum_short.h"
#include "sum_wide.h"
#include "extreme.h"
#include "extreme_rows.h"
#include "extreme_wide.h"

SUMS(bf16, f32, 2)
SHORT_SUMS(bf16, f32)
SUM_WIDE(bf16, f32, 8)
EXTREME_ROWS(bf16, i32)
EXTREME_FEW(bf16, i32, 2, 2)
EXTREME_COLUMNS(bf16, i32, LEAST_OF)
EXTREME_WIDE(bf16, narrow, u32x4, 8, 8, 8)
