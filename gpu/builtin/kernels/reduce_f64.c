// Reduce of f64: a file for each type, so that a device translates only what is used.
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(f64, f64)
EXTREMES(f64)
