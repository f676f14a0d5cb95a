// Matrix products of f16 on tensor cores.
// target: sm_80 ptx70
#include "device.h"
#include "gemm.h"
#include "gemm_mma.h"

GEMMS(wide, 1, 128, 256, 32, 64, 64, 4)
GEMMS(square, 1, 128, 128, 32, 64, 64, 4)
