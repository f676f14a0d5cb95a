package device

import (
	"math"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// conv is a convolution in numbers.
type conv struct {
	op.ConvShape
	relu bool
	bias cuda.Ptr
}

func convOf(l *lower, o *op.Op) conv {
	c := conv{ConvShape: o.ConvShape(l.in[0].Desc, l.in[1].Desc, l.out[0].Desc), relu: o.Int(6) == op.ReLU}
	if len(l.in) == 3 {
		c.bias = l.in[2].at
	}
	return c
}

// k is how many elements a window has.
func (c *conv) k() int64 { return c.Kernel[0] * c.Kernel[1] * c.Channels }

// window adds the parameters that conv.c calls so.
func (c *conv) window(args *cuda.Args) *cuda.Args {
	args.I64(c.Channels)
	for _, pair := range [...][2]int64{c.Size, c.Out, c.Kernel, c.Stride, c.Pad, c.Dilation} {
		args.I32(int32(pair[0])).I32(int32(pair[1]))
	}
	return args
}

// lowerConv makes a convolution as the product of its windows and the weights. The exact kernels find a window's elements where they are.
func lowerConv(l *lower, o *op.Op) error {
	c := convOf(l, o)
	in := l.in[0].DType
	if in.Size() == 2 && l.dev.cc >= tensorCores && max(c.k(), c.Out[0]*c.Out[1]) <= math.MaxInt32 { // so far windows count
		return l.convByWindows(&c)
	}
	x, weights := operandOf(l.in[0].at, false, l.in[0].Elems(), 1), operandOf(l.in[1].at, false, c.Outputs, c.k())
	if in.Size() == 2 {
		var err error
		if x, err = l.inF32(x, in, 1, 1); err != nil {
			return err
		}
		if weights, err = l.inF32(weights, in, 1, c.k()); err != nil {
			return err
		}
	}
	p := multiplication{in: in, batch: 1, m: c.Pixels, n: c.Outputs, k: c.k()}
	kernel, side, pace := l.exact(p)
	return l.tiled(p, side, side, pace, func(first int64, blocks uint32) error {
		args := l.args().Ptr(x.at).Ptr(weights.at).Ptr(l.out[0].at).Ptr(c.bias).I64(c.Pixels).I64(c.Outputs).I64(first)
		args = c.window(args.U32(word(c.relu)).U32(uint32(l.out[0].DType)))
		return l.launchProduct("conv", "conv_"+kernel, dim{X: blocks}, dim{X: 256}, 0, args)
	})
}

// convByWindows lays windows out as rows for the tensor cores, some thousands of pixels at a time.
func (l *lower) convByWindows(c *conv) error {
	in, out := l.in[0], l.out[0]
	p := multiplication{in: in.DType, out: out.DType, batch: 1, m: c.Pixels, n: c.Outputs, k: c.k(), c: out.at, alpha: 1, relu: c.relu, bias: c.bias}
	p.b = operandOf(l.in[1].at, false, c.Outputs, p.k)
	if c.plain() {
		p.a = operandOf(in.at, false, c.Pixels, p.k)
		return l.tensorProduct(p)
	}
	if done, err := l.convByMap(c); done || err != nil {
		return err
	}
	const most = 256 << 20 // bytes of windows at a time
	ld := roundUp(p.k, 8)
	rows := min(c.Pixels, max(128, most/(2*ld)/128*128))
	at, err := l.scratch(rows * ld * 2)
	if err != nil {
		return err
	}
	if p.b, err = l.aligned(p.b, 1, p.k); err != nil { // once for all pieces
		return err
	}
	for first := int64(0); first < c.Pixels; first += rows {
		n := min(rows, c.Pixels-first)
		args := c.window(l.args().Ptr(in.at).Ptr(at).I64(first).I64(n).I64(ld))
		if err := l.launch("conv", "windows", l.cover(n*32), dim{X: 256}, 0, args); err != nil {
			return err
		}
		p.m, p.c = n, out.at+cuda.Ptr(first*c.Outputs*out.DType.Size())
		p.a = operand{at: at, rows: n, ld: ld, step: n * ld}
		if err := l.tensorProduct(p); err != nil {
			return err
		}
	}
	return nil
}

// plain says that the windows are the pixels themselves, in their order.
func (c *conv) plain() bool {
	one := [2]int64{1, 1}
	return c.Kernel == one && c.Stride == one && c.Pad == [2]int64{}
}
