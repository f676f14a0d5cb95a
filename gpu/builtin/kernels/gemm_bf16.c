// Matrix products of bf16 on tensor cores.
// target: sm_80 ptx70
#include "device.h"
#include "gemm.h"
#include "gemm_mma.h"

GEMMS(wide, 0, 128, 256, 32, 64, 64, 4)
GEMMS(square, 0, 128, 128, 32, 64, 64, 4)
GEMM(tall_nn, 0, 0, 0, 256, 128, 32, 64, 64, 4)
GEMM(tall_nt, 0, 0, 1, 256, 128, 32, 64, 64, 4)
GEMM(deep_nn, 0, 0, 0, 128, 256, 64, 64, 64, 3)
GEMM(deep_nt, 0, 0, 1, 128, 256, 64, 64, 64, 3)
GEMM(deeper_nn, 0, 0, 0, 128, 256, 64, 64, 64, 4)
GEMM(deeper_nt, 0, 0, 1, 128, 256, 64, 64, 64, 4)
GEMM(plain_nn, 0, 0, 0, 128, 128, 64, 64, 64, 3)
GEMM(plain_nt, 0, 0, 1, 128, 128, 64, 64, 64, 3)
