package suite

import (
	"fmt"
	"math/rand/v2"

	"levee/gpu/op"
)

// stridedCases are those of Transpose and Slice.
func stridedCases(r *rand.Rand) (list []Case) {
	for _, d := range []op.DType{op.U8, op.F16, op.I32, op.F64} {
		for _, c := range []struct{ shape, perm []int64 }{
			{nil, nil}, {[]int64{5}, []int64{0}}, {[]int64{37, 70}, []int64{1, 0}}, {[]int64{64, 32}, []int64{1, 0}}, {[]int64{132, 72}, []int64{1, 0}}, {[]int64{2, 24, 12, 3}, []int64{2, 3, 0, 1}}, {[]int64{3, 65, 33}, []int64{0, 2, 1}},
			{[]int64{3, 9, 33}, []int64{2, 1, 0}}, {[]int64{4, 5, 16}, []int64{1, 0, 2}}, {[]int64{9, 40, 16 / d.Size()}, []int64{1, 0, 2}}, {[]int64{2, 3, 4, 5}, []int64{3, 1, 0, 2}}, {[]int64{1, 9, 1, 40}, []int64{3, 2, 1, 0}},
			{[]int64{2, 3, 2, 3, 2, 9}, []int64{5, 3, 1, 4, 2, 0}}, {[]int64{3, 2, 3, 2, 9, 8}, []int64{2, 5, 0, 4, 1, 3}},
		} {
			list = append(list, transposeCase(r, d, c.shape, c.perm))
		}
		for _, c := range []struct{ shape, perm []int64 }{ // tiles of 16 bytes and of words, and their edges; pixels to planes and back
			{[]int64{144, 272}, []int64{1, 0}}, {[]int64{136, 4400}, []int64{1, 0}}, {[]int64{2, 16, 3, 80}, []int64{0, 3, 2, 1}}, {[]int64{20, 260}, []int64{1, 0}}, {[]int64{260, 20}, []int64{1, 0}}, {[]int64{8, 9}, []int64{1, 0}},
			{[]int64{2, 4, 40, 2}, []int64{0, 3, 1, 2}}, {[]int64{3, 20, 4, 3}, []int64{0, 3, 1, 2}}, {[]int64{333, 3}, []int64{1, 0}}, {[]int64{3, 5, 64, 4}, []int64{3, 0, 1, 2}},
			{[]int64{2, 2, 4, 40}, []int64{0, 2, 3, 1}}, {[]int64{3, 3, 20, 4}, []int64{0, 2, 3, 1}}, {[]int64{3, 333}, []int64{1, 0}}, {[]int64{4, 5, 64}, []int64{2, 1, 0}}, {[]int64{4, 5, 64}, []int64{1, 2, 0}},
		} {
			list = append(list, transposeCase(r, d, c.shape, c.perm))
		}
		for _, c := range []struct{ shape, start, step, out []int64 }{
			{[]int64{10}, []int64{3}, []int64{1}, []int64{6}}, {[]int64{100}, []int64{1}, []int64{3}, []int64{33}}, {[]int64{8, 32}, []int64{2, 8}, []int64{2, 1}, []int64{3, 16}},
			{[]int64{9, 5, 33}, []int64{1, 0, 2}, []int64{4, 1, 3}, []int64{2, 5, 10}}, {[]int64{4, 4}, []int64{3, 0}, []int64{1 << 60, 1}, []int64{1, 4}},
			{[]int64{2, 3, 2, 3, 2, 5}, []int64{1, 0, 0, 1, 0, 1}, []int64{1, 2, 1, 1, 1, 2}, []int64{1, 2, 2, 2, 2, 2}}, {nil, nil, nil, nil}, {[]int64{5, 1100}, []int64{1, 1}, []int64{2, 1}, []int64{2, 1029}}, {[]int64{9, 1025}, []int64{0, 3}, []int64{1, 1}, []int64{9, 1019}},
		} {
			list = append(list, sliceCase(r, d, c.shape, c.start, c.step, c.out))
		}
	}
	return list
}

func words(lists ...[]int64) (w []uint64) {
	for _, list := range lists {
		for _, v := range list {
			w = append(w, uint64(v))
		}
	}
	return w
}

func transposeCase(r *rand.Rand, d op.DType, shape, perm []int64) Case {
	out := make([]int64, len(shape))
	for i, p := range perm {
		out[i] = shape[p]
	}
	return Case{Name: fmt.Sprintf("%v of %v by %v", d, shape, perm), Code: op.Transpose, Params: words(perm), In: []Tensor{Wild(r, d, shape...)}, Out: []op.Desc{desc(d, out...)},
		Want: func(in []Tensor, _ []op.Desc) [][]byte {
			t := Zeros(d, out...)
			from := make([]int64, len(shape))
			each(out, func(i int64, at []int64) {
				for k, p := range perm {
					from[p] = at[k]
				}
				t.setBits(i, in[0].bits(place(shape, from)))
			})
			return [][]byte{t.Data}
		}}
}

func sliceCase(r *rand.Rand, d op.DType, shape, start, step, out []int64) Case {
	return Case{Name: fmt.Sprintf("%v of %v from %v by %v", d, shape, start, step), Code: op.Slice, Params: words(start, step), In: []Tensor{Wild(r, d, shape...)},
		Out: []op.Desc{desc(d, out...)},
		Want: func(in []Tensor, _ []op.Desc) [][]byte {
			t := Zeros(d, out...)
			from := make([]int64, len(shape))
			each(out, func(i int64, at []int64) {
				for k := range at {
					from[k] = start[k] + at[k]*step[k]
				}
				t.setBits(i, in[0].bits(place(shape, from)))
			})
			return [][]byte{t.Data}
		}}
}
