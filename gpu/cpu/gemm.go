package cpu

import "levee/gpu/op"

// gemm is alpha times the product of the matrices, plus the bias, through the activation.
func gemm(r *run) error {
	s := r.GemmShape(r.in[0].Desc, r.in[1].Desc)
	e := endsOf(r, r.Float(2), r.Int(3))
	if r.in[0].DType == op.F64 {
		runGemm(r, s, load64, multiply64, finish64(e))
	} else {
		runGemm(r, s, load32, multiply32, finish32(e))
	}
	return nil
}

func runGemm[T float32 | float64](r *run, s op.GemmShape, load func(tensor) func([]T, int64), multiply func(*[stripA * stripB]T, [][stripA]T, [][stripB]T), finish func([]T, int64, int64)) {
	stepB := s.K * s.N
	if s.SharedB {
		stepB = 0
	}
	p := product[T]{batch: s.Batch, m: s.M, n: s.N, k: s.K, multiply: multiply,
		a:      matrix(load(r.in[0]), r.Int(0) == 1, s.M, s.K, s.M*s.K),
		b:      matrix(load(r.in[1]), r.Int(1) == 0, s.N, s.K, stepB),
		finish: func(sums []T, z, row, col int64) { finish(sums, z*s.M+row, col) },
	}
	p.run()
}

// matrix is an operand of rows along k, or, across, of k rows; step is from one matrix of the batch to the next.
func matrix[T any](load func([]T, int64), across bool, rows, k, step int64) operand[T] {
	if across {
		return operand[T]{true, func(dst []T, z, row, at int64) { load(dst, z*step+at*rows+row) }}
	}
	return operand[T]{false, func(dst []T, z, row, at int64) { load(dst, z*step+row*k+at) }}
}
