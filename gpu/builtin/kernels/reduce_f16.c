// Reduce of f16: a file for each type, so that a device translates only what is used.
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f16, f32)
EXTREMES(f16)
