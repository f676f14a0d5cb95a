// Matrix products and convolutions of bf16 by wgmma.
// target: sm_90a ptx83
// bounds: alone 384 1
// bounds: conv 384 1
#include "device.h"
#include "gemm.h"
#include "gemm_wgmma.h"

GEMMS(alone_256, 256, 0)
GEMMS(alone_128, 128, 0)
GEMMS(alone_64, 64, 0)
CONV(conv_256, 256, 0)
CONV(conv_128, 128, 0)
CONV(conv_64, 64, 0)
