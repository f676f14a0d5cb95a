package device

import (
	"sync"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// blasFlops is how large a product has to be before cuBLASLt is asked: to open it takes longer than smaller ones do.
const blasFlops = 1 << 32

// blas is the device's cuBLASLt, opened by the first product that is large enough.
type blas struct {
	once sync.Once
	*cuda.Blas
}

func (d *Device) openBlas() *cuda.Blas {
	d.blas.once.Do(func() { d.blas.Blas, _ = d.Context.Blas(cuda.BlasLibraries) }) // without it our own kernels do the same
	return d.blas.Blas
}

// product lets cuBLASLt do a Gemm of f16 or bf16, and says whether it does: it may not be there, not know the shape, or have no memory
// to work in.
func (l *lower) product(o *op.Op) bool {
	a, b, c := l.in[0], l.in[1], l.out[0]
	shape := o.GemmShape(a.Desc, b.Desc)
	if a.DType.Size() != 2 || shape.Batch*shape.M*shape.N < blasFlops/(2*shape.K) {
		return false
	}
	p := cuda.Product{Rows: shape.M, Columns: shape.N, Depth: shape.K, Batch: shape.Batch, OneB: shape.SharedB, TransA: o.Int(0) == 1, TransB: o.Int(1) == 1,
		BF16: a.DType == op.BF16, Out32: c.DType == op.F32, Bias: len(l.in) == 3, ReLU: o.Int(3) == op.ReLU, Alpha: float32(o.Float(2))}
	if p.OneB && !p.TransA { // the batch is more rows
		p.Rows, p.Batch, p.OneB = p.Rows*p.Batch, 1, false
	}
	if p.Bias && !p.Out32 { // it wants a bias like its output; ours is f32
		return false
	}
	lib := l.dev.openBlas()
	if lib == nil || !lib.Can(p) {
		return false
	}
	workspace, err := l.scratch(cuda.BlasWorkspace)
	if err != nil {
		return false
	}
	bias := cuda.Ptr(0)
	if p.Bias {
		bias = l.in[2].at
	}
	l.list = append(l.list, command{kind: callLibrary, call: func(s cuda.Stream) error { return lib.Run(p, a.at, b.at, bias, c.at, workspace, s) }})
	return true
}
