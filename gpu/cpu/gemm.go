package cpu

import "levee/gpu/op"

// gemm is alpha times the product of the matrices, plus the bias, through the activation.
func gemm(r *run) error {
	if r.in[0].DType == op.F64 {
		runGemm[float64](r)
	} else {
		runGemm[float32](r)
	}
	return nil
}

func runGemm[T float32 | float64](r *run) {
	s := r.GemmShape(r.in[0].Desc, r.in[1].Desc)
	stepB := s.K * s.N
	if s.SharedB {
		stepB = 0
	}
	p := product[T]{batch: s.Batch, m: s.M, n: s.N, k: s.K,
		a:      matrix(load[T](r.in[0]), r.Int(0) == 1, s.M, s.K, s.M*s.K),
		b:      matrix(load[T](r.in[1]), r.Int(1) == 0, s.N, s.K, stepB),
		finish: finish[T](r, r.Float(2), r.Int(3)),
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
