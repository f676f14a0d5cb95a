// A libcublasLt.so.13 for tests: products of f16 and bf16 in the plainest way, on the memory of the fake driver CUDA, if it is told of one. Without, it
// can only say what it is.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OK, NO_MEMORY = 3, INVALID = 7, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_16F = 2, R_16BF = 14 };

typedef struct desc { int32_t a, b, epilogue; uint64_t bias; } desc;
typedef struct layout { int type; uint64_t rows, columns; int64_t ld; int32_t batch; int64_t stride; } layout;

static int (*from_device)(void *, uint64_t, size_t, uintptr_t), (*to_device)(uint64_t, const void *, size_t, uintptr_t);

size_t cublasLtGetVersion(void) { return 130100; }

int cublasLtCreate(void **handle)
{
#ifdef CUDA
	void *cuda = dlopen(CUDA, RTLD_NOW | RTLD_NOLOAD);
	if (!cuda)
		return INVALID;
	from_device = (int (*)(void *, uint64_t, size_t, uintptr_t))dlsym(cuda, "cuMemcpyDtoHAsync_v2");
	to_device = (int (*)(uint64_t, const void *, size_t, uintptr_t))dlsym(cuda, "cuMemcpyHtoDAsync_v2");
	*handle = cuda;
	return OK;
#else
	(void)handle;
	return NOT_SUPPORTED;
#endif
}
int cublasLtDestroy(void *handle) { return handle ? OK : INVALID; }

int cublasLtMatmulDescCreate(void **d, int compute, int scale)
{
	if (compute != 68 || scale != R_32F)
		return NOT_SUPPORTED;
	desc *made = calloc(1, sizeof *made);
	made->epilogue = 1;
	*d = made;
	return OK;
}
int cublasLtMatmulDescDestroy(void *d) { free(d); return OK; }
int cublasLtMatmulDescSetAttribute(void *at, int what, const void *v, size_t n)
{
	desc *d = at;
	switch (what) {
	case 3: return n == 4 ? memcpy(&d->a, v, n), OK : INVALID;
	case 4: return n == 4 ? memcpy(&d->b, v, n), OK : INVALID;
	case 7: return n == 4 ? memcpy(&d->epilogue, v, n), OK : INVALID;
	case 8: return n == 8 ? memcpy(&d->bias, v, n), OK : INVALID;
	}
	return INVALID;
}

int cublasLtMatrixLayoutCreate(void **l, int type, uint64_t rows, uint64_t columns, int64_t ld)
{
	if (ld < (int64_t)rows)
		return INVALID;
	layout *made = malloc(sizeof *made);
	*made = (layout){type, rows, columns, ld, 1, 0};
	*l = made;
	return OK;
}
int cublasLtMatrixLayoutDestroy(void *l) { free(l); return OK; }
int cublasLtMatrixLayoutSetAttribute(void *at, int what, const void *v, size_t n)
{
	layout *l = at;
	switch (what) {
	case 5: return n == 4 ? memcpy(&l->batch, v, n), OK : INVALID;
	case 6: return n == 8 ? memcpy(&l->stride, v, n), OK : INVALID;
	}
	return INVALID;
}

int cublasLtMatmulPreferenceCreate(void **p) { *p = malloc(1); return OK; }
int cublasLtMatmulPreferenceDestroy(void *p) { free(p); return OK; }
int cublasLtMatmulPreferenceSetAttribute(void *p, int what, const void *v, size_t n) { return p && v && what == 1 && n == 8 ? OK : INVALID; }

static int fits(const desc *d, const layout *a, const layout *b, const layout *c)
{
	uint64_t m = d->a ? a->columns : a->rows, k = d->a ? a->rows : a->columns;
	uint64_t k2 = d->b ? b->columns : b->rows, n = d->b ? b->rows : b->columns;
	return m == c->rows && n == c->columns && k == k2 && a->batch == c->batch && b->batch == c->batch && a->type == b->type &&
	       (a->type == R_16F || a->type == R_16BF) && (c->type == a->type || c->type == R_32F);
}

int cublasLtMatmulAlgoGetHeuristic(void *h, void *d, void *a, void *b, void *c, void *out, void *p, int want, void *results, int *found)
{
	struct { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } r = {{42}, 0, 0, 1, {0}};
	if (!h || !p || want < 1 || c != out || !fits(d, a, b, c))
		return NOT_SUPPORTED;
	memcpy(results, &r, sizeof r);
	*found = 1;
	return OK;
}

static float load(const void *p, int type, int64_t i)
{
	if (type == R_32F)
		return ((const float *)p)[i];
	if (type == R_16F)
		return (float)((const _Float16 *)p)[i];
	uint32_t bits = (uint32_t)((const uint16_t *)p)[i] << 16;
	float f;
	memcpy(&f, &bits, 4);
	return f;
}
static void store(void *p, int type, int64_t i, float f)
{
	uint32_t bits;
	memcpy(&bits, &f, 4);
	if (type == R_32F)
		((float *)p)[i] = f;
	else if (type == R_16F)
		((_Float16 *)p)[i] = (_Float16)f;
	else
		((uint16_t *)p)[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static void *fetch(uint64_t at, const layout *l, size_t *size)
{
	*size = ((size_t)l->stride * (size_t)(l->batch - 1) + (size_t)l->ld * l->columns) * (l->type == R_32F ? 4 : 2);
	void *p = malloc(*size);
	return p && !from_device(p, at, *size, 0) ? p : NULL;
}

int cublasLtMatmul(void *h, void *at, const float *alpha, uint64_t a_at, void *la, uint64_t b_at, void *lb, const float *beta, uint64_t c_at, void *lc,
                   uint64_t d_at, void *ld, const uint64_t *algorithm, uint64_t workspace, size_t workspace_size, uintptr_t stream)
{
	const desc *d = at;
	const layout *a = la, *b = lb, *c = lc;
	(void)stream;
	if (!h || *beta != 0 || c_at != d_at || lc != ld || algorithm[0] != 42 || !workspace || !workspace_size || !fits(d, a, b, c))
		return INVALID;
	size_t na, nb, nc;
	void *va = fetch(a_at, a, &na), *vb = fetch(b_at, b, &nb), *vc = fetch(c_at, c, &nc);
	float *bias = calloc(c->rows, 4);
	if (!va || !vb || !vc || !bias || ((d->epilogue & 4) && (c->type != R_32F || from_device(bias, d->bias, c->rows * 4, 0))))
		return INVALID;
	int64_t k = (int64_t)(d->a ? a->rows : a->columns);
	for (int64_t z = 0; z < c->batch; z++)
		for (int64_t j = 0; j < (int64_t)c->columns; j++)
			for (int64_t i = 0; i < (int64_t)c->rows; i++) {
				float sum = 0;
				for (int64_t e = 0; e < k; e++)
					sum += load(va, a->type, z * a->stride + (d->a ? i * a->ld + e : e * a->ld + i)) *
					       load(vb, b->type, z * b->stride + (d->b ? e * b->ld + j : j * b->ld + e));
				sum = sum * *alpha + bias[i];
				store(vc, c->type, z * c->stride + j * c->ld + i, (d->epilogue & 2) && sum < 0 ? 0 : sum);
			}
	int rc = to_device(d_at, vc, nc, 0);
	free(va), free(vb), free(vc), free(bias);
	return rc ? NO_MEMORY : OK;
}
