package op

import (
	"fmt"
	"math/bits"
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

// shapes asks for the shape of the output of a Gemm or Conv2D, and for a bias, if there is one, of its last dimension.
func (s *step) shapes(want []int64) error {
	err := shaped("the output", s.out[0], want...)
	if len(s.in) == 3 {
		err = first(err, shaped("the bias", s.in[2], want[len(want)-1]))
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

// GemmShape gives the numbers of a checked Gemm.
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

func checkGemm(s *step) error {
	a, b := s.in[0], s.in[1]
	if err := first(matrixTypes(s.in, s.out), flag("transA", s.Int(0)), flag("transB", s.Int(1)), activation(s.Int(3))); err != nil {
		return err
	}
	if len(a.Shape) < 2 || len(a.Shape) > 3 || len(b.Shape) < 2 || len(b.Shape) > len(a.Shape) {
		return fmt.Errorf("%v times %v: two dimensions, or three with a batch", a, b)
	}
	g := s.GemmShape(a, b)
	k := b.Shape[len(b.Shape)-2+int(s.Int(1))]
	want := []int64{g.Batch, g.M, g.N}[3-len(a.Shape):]
	if k != g.K || len(b.Shape) == 3 && b.Shape[0] != g.Batch {
		return fmt.Errorf("%v does not fit %v", b, a)
	}
	return s.shapes(want)
}

func flopsGemm(s *step) int64 {
	g := s.GemmShape(s.in[0], s.in[1])
	return mul(mul(mul(g.Batch, g.M), g.N), mul(2, g.K))
}

func checkConv(s *step) error {
	x, w := s.in[0], s.in[1]
	if err := first(matrixTypes(s.in, s.out), activation(s.Int(6))); err != nil {
		return err
	}
	if len(x.Shape) != 4 || len(w.Shape) != 4 || x.Shape[3] != w.Shape[3] {
		return fmt.Errorf("%v with weights %v: [n, height, width, channels] and [outputs, height, width, channels]", x, w)
	}
	want := []int64{x.Shape[0], 0, 0, w.Shape[0]}
	for i := range 2 {
		stride, pad, dilation := s.Int(i), s.Int(2+i), s.Int(4+i)
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
	return s.shapes(want)
}

// ConvShape is a checked Conv2D in numbers: [0] is down, [1] across. Pixels are the output's, of all pictures.
type ConvShape struct {
	Pixels, Outputs, Channels int64
	Size, Out, Kernel         [2]int64
	Stride, Pad, Dilation     [2]int64
}

// ConvShape gives the numbers of a checked Conv2D.
func (o *Op) ConvShape(x, w, out Desc) ConvShape {
	s := ConvShape{Channels: x.Shape[3]}
	s.Pixels, s.Outputs = out.Rows()
	for i := range 2 {
		s.Size[i], s.Kernel[i], s.Out[i] = x.Shape[1+i], w.Shape[1+i], out.Shape[1+i]
		s.Stride[i], s.Pad[i], s.Dilation[i] = o.Int(i), o.Int(2+i), o.Int(4+i)
	}
	return s
}

func flopsConv(s *step) int64 {
	w := s.in[1].Shape
	return mul(mul(s.out[0].Elems(), 2), mul(mul(w[1], w[2]), w[3]))
}

const maxFFT = 1 << 24

func checkFFT(s *step) error {
	if len(s.Params) != 1 && len(s.Params) != 2 {
		return fmt.Errorf("%d parameters, it takes 1 or 2", len(s.Params))
	}
	if len(s.Params) == 2 && s.Params[1] > uint64(Device) {
		return fmt.Errorf("the class is %d: 0 exact or 1 device", s.Params[1])
	}
	a := s.in[0]
	n := len(a.Shape)
	if a.DType != F32 || n < 2 || a.Shape[n-1] != 2 || a.Shape[n-2] > maxFFT {
		return fmt.Errorf("the signal is %v: f32 [..., n, 2] with n at most %d", a, maxFFT)
	}
	return first(alike("the output", a, s.out[0]), flag("inverse", s.Int(0)))
}

func flopsFFT(s *step) int64 {
	a := s.in[0]
	n := a.Shape[len(a.Shape)-2]
	log := int64(bits.Len64(uint64(n))) + 1
	if n&(n-1) != 0 {
		log *= 6 // Bluestein: three transforms of at least twice the length
	}
	return mul(a.Elems(), 5*log)
}
