// Reduce of bf16: a file for each type, so that a device translates only what is used.
#include "device.h"
#include "sum.h"
#include "extreme.h"

SUMS(bf16, f32)
EXTREMES(bf16)
