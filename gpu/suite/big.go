package suite

import (
	"math"
	"math/rand/v2"
	"slices"

	"levee/gpu/op"
)

// bigCases have about n elements each; what they give is compared with the executor on the processors.
func bigCases(n int64) (list []Case) {
	r := rand.New(rand.NewPCG(uint64(n), 5))
	side := int64(math.Sqrt(float64(n)))
	add := func(c Case) {
		c.Want = nil
		list = append(list, c)
	}
	add(Case{Name: "all", Code: op.Random, Params: []uint64{r.Uint64(), r.Uint64()}, Out: []op.Desc{desc(op.F32, n)}})
	add(Case{Name: "all", Code: op.Fill, Params: []uint64{float(1.5)}, Out: []op.Desc{desc(op.F16, n+3)}})
	bits := quick(r, op.I64, n)
	for _, from := range allTypes {
		in := Tensor{desc(from, n), bits.Data[:n*from.Size()]}
		for _, to := range allTypes {
			add(Case{Name: from.String() + " to " + to.String(), Code: op.Cast, In: []Tensor{in}, Out: []op.Desc{desc(to, n)}})
		}
		for kind := op.Sum; kind <= op.Mean; kind++ {
			if kind == op.Mean && !from.Float() {
				continue
			}
			values := in
			if from.Float() {
				values = quick(r, from, n)
			}
			k := []uint64{uint64(kind)}
			add(Case{Name: "all " + from.String(), Code: op.Reduce, Params: append(k, 0), In: []Tensor{values}, Out: []op.Desc{reduced(from, int64(kind), 1)}})
			values = Tensor{desc(from, side, side), values.Data[:side*side*from.Size()]}
			add(Case{Name: "rows " + from.String(), Code: op.Reduce, Params: append(k, 1), In: []Tensor{values}, Out: []op.Desc{reduced(from, int64(kind), side, 1)}})
			add(Case{Name: "columns " + from.String(), Code: op.Reduce, Params: append(k, 0), In: []Tensor{values}, Out: []op.Desc{reduced(from, int64(kind), 1, side)}})
		}
		square := Tensor{desc(from, side, side), bits.Data[:side*side*from.Size()]}
		c := transposeCase(r, from, []int64{1, 1}, []int64{1, 0})
		c.In, c.Out = []Tensor{square}, []op.Desc{square.Desc}
		add(c)
		c = sliceCase(r, from, []int64{1, 1}, []int64{1, 2}, []int64{2, 3}, []int64{1, 1})
		c.In, c.Out = []Tensor{square}, []op.Desc{desc(from, (side-1)/2, (side-4)/3)}
		add(c)
	}
	for _, d := range rowTypes {
		for _, row := range []int64{7, 200, 1000, 2000, 8000, 100_000} {
			rows := max(1, n/row)
			in := Tensor{desc(d, rows, row), quick(r, d, rows*row).Data}
			add(softmaxCase(in))
			add(normCase(r, in, 1e-5))
		}
		add(mapCase("axpb", []Tensor{quick(r, d, n), quick(r, op.F32, 1), quick(r, op.F32, n)}, nil, desc(d, n)))
	}
	add(mapCase("mandel", []Tensor{quick(r, op.F32, n), quick(r, op.F16, n)}, nil, desc(op.I32, n)))
	add(mapCase("length", []Tensor{quick(r, op.F64, n), quick(r, op.F64, n)}, nil, desc(op.F64, n)))
	add(mapCase("stencil", []Tensor{quick(r, op.F32, n)}, nil, desc(op.F32, n)))
	return slices.Concat(list, bigMatrixCases(r), bigSortCases(r, n), bigPictureCases(r, n), bigFFTCases(r, n))
}

// quick makes many random numbers: floats are between -2 and 2.
func quick(r *rand.Rand, d op.DType, n int64) Tensor {
	t := Zeros(d, n)
	for i := 0; i+8 <= len(t.Data); i += 8 {
		le.PutUint64(t.Data[i:], r.Uint64())
	}
	if !d.Float() {
		return t
	}
	size := int(d.Size())
	for i := size - 1; i < len(t.Data); i += size { // the exponent: not above that of 1
		t.Data[i] &= 0xbf
		if t.Data[i]&0x7f == 0x3f && d != op.F16 {
			t.Data[i-1] &= 0xbf
		}
	}
	return t
}

func quickOf(r *rand.Rand, d op.DType, shape ...int64) Tensor {
	t := Tensor{Desc: desc(d, shape...)}
	t.Data = quick(r, d, t.Elems()).Data
	return t
}
