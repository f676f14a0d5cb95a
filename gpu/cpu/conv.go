package cpu

import "levee/gpu/op"

// conv2D is a matrix product: a row of a is the window of an output pixel, its rows, columns and channels one after the other, with
// zeros for what lies outside of the picture; a column of b is what one output channel weighs them with.
func conv2D(r *run) error {
	if r.in[0].DType == op.F64 {
		runConv[float64](r)
	} else {
		runConv[float32](r)
	}
	return nil
}

func runConv[T float32 | float64](r *run) {
	s := r.ConvShape(r.in[0].Desc, r.in[1].Desc, r.out[0].Desc)
	read, k := load[T](r.in[0]), s.Kernel[0]*s.Kernel[1]*s.Channels
	p := product[T]{batch: 1, m: s.Pixels, n: s.Outputs, k: k,
		a:      operand[T]{false, func(dst []T, _, row, at int64) { window(&s, read, dst, row, at) }},
		b:      matrix(load[T](r.in[1]), false, s.Outputs, k, 0),
		finish: finish[T](r, 1, r.Int(6)),
	}
	p.run()
}

// window gives elements of an output pixel's window, from the element at on.
func window[T any](s *op.ConvShape, read func([]T, int64), dst []T, pixel, at int64) {
	image, pixel := pixel/(s.Out[0]*s.Out[1]), pixel%(s.Out[0]*s.Out[1])
	y0, x0 := pixel/s.Out[1]*s.Stride[0]-s.Pad[0], pixel%s.Out[1]*s.Stride[1]-s.Pad[1]
	for len(dst) > 0 {
		tap, c := at/s.Channels, at%s.Channels
		y, x := y0+tap/s.Kernel[1]*s.Dilation[0], x0+tap%s.Kernel[1]*s.Dilation[1]
		n := min(int64(len(dst)), s.Channels-c)
		if y < 0 || y >= s.Size[0] || x < 0 || x >= s.Size[1] {
			clear(dst[:n])
		} else {
			read(dst[:n], ((image*s.Size[0]+y)*s.Size[1]+x)*s.Channels+c)
		}
		dst, at = dst[n:], at+n
	}
}
