// Matrix products of bf16 on tensor cores, in tile shapes to be compared.
// target: sm_80 ptx70
#include "device.h"
#include "gemm.h"
#include "gemm_mma.h"

GEMMS(tall, 0, 256, 128, 32, 64, 64, 4)
GEMMS(deep, 0, 128, 256, 64, 64, 64, 3)
GEMMS(deeper, 0, 128, 256, 64, 64, 64, 4)
GEMMS(plain, 0, 128, 128, 64, 64, 64, 3)
