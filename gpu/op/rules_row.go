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

func checkSoftmax(_ *checker, _ *Op, in, out []Desc) error {
	return first(rows(in[0]), oneOf("the input", in[0], F32, F16, BF16), sameShape("the output", in[0], out[0]), sameType("the output", in[0], out[0]))
}

func checkLayerNorm(c *checker, o *Op, in, out []Desc) error {
	if err := checkSoftmax(c, o, in, out); err != nil {
		return err
	}
	_, n := in[0].Rows()
	for _, d := range in[1:] {
		if d.DType != F32 || !slices.Equal(d.Shape, []int64{n}) {
			return fmt.Errorf("%v, it must be %v", d, Desc{F32, []int64{n}})
		}
	}
	if eps := o.Float(0); !(eps >= 0 && eps <= math.MaxFloat32) {
		return fmt.Errorf("eps is %v", eps)
	}
	return nil
}

func checkSort(_ *checker, o *Op, in, out []Desc) error {
	a := in[0]
	if err := first(rows(a), oneOf("the input", a, F32, I32, I64, F64), flag("descending", o.Int(0))); err != nil {
		return err
	}
	if len(out) != 2 {
		return errors.New("it gives the values and their index")
	}
	last := len(a.Shape) - 1
	for i, d := range out {
		if len(d.Shape) != len(a.Shape) || !slices.Equal(d.Shape[:last], a.Shape[:last]) || d.Shape[last] > a.Shape[last] {
			return fmt.Errorf("output %d is %v: the shape of %v, whose last dimension may be cut", i, d, a)
		}
	}
	return first(sameShape("the index", out[0], out[1]), sameType("the values", a, out[0]), oneOf("the index", out[1], I32))
}

func checkScan(_ *checker, o *Op, in, out []Desc) error {
	return first(rows(in[0]), oneOf("the input", in[0], I32, I64, F32), sameShape("the output", in[0], out[0]), sameType("the output", in[0], out[0]), flag("exclusive", o.Int(0)))
}

const maxBins = 1 << 24

func checkHistogram(_ *checker, o *Op, in, out []Desc) error {
	lo, hi := o.Float(0), o.Float(1)
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		return fmt.Errorf("the bins lie between %v and %v", lo, hi)
	}
	if d := out[0]; d.DType != I32 || len(d.Shape) != 1 || d.Shape[0] > maxBins || in[0].Elems() > math.MaxInt32 {
		return fmt.Errorf("%v in %v: i32 of rank 1, at most %d bins and 2^31-1 elements", in[0], d, maxBins)
	}
	return oneOf("the input", in[0], F32, I32, U8)
}

func checkRandom(_ *checker, _ *Op, _, out []Desc) error {
	return oneOf("the output", out[0], I32, F32)
}
