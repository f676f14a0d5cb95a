// Softmax and LayerNorm of f32.
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"

NORMS(f32)
