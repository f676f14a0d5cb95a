// Reduce of what the pieces of long rows gave: extremes with their places.
#include "device.h"
#include "sum.h"
#include "extreme.h"

EXTREME_ROWS(found, i64, FOUND_OF)
EXTREME_COLUMNS(found, i64, FOUND_OF)
