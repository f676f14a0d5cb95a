// What levee uses of cuFFT: rows of complex f32. Found by dlopen, like the driver; where it is not there, our own kernels do the same.
#ifndef LEVEE_FFT_H
#define LEVEE_FFT_H

#include "driver.h"

typedef struct levee_fft levee_fft;

levee_fft *levee_fft_open(const char *path);
void levee_fft_close(levee_fft *f);
int levee_fft_version(const levee_fft *f);

// levee_fft_plan makes a plan for so many rows of n numbers each, which has no memory of its own to work in: it says how much it is to be lent.
int levee_fft_plan(const levee_fft *f, const levee_cuda *cu, uintptr_t ctx, int n, int rows, int *plan, size_t *workspace);
int levee_fft_drop(const levee_fft *f, const levee_cuda *cu, uintptr_t ctx, int plan);
int levee_fft_run(const levee_fft *f, const levee_cuda *cu, uintptr_t ctx, int plan, uint64_t in, uint64_t out, int inverse, uint64_t workspace,
                  uintptr_t stream);

#endif
