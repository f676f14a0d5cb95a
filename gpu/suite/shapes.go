package suite

import (
	"math/rand/v2"

	"levee/gpu/op"
)

// shapeCases are ops on tensors of whatever shape.
func shapeCases(r *rand.Rand) (list []Case) {
	for range 60 {
		d := allTypes[r.IntN(len(allTypes))]
		shape := randomShape(r)
		list = append(list, transposeCase(r, d, shape, order(r, len(shape))))
		start, step, out := make([]int64, len(shape)), make([]int64, len(shape)), make([]int64, len(shape))
		for i, n := range shape {
			start[i] = r.Int64N(n)
			step[i] = 1
			if r.IntN(3) == 0 {
				step[i] += r.Int64N(4)
			}
			out[i] = 1 + r.Int64N((n-1-start[i])/step[i]+1)
		}
		list = append(list, sliceCase(r, d, shape, start, step, out))
		kind := r.Int64N(op.Mean + 1)
		if kind == op.Mean && !d.Float() {
			kind = op.Sum
		}
		list = append(list, reduceCase(r, d, kind, shape, r.Int64N(int64(len(shape)))))
	}
	return list
}

// randomShape has one to six dimensions and some thousands of elements at most; one of the dimensions may be long.
func randomShape(r *rand.Rand) []int64 {
	shape := make([]int64, 1+r.IntN(op.MaxRank))
	left := int64(4000)
	for _, i := range order(r, len(shape)) {
		shape[i] = 1 + r.Int64N(min(left, 1<<(1+r.IntN(11))))
		left /= shape[i]
	}
	return shape
}

func order(r *rand.Rand, n int) []int64 {
	list := make([]int64, n)
	for i, k := range r.Perm(n) {
		list[i] = int64(k)
	}
	return list
}
