#include "fft.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define FFT_SYMBOLS(X)                                                                                                 \
	X(GetVersion, "cufftGetVersion", (int *))                                                                          \
	X(Create, "cufftCreate", (int *))                                                                                  \
	X(SetAutoAllocation, "cufftSetAutoAllocation", (int, int))                                                         \
	X(MakePlanMany, "cufftMakePlanMany", (int, int, int *, int *, int, int, int *, int, int, int, int, size_t *))      \
	X(SetStream, "cufftSetStream", (int, uintptr_t))                                                                   \
	X(SetWorkArea, "cufftSetWorkArea", (int, uint64_t))                                                                \
	X(ExecC2C, "cufftExecC2C", (int, uint64_t, uint64_t, int))                                                         \
	X(Destroy, "cufftDestroy", (int))

struct levee_fft {
	void *library;
#define X(name, symbol, parameters) int(*name) parameters;
	FFT_SYMBOLS(X)
#undef X
};

enum { C2C = 0x29, FORWARD = -1, INVERSE = 1 };

static int answer(int status) { return status == 0 ? 0 : LEVEE_LIBRARY + status; }

#ifdef LEVEE_NOGPU
levee_fft *levee_fft_open(const char *path)
{
	(void)path;
	return NULL;
}
#else
levee_fft *levee_fft_open(const char *path)
{
	levee_fft *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int missing = !l->library;
	void *f;
#define X(name, symbol, parameters)                                         \
	f = missing ? NULL : dlsym(l->library, symbol);                         \
	memcpy((void *)&l->name, &f, sizeof f);                                 \
	missing |= !f;
	FFT_SYMBOLS(X)
#undef X
	if (missing) {
		if (l->library)
			dlclose(l->library);
		free(l);
		return NULL;
	}
	return l;
}
#endif

// The library stays: it does not like to be unloaded.
void levee_fft_close(levee_fft *f) { free(f); }

int levee_fft_version(const levee_fft *f)
{
	int version = 0;
	f->GetVersion(&version);
	return version;
}

int levee_fft_plan(const levee_fft *f, const levee_cuda *cu, uintptr_t ctx, int n, int rows, int *plan, size_t *workspace)
{
	int rc = cu->CtxSetCurrent(ctx);
	if (rc)
		return rc;
	if ((rc = f->Create(plan)))
		return answer(rc);
	rc = f->SetAutoAllocation(*plan, 0);
	rc = rc ? rc : f->MakePlanMany(*plan, 1, &n, NULL, 1, n, NULL, 1, n, C2C, rows, workspace);
	if (rc)
		f->Destroy(*plan);
	return answer(rc);
}

int levee_fft_drop(const levee_fft *f, const levee_cuda *cu, uintptr_t ctx, int plan)
{
	int rc = cu->CtxSetCurrent(ctx);
	return rc ? rc : answer(f->Destroy(plan));
}

int levee_fft_run(const levee_fft *f, const levee_cuda *cu, uintptr_t ctx, int plan, uint64_t in, uint64_t out, int inverse, uint64_t workspace,
                  uintptr_t stream)
{
	int rc = cu->CtxSetCurrent(ctx);
	if (rc)
		return rc;
	rc = f->SetStream(plan, stream);
	rc = rc ? rc : f->SetWorkArea(plan, workspace);
	return answer(rc ? rc : f->ExecC2C(plan, in, out, inverse ? INVERSE : FORWARD));
}
