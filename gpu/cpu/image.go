package cpu

import (
	"math"

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

// filter does first the pass that leaves less for the other.
func filter[T uint8 | float32](dst, src []T, a, b picture, across, down *op.Taps, round func(float32) T) {
	keep := func(v float32) float32 { return v }
	first := op.ResizeAcrossFirst(a.h, a.w, b.h, b.w)
	size := b.h * a.w
	if first {
		size = a.h * b.w
	}
	between := make([]float32, size*a.c)
	for i := range a.n {
		from, to := src[i*a.h*a.w*a.c:][:a.h*a.w*a.c], dst[i*b.h*b.w*b.c:][:b.h*b.w*b.c]
		if first {
			pass(between, from, across, a.h, a.w, a.c, keep)
			pass(to, between, down, 1, a.h, b.w*b.c, round)
		} else {
			pass(between, from, down, 1, a.h, a.w*a.c, keep)
			pass(to, between, across, b.h, a.w, a.c, round)
		}
	}
}

// pass filters the middle dimension of [outer, n, inner].
func pass[S, D uint8 | float32](dst []D, src []S, t *op.Taps, outer, n, inner int64, round func(float32) D) {
	out := int64(len(t.First))
	split(outer*out, max(grain/inner, 1), func(from, to int64) {
		sums := make([]float32, inner)
		for i := from; i < to; i++ {
			place := i % out
			clear(sums)
			at := (i/out*n + int64(t.First[place])) * inner
			for j, w := range t.Weights[place*int64(t.Stride):][:t.Count[place]] {
				for x, v := range src[at+int64(j)*inner:][:inner] {
					sums[x] += float32(w * float32(v))
				}
			}
			for x, v := range sums {
				dst[i*inner+int64(x)] = round(v)
			}
		}
	})
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
