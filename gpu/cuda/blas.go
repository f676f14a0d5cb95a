package cuda

/*
#include <stdlib.h>
#include "blas.h"
*/
import "C"

import (
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// BlasLibraries are the names of cuBLASLt, the newest first. It comes with the toolkit and with much else, not with the driver.
var BlasLibraries = []string{"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"}

// BlasWorkspace is how much memory a product is lent.
const BlasWorkspace = 32 << 20

// Blas is cuBLASLt in a context: products of f16 and bf16 matrices, added up as f32. Results may differ in their last bits between
// versions of it and between devices.
type Blas struct {
	c       *Context
	version int

	mu    sync.Mutex
	blas  *C.levee_blas             // guarded by mu
	plans map[Product]*C.levee_plan // guarded by mu: nil for what it cannot do
}

// Product is C = activation(alpha * op(A) * op(B) + bias), row by row as our tensors are: A is rows x depth, or depth x rows when it is
// to be transposed, B depth x columns, or the other way round, C rows x columns.
type Product struct {
	Rows, Columns, Depth, Batch int64
	OneB                        bool // all products of the batch have the same B
	TransA, TransB              bool
	BF16                        bool // else f16
	Out32                       bool // C is f32; else it is as A and B are
	Bias, ReLU                  bool // the bias is as C is, and has as many elements as C has columns
	Alpha                       float32
	Choice                      int // which of the library's up to eight ways: 0, the one that it thinks best, but where all are measured
}

// Blas opens cuBLASLt: the first of the names under which there is one.
func (c *Context) Blas(names []string) (*Blas, error) {
	blas, version := openBlas(names)
	if blas == nil {
		return nil, fmt.Errorf("no cuBLASLt: none of %v", names)
	}
	if err := c.blasResult("cublasLtCreate", C.levee_blas_start(blas, c.cu, c.ctx)); err != nil {
		return nil, err
	}
	return &Blas{c: c, version: version, blas: blas, plans: map[Product]*C.levee_plan{}}, nil
}

func openBlas(names []string) (blas *C.levee_blas, version int) {
	for _, name := range names {
		text := C.CString(name)
		blas = C.levee_blas_open(text)
		C.free(unsafe.Pointer(text))
		if blas != nil {
			return blas, int(C.levee_blas_version(blas))
		}
	}
	return nil, 0
}

// BlasVersion is which cuBLASLt products are done with: results may differ from one version to the next. It is empty where there is none.
// It makes no context.
func BlasVersion() string {
	blas, version := openBlas(BlasLibraries)
	if blas == nil {
		return ""
	}
	C.free(unsafe.Pointer(blas))
	return fmt.Sprint(version)
}

func (c *Context) blasResult(call string, rc C.int) error {
	return c.answered(call, "CUBLAS_STATUS", rc, map[int]Class{
		3:  OutOfMemory,
		13: Poisoned, 14: Poisoned, // execution failed, internal error: the device may have
	})
}

// Version is the library's, 130100 for 13.1.0; 0 where it does not tell.
func (b *Blas) Version() int { return b.version }

// Can says whether the library does such a product; it also finds out how. It counts a batch in 31 bits.
func (b *Blas) Can(p Product) bool {
	if p.Batch > math.MaxInt32 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.plan(p) != nil
}

const maxPlans = 1024

// plan is called with mu held.
func (b *Blas) plan(p Product) *C.levee_plan {
	if plan, ok := b.plans[p]; ok {
		return plan
	}
	if len(b.plans) >= maxPlans {
		b.dropPlans()
	}
	var plan *C.levee_plan
	turned := p.turned()
	if C.levee_blas_plan(b.blas, b.c.cu, b.c.ctx, &turned, BlasWorkspace, &plan) != 0 {
		plan = nil
	}
	b.plans[p] = plan
	return plan
}

func (b *Blas) dropPlans() {
	for _, plan := range b.plans {
		if plan != nil {
			C.levee_blas_drop(b.blas, plan)
		}
	}
	clear(b.plans)
}

// turned is the product as the library sees it. It reads matrices column by column, so each of ours is transposed to it, and the
// transpose of C is the product of the transposes in the other order.
func (p Product) turned() C.levee_product {
	number := func(b bool) C.int32_t {
		if b {
			return 1
		}
		return 0
	}
	const r32, r16, rb16 = 0, 2, 14
	in := C.int32_t(r16)
	if p.BF16 {
		in = rb16
	}
	out := in
	if p.Out32 {
		out = r32
	}
	t := C.levee_product{
		rows: C.int64_t(p.Columns), columns: C.int64_t(p.Rows), depth: C.int64_t(p.Depth), batch: C.int64_t(p.Batch),
		stride_a: C.int64_t(p.Depth * p.Columns), stride_b: C.int64_t(p.Rows * p.Depth), stride_c: C.int64_t(p.Rows * p.Columns),
		trans_a: number(p.TransB), trans_b: number(p.TransA), type_in: in, type_out: out,
		bias: number(p.Bias), relu: number(p.ReLU), choice: C.int32_t(p.Choice), alpha: C.float(p.Alpha),
	}
	if p.OneB {
		t.stride_a = 0
	}
	return t
}

// Run puts a product that Can said yes to into a stream. workspace is of BlasWorkspace bytes.
func (b *Blas) Run(p Product, at, bt, bias, ct, workspace Ptr, s Stream) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	plan := b.plan(p)
	if plan == nil {
		return fmt.Errorf("cuBLASLt cannot do %+v", p)
	}
	return b.c.blasResult("cublasLtMatmul", C.levee_blas_run(b.blas, b.c.cu, b.c.ctx, plan, C.uint64_t(bt), C.uint64_t(at), C.uint64_t(bias), C.uint64_t(ct),
		C.uint64_t(workspace), BlasWorkspace, C.uintptr_t(s)))
}

// Close ends the library's part of the context.
func (b *Blas) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropPlans()
	return b.c.blasResult("cublasLtDestroy", C.levee_blas_close(b.blas, b.c.cu, b.c.ctx))
}
