// Reduce of f32.
// bounds: sum_columns_f32 1024 1
// bounds: extreme_rows_f32 256 4
// bounds: extreme_wide_f32 256 4
#include "device.h"
#include "sum.h"
#include "sum_rows.h"
#include "sum_short.h"
#include "extreme.h"
#include "extreme_rows.h"
#include "extreme_wide.h"

SUMS(f32, f32, 1)
SHORT_SUMS(f32, f32)
EXTREME_ROWS(f32, i32)
EXTREME_FEW(f32, i32, 2, 2)
EXTREME_COLUMNS(f32, i32, LEAST_OF)
EXTREME_WIDE(f32, i32, u32x4, 4, 8, 8)
