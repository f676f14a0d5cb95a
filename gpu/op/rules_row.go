package op

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// rows asks for a last dimension that can be counted with 32 bits.
func rows(d Desc) error {
	if len(d.Shape) == 0 || d.Shape[len(d.Shape)-1] > math.MaxInt32 {
		return fmt.Errorf("%v has no last dimension, or a too long one", d)
	}
	return nil
}

func checkSoftmax(s *step) error {
	return first(rows(s.in[0]), oneOf("the input", s.in[0], F32, F16, BF16), alike("the output", s.in[0], s.out[0]))
}

func checkLayerNorm(s *step) error {
	if err := checkSoftmax(s); err != nil {
		return err
	}
	_, n := s.in[0].Rows()
	for _, d := range s.in[1:] {
		if err := exactly("", d, F32, n); err != nil {
			return err
		}
	}
	if eps := s.Float(0); !(eps >= 0 && eps <= math.MaxFloat32) {
		return fmt.Errorf("eps is %v", eps)
	}
	return nil
}

func checkSort(s *step) error {
	a := s.in[0]
	if err := first(rows(a), oneOf("the input", a, F32, I32, I64, F64), flag("descending", s.Int(0))); err != nil {
		return err
	}
	if len(s.out) != 2 {
		return errors.New("it gives the values and their index")
	}
	last := len(a.Shape) - 1
	for i, d := range s.out {
		if len(d.Shape) != len(a.Shape) || !slices.Equal(d.Shape[:last], a.Shape[:last]) || d.Shape[last] > a.Shape[last] {
			return fmt.Errorf("output %d is %v: the shape of %v, whose last dimension may be cut", i, d, a)
		}
	}
	return first(sameShape("the index", s.out[0], s.out[1]), sameType("the values", a, s.out[0]), oneOf("the index", s.out[1], I32))
}

func checkScan(s *step) error {
	return first(rows(s.in[0]), oneOf("the input", s.in[0], I32, I64, F32), alike("the output", s.in[0], s.out[0]), flag("exclusive", s.Int(0)))
}

const maxBins = 1 << 24

func checkHistogram(s *step) error {
	lo, hi := s.Float(0), s.Float(1)
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		return fmt.Errorf("the bins lie between %v and %v", lo, hi)
	}
	if d := s.out[0]; d.DType != I32 || len(d.Shape) != 1 || d.Shape[0] > maxBins || s.in[0].Elems() > math.MaxInt32 {
		return fmt.Errorf("%v in %v: i32 of rank 1, at most %d bins and 2^31-1 elements", s.in[0], d, maxBins)
	}
	return oneOf("the input", s.in[0], F32, I32, U8)
}

func checkRandom(s *step) error {
	return oneOf("the output", s.out[0], I32, F32)
}
