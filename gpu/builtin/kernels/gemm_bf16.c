// Matrix products of bf16 on tensor cores.
// target: sm_80 ptx70
#include "device.h"
#include "gemm.h"
#include "gemm_mma.h"

GEMMS(wide, 0, 128, 256, 32, 64, 64, 4)
GEMMS(square, 0, 128, 128, 32, 64, 64, 4)
