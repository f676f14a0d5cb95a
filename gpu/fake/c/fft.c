// A libcufft.so.12 for tests: transforms by the definition, in f64, on the memory of the fake driver CUDA, if it is told of one. Without, it can
// only say what it is. A plan has nothing to work in but what it is lent, and sees that it is lent enough. With FAIL=n each transform answers n, and with
// NOPLAN=n no plan can be made.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef FAIL
#define FAIL 0
#endif
#ifndef NOPLAN
#define NOPLAN 0
#endif
enum { OK, INVALID_PLAN = 1, INVALID_VALUE = 4, SETUP_FAILED = 7, INVALID_SIZE = 8, NO_WORKSPACE = 13, C2C = 0x29, PLANS = 32, TURN = 8 };

typedef struct plan { int used, own, n, rows; uint64_t area, stream; } plan;
static plan plans[PLANS];
static int (*from_device)(void *, uint64_t, size_t, uintptr_t), (*to_device)(uint64_t, const void *, size_t, uintptr_t);

int cufftGetVersion(int *v) { *v = 12000; return OK; }

int cufftCreate(int *handle)
{
#ifdef CUDA
	void *cuda = dlopen(CUDA, RTLD_NOW | RTLD_NOLOAD);
	if (!cuda)
		return SETUP_FAILED;
	from_device = (int (*)(void *, uint64_t, size_t, uintptr_t))dlsym(cuda, "cuMemcpyDtoHAsync_v2");
	to_device = (int (*)(uint64_t, const void *, size_t, uintptr_t))dlsym(cuda, "cuMemcpyHtoDAsync_v2");
	for (int i = 0; i < PLANS; i++)
		if (!plans[i].used) {
			plans[i] = (plan){.used = 1, .own = 1};
			*handle = i;
			return OK;
		}
#else
	(void)handle;
#endif
	return SETUP_FAILED;
}
static plan *known(int handle) { return handle >= 0 && handle < PLANS && plans[handle].used ? &plans[handle] : NULL; }

int cufftDestroy(int handle)
{
	plan *p = known(handle);
	if (!p)
		return INVALID_PLAN;
	p->used = 0;
	return OK;
}
int cufftSetAutoAllocation(int handle, int own)
{
	plan *p = known(handle);
	if (!p)
		return INVALID_PLAN;
	p->own = own;
	return OK;
}
int cufftMakePlanMany(int handle, int rank, int *n, int *in, int in_step, int in_row, int *out, int out_step, int out_row, int type, int rows, size_t *size)
{
	plan *p = known(handle);
	if (!p)
		return INVALID_PLAN;
	if (NOPLAN)
		return NOPLAN;
	if (rank != 1 || in || out || in_step != 1 || out_step != 1 || in_row != n[0] || out_row != n[0] || type != C2C || p->own)
		return INVALID_VALUE;
	if (n[0] < 2 || n[0] > 4096 || rows < 1)
		return INVALID_SIZE;
	p->n = n[0], p->rows = rows;
	*size = (size_t)n[0] * (size_t)rows * 4;
	return OK;
}
int cufftSetStream(int handle, uint64_t stream)
{
	plan *p = known(handle);
	if (!p)
		return INVALID_PLAN;
	p->stream = stream;
	return OK;
}
int cufftSetWorkArea(int handle, uint64_t area)
{
	plan *p = known(handle);
	if (!p)
		return INVALID_PLAN;
	p->area = area;
	return OK;
}

static void transform(const plan *p, const float *x, float *y, int direction, const double *roots)
{
	for (int k = 0; k < p->n; k++) {
		double re = 0, im = 0;
		for (int j = 0; j < p->n; j++) {
			const double *w = roots + 2 * ((int64_t)j * k % p->n);
			re += x[2 * j] * w[0] - x[2 * j + 1] * w[1] * direction;
			im += x[2 * j + 1] * w[0] + x[2 * j] * w[1] * direction;
		}
		y[2 * k] = (float)re, y[2 * k + 1] = (float)im;
	}
}

int cufftExecC2C(int handle, uint64_t in, uint64_t out, int direction)
{
	plan *p = known(handle);
	if (!p || !p->stream)
		return INVALID_PLAN;
	if (FAIL)
		return FAIL;
	if (direction != 1 && direction != -1)
		return INVALID_VALUE;
	size_t size = (size_t)p->n * (size_t)p->rows * 8;
	float *x = malloc(size), *y = malloc(size), *scribble = calloc(1, size / 2);
	double *roots = malloc((size_t)p->n * 16);
	for (int i = 0; i < p->n; i++)
		roots[2 * i] = cos(TURN * atan(1) * i / p->n), roots[2 * i + 1] = sin(TURN * atan(1) * i / p->n);
	int rc = to_device(p->area, scribble, size / 2, p->stream) ? NO_WORKSPACE : from_device(x, in, size, p->stream) ? INVALID_VALUE : OK;
	for (int row = 0; row < p->rows && rc == OK; row++)
		transform(p, x + (size_t)row * (size_t)p->n * 2, y + (size_t)row * (size_t)p->n * 2, direction, roots);
	if (rc == OK && to_device(out, y, size, p->stream))
		rc = INVALID_VALUE;
	free(x), free(y), free(scribble), free(roots);
	return rc;
}
