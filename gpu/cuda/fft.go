package cuda

/*
#include <stdlib.h>
#include "fft.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"
)

// FFTLibraries are the names of cuFFT, the newest first. It comes with the toolkit and with much else, not with the driver.
var FFTLibraries = []string{"libcufft.so.12", "libcufft.so.11", "libcufft.so.10"}

// FFT is cuFFT in a context: transforms of complex f32. Results may differ in their last bits between versions of it and between devices.
type FFT struct {
	c       *Context
	version int

	mu    sync.Mutex
	fft   *C.levee_fft          // guarded by mu
	plans map[Transform]fftPlan // guarded by mu
}

// Transform is of Rows rows, one behind the other, of N complex numbers each.
type Transform struct{ N, Rows int }

type fftPlan struct {
	handle    C.int
	workspace int64
	err       error // what it cannot do
}

// FFT opens cuFFT: the first of the names under which there is one.
func (c *Context) FFT(names []string) (*FFT, error) {
	fft := openFFT(names)
	if fft == nil {
		return nil, fmt.Errorf("no cuFFT: none of %v", names)
	}
	return &FFT{c: c, version: int(C.levee_fft_version(fft)), fft: fft, plans: map[Transform]fftPlan{}}, nil
}

func openFFT(names []string) *C.levee_fft {
	for _, name := range names {
		text := C.CString(name)
		fft := C.levee_fft_open(text)
		C.free(unsafe.Pointer(text))
		if fft != nil {
			return fft
		}
	}
	return nil
}

// FFTVersion is which cuFFT there is; empty where there is none. It makes no context.
func FFTVersion() string {
	fft := openFFT(FFTLibraries)
	if fft == nil {
		return ""
	}
	defer C.levee_fft_close(fft)
	return fmt.Sprint(int(C.levee_fft_version(fft)))
}

func (c *Context) fftResult(call string, rc C.int) error {
	return c.answered(call, "CUFFT_RESULT", rc, map[int]Class{
		2: OutOfMemory,
		5: Poisoned, 6: Poisoned, // internal error, execution failed: the device may have
	})
}

// Version is the library's, 12000 for 12.0.0.
func (f *FFT) Version() int { return f.version }

// Workspace is how many bytes a transform must be lent. The error says why the library does not do it.
func (f *FFT) Workspace(t Transform) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.plan(t)
	return p.workspace, p.err
}

// Plans is how many plans there are.
func (f *FFT) Plans() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.plans)
}

// maxFFTPlans bounds what plans hold of the device: tables, which are nobody's who has a quota.
const maxFFTPlans = 32

// plan is called with mu held.
func (f *FFT) plan(t Transform) fftPlan {
	if p, ok := f.plans[t]; ok {
		return p
	}
	if len(f.plans) >= maxFFTPlans {
		if err := f.dropPlans(); err != nil {
			return fftPlan{err: err}
		}
	}
	var p fftPlan
	var workspace C.size_t
	p.err = f.c.fftResult("cufftMakePlanMany", C.levee_fft_plan(f.fft, f.c.cu, f.c.ctx, C.int(t.N), C.int(t.Rows), &p.handle, &workspace))
	p.workspace = int64(workspace)
	if e, ok := errors.AsType[*Error](p.err); !ok || e.Class == Caller { // where there was no memory there may be some later
		f.plans[t] = p
	}
	return p
}

// dropPlans forgets all, once the device has done what it does with them. It is called with mu held.
func (f *FFT) dropPlans() error {
	err := f.c.Synchronize()
	for t, p := range f.plans {
		if p.err == nil {
			err = errors.Join(err, f.c.fftResult("cufftDestroy", C.levee_fft_drop(f.fft, f.c.cu, f.c.ctx, p.handle)))
		}
		delete(f.plans, t)
	}
	return err
}

// Run puts a transform for which there is a workspace into a stream. The inverse is not divided by anything.
func (f *FFT) Run(t Transform, in, out Ptr, inverse bool, workspace Ptr, s Stream) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.plan(t)
	if p.err != nil {
		return p.err
	}
	back := C.int(0)
	if inverse {
		back = 1
	}
	return f.c.fftResult("cufftExecC2C", C.levee_fft_run(f.fft, f.c.cu, f.c.ctx, p.handle, C.uint64_t(in), C.uint64_t(out), back, C.uint64_t(workspace), C.uintptr_t(s)))
}

// Close ends the library's part of the context.
func (f *FFT) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.dropPlans()
	C.levee_fft_close(f.fft)
	return err
}
