// Matrix products of f16 by wgmma.
// target: sm_90a ptx83
// bounds: alone 384 1
// bounds: pair 384 1 2
#include "device.h"
#include "gemm.h"
#include "gemm_wgmma.h"

GEMMS(alone, 1, 1, 0)
GEMMS(pair, 1, 2, 0)
GEMMS(pairled, 1, 2, 2)
GEMMS(alonely, 1, 1, 2)
