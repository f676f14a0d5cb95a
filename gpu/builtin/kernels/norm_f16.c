// Softmax and LayerNorm of f16.
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"

NORMS(f16)
