package cpu

import (
	"math"
	"slices"

	"levee/gpu/op"
)

// resize works a picture at a time. What lies between the two passes is f32.
func resize(r *run) error {
	a, b := r.in[0].Pictures(), r.out[0].Pictures()
	switch u8 := r.in[0].DType == op.U8; {
	case r.Int(0) == op.Nearest && u8:
		nearest(view[uint8](r.out[0]), view[uint8](r.in[0]), a, b)
	case r.Int(0) == op.Nearest:
		nearest(view[uint32](r.out[0]), view[uint32](r.in[0]), a, b)
	default:
		across, down := op.ResizeTaps(r.Int(0), a.W, b.W), op.ResizeTaps(r.Int(0), a.H, b.H)
		if u8 {
			filter(view[uint8](r.out[0]), view[uint8](r.in[0]), a, b, across, down, pixel)
		} else {
			filter(view[float32](r.out[0]), view[float32](r.in[0]), a, b, across, down, canon)
		}
	}
	return nil
}

func nearest[T any](dst, src []T, a, b op.Pictures) {
	split(b.N*b.H, max(grain/(b.W*b.C), 1), func(from, to int64) {
		for i := from; i < to; i++ {
			row := src[(i/b.H*a.H+op.NearestTap(i%b.H, a.H, b.H))*a.W*a.C:][:a.W*a.C]
			for x := range b.W {
				at := op.NearestTap(x, a.W, b.W) * a.C
				copy(dst[(i*b.W+x)*b.C:][:b.C], row[at:at+a.C])
			}
		}
	})
}

// filter does first the pass that leaves less for the other, some rows of the output at a time.
func filter[T uint8 | float32](dst, src []T, a, b op.Pictures, across, down *op.Taps, round func(float32) T) {
	first := op.ResizeAcrossFirst(a.H, a.W, b.H, b.W)
	rows := min(b.H, max(maxBetween/(b.W*a.C*(1+a.H/b.H)), 1), 32)
	if !first {
		rows = 1
	}
	bands := (b.H + rows - 1) / rows
	split(a.N*bands, max(grain/(b.W*b.C*rows), 1), func(from, to int64) {
		var between, sums []float32
		for i := from; i < to; i++ {
			src := src[i/bands*a.H*a.W*a.C:][:a.H*a.W*a.C]
			y := i % bands * rows
			end := min(y+rows, b.H)
			dst := dst[(i/bands*b.H+y)*b.W*b.C:][:(end-y)*b.W*b.C]
			low, high := reach(down, y, end)
			if !first {
				between, sums = slices.Grow(between[:0], int(a.W*a.C))[:a.W*a.C], slices.Grow(sums[:0], int(a.W*a.C))
				weigh(between, src[int64(low)*a.W*a.C:], down, y, a.W*a.C, sums, keep)
				acrossRow(dst, between, across, a.C, round)
				continue
			}
			width := b.W * b.C
			between, sums = slices.Grow(between[:0], int(int64(high-low)*width))[:int64(high-low)*width], slices.Grow(sums[:0], int(width))
			for j := low; j < high; j++ {
				acrossRow(between[int64(j-low)*width:][:width], src[int64(j)*a.W*a.C:][:a.W*a.C], across, a.C, keep)
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
func acrossRow[S, D uint8 | float32](dst []D, src []S, t *op.Taps, c int64, round func(float32) D) {
	for x, first := range t.First {
		weights := t.Weights[x*t.Stride:][:t.Count[x]]
		for k := range c {
			at, sum := int64(first)*c+k, float32(0)
			for _, w := range weights {
				sum += float32(w * float32(src[at]))
				at += c
			}
			dst[int64(x)*c+k] = round(sum)
		}
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
	p := r.in[0].Pictures()
	size := p.H * p.W
	split(p.N*size, max(grain/p.C, 1), func(from, to int64) {
		for i := from; i < to; i++ {
			at, step := i*p.C, int64(1)
			if r.Int(0) == 1 {
				at, step = i/size*size*p.C+i%size, size
			}
			for c, v := range src[i*p.C:][:p.C] {
				dst[at+int64(c)*step] = canon((float32(v) - mean[c]) * scale[c])
			}
		}
	})
	return nil
}
