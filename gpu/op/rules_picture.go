package op

import (
	"fmt"
	"slices"
)

const maxSide = 1 << 20 // pixels of a picture, one way

// Pictures is a tensor's pictures in numbers.
type Pictures struct{ N, H, W, C int64 }

// Pictures takes a tensor as [n,] height, width, channels; zeros where that cannot be.
func (d Desc) Pictures() Pictures {
	switch s := d.Shape; len(s) {
	case 3:
		return Pictures{1, s[0], s[1], s[2]}
	case 4:
		return Pictures{s[0], s[1], s[2], s[3]}
	}
	return Pictures{}
}

func checkResize(s *step) error {
	in, out := s.in[0], s.out[0]
	a, b := in.Pictures(), out.Pictures()
	if a.N == 0 || len(in.Shape) != len(out.Shape) || a.N != b.N || a.C != b.C {
		return fmt.Errorf("%v to %v: [n,] height, width, channels", in, out)
	}
	if max(a.H, a.W, b.H, b.W) > maxSide {
		return fmt.Errorf("a picture of %v to %v: at most %d a side", in, out, maxSide)
	}
	if f := s.Int(0); f < Nearest || f > Lanczos3 {
		return fmt.Errorf("there is no filter %d", f)
	}
	return first(oneOf("the picture", in, U8, F32), sameType("the output", in, out))
}

// flopsResize counts the taps of both passes: as many as the picture shrinks, times the filter's width.
func flopsResize(s *step) int64 {
	a, b := s.in[0].Pictures(), s.out[0].Pictures()
	return mul(max(s.in[0].Elems(), s.out[0].Elems()), 8+6*(a.H/b.H+a.W/b.W))
}

func checkNormalise(s *step) error {
	a := s.in[0]
	p := a.Pictures()
	if a.DType != U8 || p.N == 0 {
		return fmt.Errorf("the picture is %v: u8 [n,] height, width, channels", a)
	}
	for _, d := range s.in[1:] {
		if err := exactly("", d, F32, p.C); err != nil {
			return err
		}
	}
	if err := flag("planar", s.Int(0)); err != nil {
		return err
	}
	want := slices.Clone(a.Shape)
	if s.Int(0) == 1 {
		copy(want[len(want)-3:], []int64{p.C, p.H, p.W})
	}
	return exactly("the output is ", s.out[0], F32, want...)
}
