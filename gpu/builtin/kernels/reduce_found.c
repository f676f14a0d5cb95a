// Reduce of what the pieces of long rows gave: extremes with their places.
#include "device.h"
#include "sum.h"
#include "extreme.h"

ROWS(found, found, FOUND)
COLUMNS(found, found, FOUND)
