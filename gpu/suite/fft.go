package suite

import (
	"fmt"
	"math/rand/v2"

	"levee/gpu/op"
)

// fftCases have lengths for one pass and for two, and some that are no powers of two; what is right is told by the processors.
func fftCases(r *rand.Rand) (list []Case) {
	for _, s := range [][2]int64{{1, 1}, {3, 2}, {1000, 4}, {7, 8}, {3, 256}, {5, 512}, {1, 4096}, {2, 8192}, {1, 1 << 14}, {3, 3}, {2, 100}, {4, 1000}, {1, 5000}, {1, 1 << 15}, {1, 9000}, {9, 128}, {3, 1024}, {1, 1 << 13}} {
		for inverse := range uint64(2) {
			list = append(list, fftCase(Random(r, op.F32, s[0], s[1], 2), inverse))
		}
	}
	for range 10 {
		n := 1 + r.Int64N(1200)
		list = append(list, fftCase(Random(r, op.F32, 1+r.Int64N(1+2000/n), n, 2), r.Uint64N(2)))
	}
	return append(list, fftCase(Wild(r, op.F32, 3, 64, 2), 1), fftCase(Wild(r, op.F32, 3, 10, 2), 0))
}

func fftCase(a Tensor, inverse uint64) Case {
	return Case{Name: fmt.Sprintf("%v, %d", a.Desc, inverse), Code: op.FFT, Params: []uint64{inverse}, In: []Tensor{a}, Out: []op.Desc{a.Desc}}
}
