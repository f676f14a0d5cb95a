package suite

import (
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

var rowTypes = []op.DType{op.F32, op.F16, op.BF16}

// rowCases are those of Softmax and LayerNorm.
func rowCases(r *rand.Rand) (list []Case) {
	for _, d := range rowTypes {
		for _, shape := range [][]int64{{1}, {3, 5}, {5, 100}, {9, 256}, {2, 301}, {2, 300}, {1, 1000}, {1, 1025}, {2, 1500}, {2, 2049}, {1, 3000}, {1, 6004}, {1, 8500}, {35, 64}, {3, 504}, {3, 130}, {2, 770}} {
			list = append(list, softmaxCase(Random(r, d, shape...)), softmaxCase(Wild(r, d, shape...)), normCase(r, Random(r, d, shape...), 1e-5), normCase(r, Wild(r, d, shape...), 0))
		}
	}
	for _, shape := range [][]int64{{4100, 8}, {258, 1028}, {2, 4352}, {2, 7936}} { // more rows than there are blocks; rows that end within what a thread makes at a time
		list = append(list, softmaxCase(Random(r, op.F16, shape...)), normCase(r, Random(r, op.F16, shape...), 0))
	}
	for i, shape := range [][]int64{{2, 12_115}, {3, 9001}, {2, 59_000}, {2, 58_999}, {5, 8500}} { // in a block's own memory, or most of it
		d := rowTypes[i%3]
		list = append(list, softmaxCase(Wild(r, d, shape...)), softmaxCase(Random(r, d, shape...)), normCase(r, Random(r, d, shape...), 1e-5))
	}
	far := Random(r, op.F16, 5, 2048) // rows of numbers near 0, but one
	for i, x := range []float64{60, -60, -3000, nan, math.Inf(1)} {
		far.Set(int64(i)*2048+2040, x)
	}
	list = append(list, softmaxCase(far))
	list = append(list, softmaxCase(Random(r, op.F32, 1, 66_000)), normCase(r, Random(r, op.F32, 1, 66_000), 1e-5)) // in more than one chunk
	inf := math.Inf(1)
	list = append(list,
		Case{Name: "by hand", Code: op.Softmax, In: []Tensor{T(op.F32, []int64{3, 2}, 7, 7, -200, 0, 0, -inf)}, Out: []op.Desc{desc(op.F32, 3, 2)},
			Want: func([]Tensor, []op.Desc) [][]byte {
				return [][]byte{T(op.F32, []int64{3, 2}, 0.5, 0.5, 0, 1, 1, 0).Data}
			}},
		Case{Name: "what is no distribution", Code: op.Softmax, In: []Tensor{T(op.F16, []int64{3, 2}, inf, 0, -inf, -inf, 1, nan)}, Out: []op.Desc{desc(op.F16, 3, 2)},
			Want: func([]Tensor, []op.Desc) [][]byte {
				return [][]byte{T(op.F16, []int64{3, 2}, nan, nan, nan, nan, nan, nan).Data}
			}},
		Case{Name: "by hand", Code: op.LayerNorm, Params: []uint64{float(0)}, Out: []op.Desc{desc(op.F32, 2, 4)},
			In: []Tensor{T(op.F32, []int64{2, 4}, 1, 1, 3, 3, 5, 5, 5, 5), T(op.F32, []int64{4}, 1, 2, 1, 2), T(op.F32, []int64{4}, 0, 0, 10, 0)},
			Want: func([]Tensor, []op.Desc) [][]byte {
				return [][]byte{T(op.F32, []int64{2, 4}, -1, -2, 11, 2, nan, nan, nan, nan).Data}
			}})
	return list
}

func softmaxCase(in Tensor) Case {
	return Case{Name: in.String(), Code: op.Softmax, In: []Tensor{in}, Out: []op.Desc{in.Desc}, Want: func(in []Tensor, out []op.Desc) [][]byte {
		return eachRow(in[0], func(x []float32) []float32 {
			m := x[0]
			for _, v := range x {
				m = max(m, v)
			}
			for i := range x {
				x[i] = exp(x[i] - m)
			}
			inv := 1 / lanes(x, both[float32](op.Sum), 0)
			for i := range x {
				x[i] *= inv
			}
			return x
		})
	}}
}

func normCase(r *rand.Rand, in Tensor, eps float64) Case {
	n := in.Shape[len(in.Shape)-1]
	return Case{Name: in.String(), Code: op.LayerNorm, Params: []uint64{float(eps)}, In: []Tensor{in, Random(r, op.F32, n), Random(r, op.F32, n)}, Out: []op.Desc{in.Desc},
		Want: func(in []Tensor, out []op.Desc) [][]byte {
			return eachRow(in[0], func(x []float32) []float32 {
				mean := lanes(x, both[float32](op.Sum), 0) / float32(n)
				squares := make([]float32, n)
				for i := range x {
					x[i] -= mean
					squares[i] = float32(x[i] * x[i])
				}
				variance := lanes(squares, both[float32](op.Sum), 0) / float32(n)
				inv := 1 / float32(math.Sqrt(float64(variance+float32(eps))))
				for i := range x {
					y := float32(x[i] * inv)
					y = float32(y * float32(in[1].Get(int64(i))))
					x[i] = y + float32(in[2].Get(int64(i)))
				}
				return x
			})
		}}
}

func eachRow(in Tensor, f func([]float32) []float32) [][]byte {
	t := Zeros(in.DType, in.Shape...)
	rows, n := in.Rows()
	for k := range rows {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(in.Get(k*n + int64(i)))
		}
		for i, y := range f(x) {
			t.Set(k*n+int64(i), float64(y))
		}
	}
	return [][]byte{t.Data}
}

// exp is the one of the documents, in f64 rounded to f32 after each step, which is the same.
func exp(x32 float32) float32 {
	x, f := float64(x32), func(x float64) float64 { return float64(float32(x)) }
	switch {
	case x > float64(float32(88.72284)):
		return float32(math.Inf(1))
	case x < float64(float32(-103.97208)):
		return 0
	case x != x:
		return x32
	}
	n := math.RoundToEven(f(x * f(1.44269504)))
	r := f(f(x-f(n*f(0.693359375))) - f(n*f(-2.12194440e-4)))
	p := f(1.9875691500e-4)
	for _, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = f(f(p*r) + f(c))
	}
	p = f(f(f(p*f(r*r))+r) + 1)
	return float32(math.Ldexp(p, int(n)))
}
