// Reduce of f32: a file for each type, so that a device translates only what is used.
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f32, f32)
EXTREMES(f32)
