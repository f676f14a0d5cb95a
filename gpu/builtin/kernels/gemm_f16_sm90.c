// Matrix products and convolutions of f16 by wgmma.
// target: sm_90a ptx83
// bounds: alone 384 1
// bounds: conv 384 1
#include "device.h"
#include "gemm.h"
#include "gemm_wgmma.h"

GEMMS(alone, 1)
CONV(conv, 1)
