// Reduce of u8: a file for each type, so that a device translates only what is used.
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(u8, i32)
EXTREMES(u8)
