// Package rival opens libraries of the vendor that levee does not use, to measure its own kernels against them. Only benchmarks import it.
package rival

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct fft {
	int (*current)(void *);
	int (*exec)(int, void *, void *, int);
	int (*destroy)(int);
	void *ctx;
	int plan;
} fft;

// fft_open makes a plan in the primary context of device 0, which the caller has made. NULL: the library is not there, or refused.
static fft *fft_open(const char *path, int n, int batch, uintptr_t stream)
{
	enum { C2C = 0x29 };
	void *cuda = dlopen("libcuda.so.1", RTLD_NOW), *lib = dlopen(path, RTLD_NOW);
	if (!cuda || !lib)
		return NULL;
	int (*retain)(void **, int) = (int (*)(void **, int))dlsym(cuda, "cuDevicePrimaryCtxRetain");
	int (*plan)(int *, int, int, int) = (int (*)(int *, int, int, int))dlsym(lib, "cufftPlan1d");
	int (*set)(int, void *) = (int (*)(int, void *))dlsym(lib, "cufftSetStream");
	fft f = {(int (*)(void *))dlsym(cuda, "cuCtxSetCurrent"), (int (*)(int, void *, void *, int))dlsym(lib, "cufftExecC2C"),
	         (int (*)(int))dlsym(lib, "cufftDestroy"), NULL, 0};
	if (!retain || !plan || !set || !f.current || !f.exec || !f.destroy || retain(&f.ctx, 0) || f.current(f.ctx))
		return NULL;
	if (plan(&f.plan, n, C2C, batch) || set(f.plan, (void *)stream))
		return NULL;
	fft *out = malloc(sizeof *out);
	if (out)
		*out = f;
	return out;
}

static int fft_run(const fft *f, uintptr_t in, uintptr_t out)
{
	int rc = f->current(f->ctx);
	return rc ? rc : f->exec(f->plan, (void *)in, (void *)out, -1);
}

static void fft_close(fft *f)
{
	if (!f->current(f->ctx))
		f->destroy(f->plan);
	free(f);
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

var libraries = []string{"libcufft.so.12", "libcufft.so.11", "libcufft.so.10"}

// FFT is a plan of cuFFT's: rows of n complex f32, on device 0, in a stream of its primary context.
type FFT struct{ f *C.fft }

// NewFFT makes a plan.
func NewFFT(n, rows int, stream uintptr) (*FFT, error) {
	for _, name := range libraries {
		path := C.CString(name)
		f := C.fft_open(path, C.int(n), C.int(rows), C.uintptr_t(stream))
		C.free(unsafe.Pointer(path))
		if f != nil {
			return &FFT{f}, nil
		}
	}
	return nil, fmt.Errorf("no cuFFT: none of %v", libraries)
}

// Run puts the transform into the stream.
func (f *FFT) Run(in, out uint64) error {
	if rc := C.fft_run(f.f, C.uintptr_t(in), C.uintptr_t(out)); rc != 0 {
		return fmt.Errorf("cufftExecC2C: %d", int(rc))
	}
	return nil
}

// Close ends the plan.
func (f *FFT) Close() { C.fft_close(f.f) }
