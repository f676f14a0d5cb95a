// Softmax and LayerNorm of bf16.
#include "device.h"
#include "math.h"
#include "sum.h"
#include "norm.h"

NORMS(bf16)
