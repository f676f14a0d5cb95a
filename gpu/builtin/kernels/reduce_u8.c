// Reduce of u8.
// bounds: sum_columns_u8 1024 1
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(u8, i32, 4)
EXTREMES(u8, i32, 4)
