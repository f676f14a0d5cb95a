// Matrix products of bf16 by wgmma.
// target: sm_90a ptx83
// bounds: alone 384 1
// bounds: pair 384 1 2
#include "device.h"
#include "gemm.h"
#include "gemm_wgmma.h"

GEMMS(alone, 0, 1, 0)
GEMMS(pair, 0, 2, 0)
GEMMS(pairled, 0, 2, 2)
GEMMS(alonely, 0, 1, 2)
