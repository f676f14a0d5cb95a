package suite

import (
	"fmt"
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

// gemmCases are those of Gemm. What is right is told by the processors, whose tests have another definition.
func gemmCases(r *rand.Rand) (list []Case) {
	shapes := []op.GemmShape{{Batch: 1, M: 1, N: 1, K: 1}, {Batch: 2, M: 17, N: 9, K: 3}, {Batch: 3, M: 5, N: 16, K: 40, SharedB: true}, {Batch: 1, M: 130, N: 136, K: 33},
		{Batch: 1, M: 8, N: 264, K: 72}}
	for i, s := range shapes {
		for _, d := range matrixTypes {
			for ways := range uint64(4) {
				list = append(list, gemmCase(r, Random, d.in, d.out, s, ways, ways != 1, uint64(i)%2))
			}
			if d.in.Size() > 2 {
				list = append(list, gemmCase(r, Wild, d.in, d.out, s, 0, true, 1))
			}
		}
	}
	return list
}

var matrixTypes = []struct{ in, out op.DType }{{op.F32, op.F32}, {op.F64, op.F64}, {op.F16, op.F16}, {op.F16, op.F32}, {op.BF16, op.BF16}, {op.BF16, op.F32}}

type maker func(r *rand.Rand, d op.DType, shape ...int64) Tensor

func gemmCase(r *rand.Rand, make maker, in, out op.DType, s op.GemmShape, ways uint64, bias bool, relu uint64) Case {
	transA, transB := ways&1, ways>>1
	pair := func(trans uint64, a, b int64) []int64 {
		if trans == 1 {
			a, b = b, a
		}
		return []int64{s.Batch, a, b}
	}
	a, b := pair(transA, s.M, s.K), pair(transB, s.K, s.N)
	if s.SharedB {
		b = b[1:]
	}
	c := Case{Name: fmt.Sprintf("%v %v to %v, %d, bias %v, activation %d", s, in, out, ways, bias, relu), Code: op.Gemm,
		Params: []uint64{transA, transB, float(r.NormFloat64()), relu}, In: []Tensor{make(r, in, a...), make(r, in, b...)},
		Out: []op.Desc{desc(out, s.Batch, s.M, s.N)}, Near: nearSum(in, s.K)}
	if bias {
		c.In = append(c.In, make(r, sumOf(in), s.N))
	}
	return c
}

// sumOf is the type in which products are added up.
func sumOf(d op.DType) op.DType {
	if d == op.F64 {
		return op.F64
	}
	return op.F32
}

// nearSum lets sums of 16-bit floats differ as their order makes them, and by one step of the output's type.
func nearSum(in op.DType, k int64) func(d op.Desc, got, want []byte) error {
	if in.Size() > 2 {
		return nil
	}
	return func(d op.Desc, got, want []byte) error {
		step := map[op.DType]float64{op.F32: 1e-5, op.F16: math.Exp2(-10), op.BF16: math.Exp2(-7)}[d.DType]
		for i := range d.Elems() {
			at := i * d.DType.Size()
			x, y := number(d.DType, got[at:]), number(d.DType, want[at:])
			if !(math.Abs(x-y) <= step*math.Abs(y)+1e-5*math.Sqrt(float64(k))) {
				return fmt.Errorf("element %d of %v is %v, far from %v", i, d, x, y)
			}
		}
		return nil
	}
}

// convCases are those of Conv2D.
func convCases(r *rand.Rand) (list []Case) {
	for i, d := range matrixTypes {
		pairs := func(low, high int64) [2]int64 {
			return [2]int64{low + r.Int64N(high-low+1), low + r.Int64N(high-low+1)}
		}
		for range 3 {
			list = append(list, convCase(r, Random, d.in, d.out, 1+r.Int64N(2), 1+r.Int64N(9), 1+r.Int64N(20), pairs(5, 12), pairs(1, 3), pairs(1, 3), pairs(0, 2), pairs(1, 2), uint64(i)%2))
		}
		one := [2]int64{1, 1}
		list = append(list, convCase(r, Random, d.in, d.out, 2, 8, 24, [2]int64{7, 9}, one, one, [2]int64{}, one, 0)) // its windows are its pixels
		list = append(list, convCase(r, Random, d.in, d.out, 2, 16, 24, [2]int64{7, 9}, [2]int64{3, 3}, [2]int64{2, 1}, one, [2]int64{1, 2}, 1),
			convCase(r, Random, d.in, d.out, 1, 64, 8, [2]int64{21, 40}, [2]int64{3, 3}, [2]int64{2, 2}, one, one, 1),
			convCase(r, Random, d.in, d.out, 2, 8, 8, [2]int64{30, 9}, one, [2]int64{8, 3}, [2]int64{}, one, 0),
			convCase(r, Random, d.in, d.out, 2, 72, 16, [2]int64{13, 7}, [2]int64{3, 2}, one, [2]int64{1, 2}, [2]int64{2, 1}, 0))
		if d.in.Size() > 2 {
			list = append(list, convCase(r, Wild, d.in, d.out, 1, 3, 4, [2]int64{9, 9}, [2]int64{3, 3}, one, one, one, 1))
		}
	}
	return list
}

func convCase(r *rand.Rand, make maker, in, out op.DType, images, channels, outputs int64, size, kernel, stride, pad, dilation [2]int64, relu uint64) Case {
	y := [2]int64{}
	c := Case{Code: op.Conv2D}
	for _, list := range [][2]int64{stride, pad, dilation} {
		c.Params = append(c.Params, uint64(list[0]), uint64(list[1]))
	}
	c.Params = append(c.Params, relu)
	for i := range y {
		y[i] = (size[i]+2*pad[i]-dilation[i]*(kernel[i]-1)-1)/stride[i] + 1
	}
	x, w := make(r, in, images, size[0], size[1], channels), make(r, in, outputs, kernel[0], kernel[1], channels)
	c.Name = fmt.Sprintf("%v %v to %v, stride %v, padding %v, dilation %v", x.Desc, w.Desc, out, stride, pad, dilation)
	c.In, c.Out = []Tensor{x, w, make(r, sumOf(in), outputs)}, []op.Desc{desc(out, images, y[0], y[1], outputs)}
	c.Near = nearSum(in, kernel[0]*kernel[1]*channels)
	return c
}
