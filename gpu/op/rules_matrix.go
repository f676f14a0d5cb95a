package op

import (
	"fmt"
	"slices"
)

// matrixTypes are the element types of Gemm and Conv2D: inputs alike, the output as they or f32, the bias of the sum's type.
func matrixTypes(in, out []Desc) error {
	a := in[0].DType
	sum := F32
	if a == F64 {
		sum = F64
	}
	err := first(oneOf("the first input", in[0], F16, BF16, F32, F64), sameType("the second input", in[0], in[1]), oneOf("the output", out[0], a, sum))
	if len(in) == 3 {
		err = first(err, oneOf("the bias", in[2], sum))
	}
	return err
}

func activation(v int64) error {
	if v != NoActivation && v != ReLU {
		return fmt.Errorf("there is no activation %d", v)
	}
	return nil
}

// GemmShape is a checked Gemm in numbers.
type GemmShape struct {
	Batch, M, N, K int64
	SharedB        bool // one b for all of the batch
}

// Shape gives the numbers of a checked Gemm.
func (o *Op) GemmShape(a, b Desc) GemmShape {
	s := GemmShape{Batch: 1}
	if len(a.Shape) == 3 {
		s.Batch = a.Shape[0]
	}
	s.SharedB = len(b.Shape) < len(a.Shape)
	s.M, s.K = a.Shape[len(a.Shape)-2], a.Shape[len(a.Shape)-1]
	if o.Int(0) == 1 {
		s.M, s.K = s.K, s.M
	}
	s.N = b.Shape[len(b.Shape)-1]
	if o.Int(1) == 1 {
		s.N = b.Shape[len(b.Shape)-2]
	}
	return s
}

func checkGemm(_ *checker, o *Op, in, out []Desc) error {
	a, b := in[0], in[1]
	if err := first(matrixTypes(in, out), flag("transA", o.Int(0)), flag("transB", o.Int(1)), activation(o.Int(3))); err != nil {
		return err
	}
	if len(a.Shape) < 2 || len(a.Shape) > 3 || len(b.Shape) < 2 || len(b.Shape) > len(a.Shape) {
		return fmt.Errorf("%v times %v: two dimensions, or three with a batch", a, b)
	}
	s := o.GemmShape(a, b)
	k := b.Shape[len(b.Shape)-2+int(o.Int(1))]
	want := []int64{s.Batch, s.M, s.N}[3-len(a.Shape):]
	switch {
	case k != s.K || len(b.Shape) == 3 && b.Shape[0] != s.Batch:
		return fmt.Errorf("%v does not fit %v", b, a)
	case !slices.Equal(out[0].Shape, want):
		return fmt.Errorf("the output is %v, its shape must be %v", out[0], want)
	case len(in) == 3 && !slices.Equal(in[2].Shape, []int64{s.N}):
		return fmt.Errorf("the bias is %v, its shape must be [%d]", in[2], s.N)
	}
	return nil
}

func flopsGemm(_ *checker, o *Op, in, _ []Desc) int64 {
	s := o.GemmShape(in[0], in[1])
	return mul(mul(mul(s.Batch, s.M), s.N), mul(2, s.K))
}

func checkConv(_ *checker, o *Op, in, out []Desc) error {
	x, w := in[0], in[1]
	if err := first(matrixTypes(in, out), activation(o.Int(6))); err != nil {
		return err
	}
	if len(x.Shape) != 4 || len(w.Shape) != 4 || x.Shape[3] != w.Shape[3] {
		return fmt.Errorf("%v with weights %v: [n, height, width, channels] and [outputs, height, width, channels]", x, w)
	}
	want := []int64{x.Shape[0], 0, 0, w.Shape[0]}
	for i := range 2 {
		stride, pad, dilation := o.Int(i), o.Int(2+i), o.Int(4+i)
		size, kernel := x.Shape[1+i], w.Shape[1+i]
		if stride < 1 || stride > maxSide || pad < 0 || pad > maxSide || dilation < 1 || dilation > maxSide || size > maxSide || kernel > maxSide {
			return fmt.Errorf("stride %d, padding %d, dilation %d over %v", stride, pad, dilation, x)
		}
		covered := size + 2*pad - dilation*(kernel-1)
		if covered < 1 {
			return fmt.Errorf("the weights %v are larger than %v", w, x)
		}
		want[1+i] = (covered-1)/stride + 1
	}
	if !slices.Equal(out[0].Shape, want) {
		return fmt.Errorf("the output is %v, its shape must be %v", out[0], want)
	}
	if len(in) == 3 && !slices.Equal(in[2].Shape, want[3:]) {
		return fmt.Errorf("the bias is %v, its shape must be %v", in[2], want[3:])
	}
	return nil
}

func flopsConv(_ *checker, _ *Op, in, out []Desc) int64 {
	w := in[1].Shape
	return mul(mul(out[0].Elems(), 2), mul(mul(w[1], w[2]), w[3]))
}

const maxFFT = 1 << 24

func checkFFT(_ *checker, o *Op, in, out []Desc) error {
	if len(o.Params) != 1 && len(o.Params) != 2 {
		return fmt.Errorf("%d parameters, it takes 1 or 2", len(o.Params))
	}
	if len(o.Params) == 2 && o.Params[1] > uint64(Device) {
		return fmt.Errorf("the class is %d: 0 exact or 1 device", o.Params[1])
	}
	a := in[0]
	n := len(a.Shape)
	if a.DType != F32 || n < 2 || a.Shape[n-1] != 2 || a.Shape[n-2] > maxFFT {
		return fmt.Errorf("the signal is %v: f32 [..., n, 2] with n at most %d", a, maxFFT)
	}
	return first(sameShape("the output", a, out[0]), sameType("the output", a, out[0]), flag("inverse", o.Int(0)))
}

func flopsFFT(_ *checker, _ *Op, in, _ []Desc) int64 {
	a := in[0]
	n := a.Shape[len(a.Shape)-2]
	log := int64(2)
	for v := n; v > 1; v /= 2 {
		log++
	}
	if n&(n-1) != 0 {
		log *= 6 // Bluestein: three transforms of at least twice the length
	}
	return mul(a.Elems(), 5*log)
}
