// Reduce of u8.
// bounds: sum_columns_u8_4 1024 1
// bounds: sum_columns_u8_32 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(u8, i32)
EXTREMES(u8, i32)
