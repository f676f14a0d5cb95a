package cpu

import "levee/gpu/op"

// conv2D is a matrix product: a row of a is the window of an output pixel, its rows, columns and channels one after the other, with
// zeros for what lies outside of the picture; a column of b is what one output channel weighs them with.
func conv2D(r *run) error {
	e := endsOf(r, 1, r.Int(6))
	if r.in[0].DType == op.F64 {
		runConv(r, load64, multiply64, finish64(e))
	} else {
		runConv(r, load32, multiply32, finish32(e))
	}
	return nil
}

func runConv[T float32 | float64](r *run, load func(tensor) func([]T, int64), multiply func(*[stripA * stripB]T, [][stripA]T, [][stripB]T), finish func([]T, int64, int64)) {
	w, out := r.in[1].Shape, r.out[0]
	pixels, n := out.Rows()
	k := w[1] * w[2] * w[3]
	read, g := load(r.in[0]), geometryOf(r)
	p := product[T]{batch: 1, m: pixels, n: n, k: k, multiply: multiply,
		a:      operand[T]{false, func(dst []T, _, row, at int64) { window(&g, read, dst, row, at) }},
		b:      matrix(load(r.in[1]), false, n, k, 0),
		finish: func(sums []T, _, row, col int64) { finish(sums, row, col) },
	}
	p.run()
}

// geometry is what a convolution's windows are; [0] is down, [1] across.
type geometry struct {
	channels                             int64
	size, out, kernel, stride, pad, step [2]int64
}

func geometryOf(r *run) geometry {
	x, w, y := r.in[0].Shape, r.in[1].Shape, r.out[0].Shape
	g := geometry{channels: x[3]}
	for i := range 2 {
		g.size[i], g.kernel[i], g.out[i] = x[1+i], w[1+i], y[1+i]
		g.stride[i], g.pad[i], g.step[i] = r.Int(i), r.Int(2+i), r.Int(4+i)
	}
	return g
}

// window gives elements of an output pixel's window, from the element at on.
func window[T any](g *geometry, read func([]T, int64), dst []T, pixel, at int64) {
	image, pixel := pixel/(g.out[0]*g.out[1]), pixel%(g.out[0]*g.out[1])
	y0, x0 := pixel/g.out[1]*g.stride[0]-g.pad[0], pixel%g.out[1]*g.stride[1]-g.pad[1]
	for len(dst) > 0 {
		tap, c := at/g.channels, at%g.channels
		y, x := y0+tap/g.kernel[1]*g.step[0], x0+tap%g.kernel[1]*g.step[1]
		n := min(int64(len(dst)), g.channels-c)
		if y < 0 || y >= g.size[0] || x < 0 || x >= g.size[1] {
			clear(dst[:n])
		} else {
			read(dst[:n], ((image*g.size[0]+y)*g.size[1]+x)*g.channels+c)
		}
		dst, at = dst[n:], at+n
	}
}
