package cpu

import (
	"math"

	"levee/gpu/op"
)

// softmax gives exp(x - m) * (1 / s) for each row, m its largest element and s the sum of the exponentials, in the order of reduce. A row
// with a NaN or an infinite m is NaN.
func softmax(r *run) error {
	in, out := r.in[0], r.out[0]
	rows, n := in.Rows()
	split(rows, max(1, grain/4/n), func(from, to int64) {
		x, y := make([]float32, min(n, lanes)), make([]float32, min(n, lanes))
		var kept []float32
		if n <= chunk {
			kept = make([]float32, n)
		}
		src := floats(in)
		sums := rowFolder(n)
		for ; from < to; from++ {
			at := from * n
			m := sums.row(src, at, op.Max)
			exps := func(buf []float32, from int64) []float32 {
				for i, v := range src(x[:len(buf)], from) {
					buf[i] = exp32(v - m)
				}
				return buf
			}
			if kept != nil { // a row that is not too long: each once
				for i := int64(0); i < n; i += lanes {
					exps(kept[i:min(n, i+lanes)], at+i)
				}
				exps = func(buf []float32, from int64) []float32 { return kept[from-at:][:len(buf)] }
			}
			inv := 1 / sums.row(exps, at, op.Sum)
			for i := int64(0); i < n; i += lanes {
				piece := exps(y[:min(lanes, n-i)], at+i)
				for j, e := range piece {
					y[j] = e * inv
				}
				narrow(out, at+i, y[:len(piece)])
			}
		}
	})
	return nil
}

// layerNorm gives (x - mean) * inv * gamma + beta for each row, where inv is 1 / sqrt(the mean of (x-mean)^2 + eps) and both means are
// sums in the order of reduce, divided.
func layerNorm(r *run) error {
	in, out := r.in[0], r.out[0]
	gamma, beta := view[float32](r.in[1]), view[float32](r.in[2])
	eps := float32(r.Float(0))
	rows, n := in.Rows()
	split(rows, max(1, grain/4/n), func(from, to int64) {
		x, y := make([]float32, min(n, lanes)), make([]float32, min(n, lanes))
		src := floats(in)
		sums := rowFolder(n)
		for ; from < to; from++ {
			at := from * n
			mean := sums.row(src, at, op.Sum) / float32(n)
			squares := func(buf []float32, from int64) []float32 {
				for i, v := range src(x[:len(buf)], from) {
					buf[i] = float32((v - mean) * (v - mean))
				}
				return buf
			}
			variance := sums.row(squares, at, op.Sum) / float32(n)
			inv := 1 / float32(math.Sqrt(float64(variance+eps)))
			for i := int64(0); i < n; i += lanes {
				piece := src(x[:min(lanes, n-i)], at+i)
				for j, v := range piece {
					y[j] = float32(float32((v-mean)*inv)*gamma[i+int64(j)]) + beta[i+int64(j)]
				}
				narrow(out, at+i, y[:len(piece)])
			}
		}
	})
	return nil
}

// rowSums reduces single rows of n elements.
type rowSums struct {
	n       int64
	folder  folder[float32]
	partial []float32
}

func rowFolder(n int64) *rowSums {
	return &rowSums{n: n, folder: folder[float32]{inner: 1}, partial: make([]float32, (n+chunk-1)/chunk)}
}

func (s *rowSums) row(src source[float32], at, kind int64) float32 {
	f := &s.folder
	f.kind, f.start, f.src = kind, neutral[float32](kind), src
	for i := range s.partial {
		from := int64(i) * chunk
		s.partial[i] = f.fold(at+from, min(chunk, s.n-from), 1)[0]
	}
	if len(s.partial) == 1 {
		return s.partial[0]
	}
	f.src = func(buf []float32, from int64) []float32 { return s.partial[from:][:len(buf)] }
	return f.fold(0, int64(len(s.partial)), 1)[0]
}
