package suite

import (
	"fmt"
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

// fftCases have lengths for one pass and for two, and some that are no powers of two; what is right is told by the processors.
func fftCases(r *rand.Rand) (list []Case) {
	for _, n := range []int64{1, 64, 100} {
		for inverse := range uint64(2) {
			list = append(list, fastFFTCase(Random(r, op.F32, 3, n, 2), inverse))
		}
	}
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

// fastFFTCase is of the class op.Device: whatever does it comes near.
func fastFFTCase(a Tensor, inverse uint64) Case {
	c := fftCase(a, inverse)
	c.Name, c.Params, c.Near = "fast "+c.Name, []uint64{inverse, uint64(op.Device)}, nearFFT
	return c
}

// nearFFT lets numbers differ by 1e-5 of what is usual in their row: all of a row go into each of it.
func nearFFT(d op.Desc, got, want []byte) error {
	if far := farFFT(d, got, want); !(far <= 1e-5) {
		return fmt.Errorf("a number of %v is off by %.3g of what is usual in its row", d, far)
	}
	return nil
}

// farFFT is the largest difference between numbers, in parts of the root mean square of their row.
func farFFT(d op.Desc, got, want []byte) (far float64) {
	n := 2 * d.Shape[len(d.Shape)-2]
	for row := int64(0); row < d.Elems(); row += n {
		usual, most := 0.0, 0.0
		for i := 4 * row; i < 4*(row+n); i += 4 {
			x, y := number(op.F32, got[i:]), number(op.F32, want[i:])
			usual, most = usual+y*y, max(most, math.Abs(x-y)) // max keeps a NaN
		}
		if most > 0 || most != most {
			far = max(far, most/math.Sqrt(usual/float64(n)))
		}
	}
	return far
}

// CompareFFT says how far a transform of a tensor is from what an executor makes of it by the definition: see nearFFT.
func CompareFFT(ex Executor, a Tensor, inverse uint64, got []byte) (far float64, err error) {
	c := fftCase(a, inverse)
	want, err := c.run(ex)
	if err != nil {
		return 0, err
	}
	return farFFT(a.Desc, got, want[0]), nearFFT(a.Desc, got, want[0])
}
