package suite

import (
	"fmt"
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

func mapCases(r *rand.Rand) (list []Case) {
	floats := []op.DType{op.F32, op.F16, op.BF16}
	for _, x := range floats {
		for _, y := range floats {
			n := []int64{1, 300, 70_000}[r.IntN(3)]
			list = append(list, mapCase("axpb", []Tensor{Wild(r, x, n), Random(r, y, 1), Random(r, x, n)}, func(v []float64, _ int64) []float64 {
				return []float64{float64(float32(float32(v[1])*float32(v[0])) + float32(v[2]))}
			}, desc(y, n)))
		}
	}
	for _, x := range []op.DType{op.U8, op.I32} {
		for _, y := range []op.DType{op.U8, op.I32} {
			list = append(list, mapCase("stretch", []Tensor{Random(r, x, 7, 50)}, func(v []float64, _ int64) []float64 {
				w := float64(2*int32(v[0]) - 100)
				if y == op.U8 {
					w = min(max(w, 0), 255)
				}
				return []float64{w}
			}, desc(y, 7, 50)))
		}
	}
	list = append(list,
		mapCase("length", []Tensor{Wild(r, op.F64, 400), Wild(r, op.F64, 400)}, func(v []float64, _ int64) []float64 {
			return []float64{math.Sqrt(float64(v[0]*v[0]) + float64(v[1]*v[1]))}
		}, desc(op.F64, 400)),
		mapCase("divide", []Tensor{T(op.I64, []int64{5}, 7, -7, 9, 100, -1), T(op.I64, []int64{1}, 3)}, func(v []float64, _ int64) []float64 {
			return []float64{float64(int64(v[0]) / 3), float64(int64(v[0]) % 3)}
		}, desc(op.I64, 5), desc(op.I64, 5)),
		mapCase("mandel", []Tensor{Random(r, op.F32, 500), Random(r, op.F16, 500)}, func(v []float64, _ int64) []float64 {
			cx, cy, x, y, n := float32(v[0]), float32(v[1]), float32(0), float32(0), 0
			for ; n < 64 && float32(x*x)+float32(y*y) < 4; n++ {
				x, y = float32(float32(x*x)-float32(y*y))+cx, float32(float32(2*x)*y)+cy
			}
			return []float64{float64(n)}
		}, desc(op.I32, 500)))
	for _, x := range floats {
		late := mapCase("twice", []Tensor{Wild(r, x, 5000), Random(r, op.F32, 1)}, func(v []float64, _ int64) []float64 {
			return []float64{float64(float32(float32(v[0])*2) + float32(v[1]))}
		}, desc(x, 5000))
		late.Module = Late
		list = append(list, late)
	}
	image := Random(r, op.F32, 400)
	pixel := func(i int64) float32 {
		if i < 0 || i >= 400 {
			return 0
		}
		return float32(image.Get(i))
	}
	list = append(list, mapCase("stencil", []Tensor{image}, func(_ []float64, i int64) []float64 {
		return []float64{float64(float32(float32(0.25*pixel(i-1))+float32(0.5*pixel(i))) + float32(0.25*pixel(i+1)))}
	}, desc(op.F32, 450))) // beyond its end there is nothing but zeros
	index := Random(r, op.I32, 300)
	for i := range int64(200) {
		index.Set(i, float64(r.IntN(400)))
	}
	list = append(list, mapCase("lookup", []Tensor{Random(r, op.F32, 300), image, index}, func(v []float64, i int64) []float64 {
		return []float64{float64(float32(v[0]) + pixel(int64(index.Get(i))))}
	}, desc(op.F32, 300)))
	return list
}

// mapCase gives f the elements of the inputs that have as many as the output, or one for all.
func mapCase(kernel string, in []Tensor, f func(v []float64, i int64) []float64, out ...op.Desc) Case {
	n := out[0].Elems()
	return Case{Name: fmt.Sprintf("%s of %d %v", kernel, n, in[0].DType), Code: op.Map, Kernel: kernel, In: in, Out: out, Want: func(in []Tensor, out []op.Desc) [][]byte {
		list := make([]Tensor, len(out))
		for k, d := range out {
			list[k] = Zeros(d.DType, d.Shape...)
		}
		for i := range n {
			v := make([]float64, len(in))
			for k, t := range in {
				v[k] = t.Get(min(i, t.Elems()-1))
			}
			for k, x := range f(v, i) {
				list[k].Set(i, x)
			}
		}
		data := make([][]byte, len(list))
		for k := range list {
			data[k] = list[k].Data
		}
		return data
	}}
}
