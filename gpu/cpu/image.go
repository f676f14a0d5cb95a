package cpu

import (
	"math"
	"slices"

	"levee/gpu/op"
)

// picture is a tensor's pictures in numbers.
type picture struct{ n, h, w, c int64 }

func pictureOf(d op.Desc) picture {
	s := d.Shape
	p := picture{1, s[len(s)-3], s[len(s)-2], s[len(s)-1]}
	if len(s) == 4 {
		p.n = s[0]
	}
	return p
}

// resize works a picture at a time. What lies between the two passes is f32.
func resize(r *run) error {
	a, b := pictureOf(r.in[0].Desc), pictureOf(r.out[0].Desc)
	switch u8 := r.in[0].DType == op.U8; {
	case r.Int(0) == op.Nearest && u8:
		nearest(view[uint8](r.out[0]), view[uint8](r.in[0]), a, b)
	case r.Int(0) == op.Nearest:
		nearest(view[uint32](r.out[0]), view[uint32](r.in[0]), a, b)
	default:
		across, down := op.ResizeTaps(r.Int(0), a.w, b.w), op.ResizeTaps(r.Int(0), a.h, b.h)
		if u8 {
			filter(view[uint8](r.out[0]), view[uint8](r.in[0]), a, b, across, down, pixel)
		} else {
			filter(view[float32](r.out[0]), view[float32](r.in[0]), a, b, across, down, canon)
		}
	}
	return nil
}

func nearest[T any](dst, src []T, a, b picture) {
	split(b.n*b.h, max(grain/(b.w*b.c), 1), func(from, to int64) {
		for i := from; i < to; i++ {
			row := src[(i/b.h*a.h+op.NearestTap(i%b.h, a.h, b.h))*a.w*a.c:][:a.w*a.c]
			for x := range b.w {
				at := op.NearestTap(x, a.w, b.w) * a.c
				copy(dst[(i*b.w+x)*b.c:][:b.c], row[at:at+a.c])
			}
		}
	})
}

// filter does first the pass that leaves less for the other, some rows of the output at a time.
func filter[T uint8 | float32](dst, src []T, a, b picture, across, down *op.Taps, round func(float32) T) {
	first := op.ResizeAcrossFirst(a.h, a.w, b.h, b.w)
	rows := min(b.h, max(maxBetween/(b.w*a.c*(1+a.h/b.h)), 1), 32)
	if !first {
		rows = 1
	}
	bands := (b.h + rows - 1) / rows
	split(a.n*bands, max(grain/(b.w*b.c*rows), 1), func(from, to int64) {
		var between, sums []float32
		for i := from; i < to; i++ {
			src := src[i/bands*a.h*a.w*a.c:][:a.h*a.w*a.c]
			y := i % bands * rows
			end := min(y+rows, b.h)
			dst := dst[(i/bands*b.h+y)*b.w*b.c:][:(end-y)*b.w*b.c]
			low, high := reach(down, y, end)
			if !first {
				between, sums = slices.Grow(between[:0], int(a.w*a.c))[:a.w*a.c], slices.Grow(sums[:0], int(a.w*a.c))
				weigh(between, src[int64(low)*a.w*a.c:], down, y, a.w*a.c, sums, keep)
				acrossRow(dst, between, across, a.c, sums, round)
				continue
			}
			width := b.w * b.c
			between, sums = slices.Grow(between[:0], int(int64(high-low)*width))[:int64(high-low)*width], slices.Grow(sums[:0], int(width))
			for j := low; j < high; j++ {
				acrossRow(between[int64(j-low)*width:][:width], src[int64(j)*a.w*a.c:][:a.w*a.c], across, a.c, sums, keep)
			}
			for ; y < end; y++ {
				weigh(dst[:width], between[int64(down.First[y]-low)*width:], down, y, width, sums, round)
				dst = dst[width:]
			}
		}
	})
}

// reach gives the rows of the input that rows [y, end) of the output are made of. Neither end of it is always the first or the last row's:
// one that lies on a row of the input may have no other tap.
func reach(t *op.Taps, y, end int64) (low, high int32) {
	low = t.First[y]
	for i := y; i < end; i++ {
		low, high = min(low, t.First[i]), max(high, t.First[i]+t.Count[i])
	}
	return low, high
}

// maxBetween is how many numbers a processor keeps between the passes, or what one row of the output needs.
const maxBetween = 1 << 18

func keep(v float32) float32 { return v }

// acrossRow filters a row of pixels of c numbers.
func acrossRow[S, D uint8 | float32](dst []D, src []S, t *op.Taps, c int64, sums []float32, round func(float32) D) {
	for x := range int64(len(t.First)) {
		weigh(dst[x*c:][:c], src[int64(t.First[x])*c:], t, x, c, sums, round)
	}
}

// weigh adds up what the taps of a place say, of pieces of n numbers that follow each other.
func weigh[S, D uint8 | float32](dst []D, src []S, t *op.Taps, place, n int64, sums []float32, round func(float32) D) {
	sums = sums[:n]
	clear(sums)
	for j, w := range t.Weights[place*int64(t.Stride):][:t.Count[place]] {
		for x, v := range src[int64(j)*n:][:n] {
			sums[x] += float32(w * float32(v))
		}
	}
	for x, v := range sums {
		dst[x] = round(v)
	}
}

// pixel rounds half to even and keeps to what a u8 holds.
func pixel(v float32) uint8 { return uint8(math.RoundToEven(float64(min(max(v, 0), 255)))) }

// normalise is (x - mean) * scale.
func normalise(r *run) error {
	src, mean, scale, dst := view[uint8](r.in[0]), view[float32](r.in[1]), view[float32](r.in[2]), view[float32](r.out[0])
	p := pictureOf(r.in[0].Desc)
	size := p.h * p.w
	split(p.n*size, max(grain/p.c, 1), func(from, to int64) {
		for i := from; i < to; i++ {
			at, step := i*p.c, int64(1)
			if r.Int(0) == 1 {
				at, step = i/size*size*p.c+i%size, size
			}
			for c, v := range src[i*p.c:][:p.c] {
				dst[at+int64(c)*step] = canon((float32(v) - mean[c]) * scale[c])
			}
		}
	})
	return nil
}
