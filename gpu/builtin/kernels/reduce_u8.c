// Reduce of u8.
// bounds: sum_columns_u8 1024 1
// bounds: extreme_rows_u8 256 4
// bounds: extreme_few_u8 256 4
// bounds: extreme_wide_u8 256 4
// bounds: sum_byte_columns 256 2
#include "device.h"
#include "sum.h"
#include "sum_rows.h"
#include "sum_short.h"
#include "extreme.h"
#include "extreme_rows.h"
#include "extreme_wide.h"
#include "sum_bytes.h"

SUMS(u8, i32, 4)
SHORT_SUMS(u8, i32)
EXTREME_ROWS(u8, i32)
EXTREME_FEW(u8, i32, 1, 8)
EXTREME_COLUMNS(u8, i32, LEAST_OF)
EXTREME_WIDE(u8, narrow, u32x2, 8, 16, 16)
