package op

import (
	"fmt"
	"slices"
)

const maxSide = 1 << 20 // pixels of a picture, one way

func checkResize(_ *checker, o *Op, in, out []Desc) error {
	a, b := in[0], out[0]
	n := len(a.Shape)
	if n < 3 || n > 4 || len(b.Shape) != n || a.Shape[n-1] != b.Shape[n-1] || n == 4 && a.Shape[0] != b.Shape[0] {
		return fmt.Errorf("%v to %v: [n,] height, width, channels", a, b)
	}
	for _, d := range []int64{a.Shape[n-3], a.Shape[n-2], b.Shape[n-3], b.Shape[n-2]} {
		if d > maxSide {
			return fmt.Errorf("a picture of %v to %v: at most %d a side", a, b, maxSide)
		}
	}
	if f := o.Int(0); f < Nearest || f > Lanczos3 {
		return fmt.Errorf("there is no filter %d", f)
	}
	return first(oneOf("the picture", a, U8, F32), sameType("the output", a, b))
}

// flopsResize counts the taps of both passes: as many as the picture shrinks, times the filter's width.
func flopsResize(_ *checker, _ *Op, in, out []Desc) int64 {
	a, b := in[0], out[0]
	n := len(a.Shape)
	taps := 8 + 6*(a.Shape[n-3]/b.Shape[n-3]+a.Shape[n-2]/b.Shape[n-2])
	return mul(max(a.Elems(), b.Elems()), taps)
}

func checkNormalise(_ *checker, o *Op, in, out []Desc) error {
	a := in[0]
	n := len(a.Shape)
	if a.DType != U8 || n < 3 || n > 4 {
		return fmt.Errorf("the picture is %v: u8 [n,] height, width, channels", a)
	}
	c := a.Shape[n-1]
	for _, d := range in[1:] {
		if d.DType != F32 || !slices.Equal(d.Shape, []int64{c}) {
			return fmt.Errorf("%v, it must be %v", d, Desc{F32, []int64{c}})
		}
	}
	if err := flag("planar", o.Int(0)); err != nil {
		return err
	}
	want := slices.Clone(a.Shape)
	if o.Int(0) == 1 {
		want[n-3], want[n-2], want[n-1] = c, a.Shape[n-3], a.Shape[n-2]
	}
	if out[0].DType != F32 || !slices.Equal(out[0].Shape, want) {
		return fmt.Errorf("the output is %v, it must be %v", out[0], Desc{F32, want})
	}
	return nil
}
