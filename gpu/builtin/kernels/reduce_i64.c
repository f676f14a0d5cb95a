// Reduce of i64: a file for each type, so that a device translates only what is used.
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(i64, i64)
EXTREMES(i64)
