#include "blas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef struct heuristic {
	uint64_t algorithm[8];
	size_t workspace;
	int state;
	float waves;
	int reserved[4];
} heuristic;

#define BLAS_SYMBOLS(X)                                                                                                                \
	X(Create, "cublasLtCreate", (void **))                                                                                             \
	X(Destroy, "cublasLtDestroy", (void *))                                                                                            \
	X(DescCreate, "cublasLtMatmulDescCreate", (void **, int, int))                                                                     \
	X(DescDestroy, "cublasLtMatmulDescDestroy", (void *))                                                                              \
	X(DescSet, "cublasLtMatmulDescSetAttribute", (void *, int, const void *, size_t))                                                  \
	X(LayoutCreate, "cublasLtMatrixLayoutCreate", (void **, int, uint64_t, uint64_t, int64_t))                                         \
	X(LayoutDestroy, "cublasLtMatrixLayoutDestroy", (void *))                                                                          \
	X(LayoutSet, "cublasLtMatrixLayoutSetAttribute", (void *, int, const void *, size_t))                                              \
	X(PreferenceCreate, "cublasLtMatmulPreferenceCreate", (void **))                                                                   \
	X(PreferenceDestroy, "cublasLtMatmulPreferenceDestroy", (void *))                                                                  \
	X(PreferenceSet, "cublasLtMatmulPreferenceSetAttribute", (void *, int, const void *, size_t))                                      \
	X(Heuristic, "cublasLtMatmulAlgoGetHeuristic", (void *, void *, void *, void *, void *, void *, void *, int, heuristic *, int *))  \
	X(Matmul, "cublasLtMatmul",                                                                                                        \
	  (void *, void *, const void *, uint64_t, void *, uint64_t, void *, const void *, uint64_t, void *, uint64_t, void *,             \
	   const uint64_t *, uint64_t, size_t, uintptr_t))

struct levee_blas {
	void *library, *handle;
	size_t (*GetVersion)(void);
#define X(name, symbol, parameters) int(*name) parameters;
	BLAS_SYMBOLS(X)
#undef X
};

struct levee_plan {
	void *desc, *a, *b, *c;
	heuristic how;
	int bias;
	float alpha;
};

// The library's numbers.
enum { NOT_SUPPORTED = 15, CHOICES = 8 };
enum { COMPUTE_32F = 68, R_32F = 0 };
enum { DESC_TRANSA = 3, DESC_TRANSB = 4, DESC_EPILOGUE = 7, DESC_BIAS_POINTER = 8, LAYOUT_BATCH = 5, LAYOUT_STRIDE = 6, PREFERENCE_WORKSPACE = 1 };
enum { EPILOGUE_DEFAULT = 1, EPILOGUE_RELU = 2, EPILOGUE_BIAS = 4 };

static int answer(int status) { return status == 0 ? 0 : LEVEE_LIBRARY + status; }

#ifdef LEVEE_NOGPU
levee_blas *levee_blas_open(const char *path)
{
	(void)path;
	return NULL;
}
#else
levee_blas *levee_blas_open(const char *path)
{
	levee_blas *b = calloc(1, sizeof *b);
	if (!b)
		return NULL;
	b->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int missing = !b->library;
	void *f;
#define X(name, symbol, parameters)                                         \
	f = missing ? NULL : dlsym(b->library, symbol);                         \
	memcpy((void *)&b->name, &f, sizeof f);                                 \
	missing |= !f;
	BLAS_SYMBOLS(X)
#undef X
	f = missing ? NULL : dlsym(b->library, "cublasLtGetVersion");
	memcpy((void *)&b->GetVersion, &f, sizeof f);
	if (missing) {
		if (b->library)
			dlclose(b->library);
		free(b);
		return NULL;
	}
	return b;
}
#endif

int levee_blas_start(levee_blas *b, const levee_cuda *cu, uintptr_t ctx)
{
	int rc = cu->CtxSetCurrent(ctx);
	return rc ? rc : answer(b->Create(&b->handle));
}

// The library stays: it does not like to be unloaded.
int levee_blas_close(levee_blas *b, const levee_cuda *cu, uintptr_t ctx)
{
	int rc = cu->CtxSetCurrent(ctx);
	rc = rc ? rc : answer(b->Destroy(b->handle));
	free(b);
	return rc;
}

size_t levee_blas_version(const levee_blas *b)
{
	return b->GetVersion ? b->GetVersion() : 0;
}

static int layout(levee_blas *b, void **l, int type, int64_t rows, int64_t columns, int64_t batch, int64_t stride)
{
	int rc = b->LayoutCreate(l, type, rows, columns, rows);
	int32_t n = batch;
	if (rc == 0 && batch > 1)
		rc = b->LayoutSet(*l, LAYOUT_BATCH, &n, sizeof n);
	if (rc == 0 && batch > 1)
		rc = b->LayoutSet(*l, LAYOUT_STRIDE, &stride, sizeof stride);
	return rc;
}

static int describe(levee_blas *b, levee_plan *plan, const levee_product *p)
{
	int32_t epilogue = p->relu ? EPILOGUE_RELU : EPILOGUE_DEFAULT;
	if (p->bias)
		epilogue = p->relu ? EPILOGUE_BIAS | EPILOGUE_RELU : EPILOGUE_BIAS;
	int rc = b->DescCreate(&plan->desc, COMPUTE_32F, R_32F);
	rc = rc ? rc : b->DescSet(plan->desc, DESC_TRANSA, &p->trans_a, sizeof p->trans_a);
	rc = rc ? rc : b->DescSet(plan->desc, DESC_TRANSB, &p->trans_b, sizeof p->trans_b);
	rc = rc ? rc : b->DescSet(plan->desc, DESC_EPILOGUE, &epilogue, sizeof epilogue);
	rc = rc ? rc : layout(b, &plan->a, p->type_in, p->trans_a ? p->depth : p->rows, p->trans_a ? p->rows : p->depth, p->batch, p->stride_a);
	rc = rc ? rc : layout(b, &plan->b, p->type_in, p->trans_b ? p->columns : p->depth, p->trans_b ? p->depth : p->columns, p->batch, p->stride_b);
	return rc ? rc : layout(b, &plan->c, p->type_out, p->rows, p->columns, p->batch, p->stride_c);
}

int levee_blas_plan(levee_blas *b, const levee_cuda *cu, uintptr_t ctx, const levee_product *p, size_t workspace, levee_plan **out)
{
	if (p->choice < 0 || p->choice >= CHOICES)
		return answer(NOT_SUPPORTED);
	int rc = cu->CtxSetCurrent(ctx);
	if (rc)
		return rc;
	levee_plan *plan = calloc(1, sizeof *plan);
	if (!plan)
		return answer(3); // of the library's: it could not allocate
	void *preference = NULL;
	heuristic list[CHOICES];
	int found = 0;
	rc = describe(b, plan, p);
	rc = rc ? rc : b->PreferenceCreate(&preference);
	rc = rc ? rc : b->PreferenceSet(preference, PREFERENCE_WORKSPACE, &workspace, sizeof workspace);
	rc = rc ? rc : b->Heuristic(b->handle, plan->desc, plan->a, plan->b, plan->c, plan->c, preference, p->choice + 1, list, &found);
	if (rc == 0 && (found <= p->choice || list[p->choice].state))
		rc = NOT_SUPPORTED;
	if (preference)
		b->PreferenceDestroy(preference);
	if (rc) {
		levee_blas_drop(b, plan);
		return answer(rc);
	}
	plan->how = list[p->choice], plan->bias = p->bias, plan->alpha = p->alpha;
	*out = plan;
	return 0;
}

void levee_blas_drop(levee_blas *b, levee_plan *plan)
{
	if (plan->desc)
		b->DescDestroy(plan->desc);
	if (plan->a)
		b->LayoutDestroy(plan->a);
	if (plan->b)
		b->LayoutDestroy(plan->b);
	if (plan->c)
		b->LayoutDestroy(plan->c);
	free(plan);
}

int levee_blas_run(levee_blas *b, const levee_cuda *cu, uintptr_t ctx, const levee_plan *plan, uint64_t a, uint64_t b_at, uint64_t bias, uint64_t c,
                   uint64_t workspace, size_t workspace_size, uintptr_t stream)
{
	int rc = cu->CtxSetCurrent(ctx);
	if (rc)
		return rc;
	const float beta = 0;
	if (plan->bias)
		rc = b->DescSet(plan->desc, DESC_BIAS_POINTER, &bias, sizeof bias);
	return answer(rc ? rc : b->Matmul(b->handle, plan->desc, &plan->alpha, a, plan->a, b_at, plan->b, &beta, c, plan->c, c, plan->c, plan->how.algorithm,
	                                  workspace, workspace_size, stream));
}
