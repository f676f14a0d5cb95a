// Reduce of i32: a file for each type, so that a device translates only what is used.
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(i32, i32)
EXTREMES(i32)
