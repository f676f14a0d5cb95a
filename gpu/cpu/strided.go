package cpu

import "levee/gpu/op"

// strided is transpose and slice: it takes an output's elements from where they lie in the input. It does not matter what they are, only how large.
func strided(r *run) error {
	in, out := r.in[0], r.out[0]
	size := in.DType.Size()
	run, s := r.Strided(in.Desc, out.Desc).Widen(size, 8)
	switch size * run {
	case 1:
		pick[uint8](in, out, s)
	case 2:
		pick[uint16](in, out, s)
	case 4:
		pick[uint32](in, out, s)
	default:
		pick[uint64](in, out, s)
	}
	return nil
}

// tile is the side of the squares that are moved at once: what is read and what is written is a few lines of the cache, so few that they
// do not drive each other out where the pitch is a power of two.
const tile = 8

// pick moves tiles along the last dimension, in which the output is in one piece, and the one in which the input is most so.
func pick[T any](in, out tensor, s op.Strided) {
	src, dst := view[T](in), view[T](out)
	last := len(s.Dims) - 1
	n, stride := s.Dims[last], s.Strides[last]
	near := -1
	for i := range last {
		if near < 0 || s.Strides[i] < s.Strides[near] {
			near = i
		}
	}
	count, nearStride, nearPitch := int64(1), int64(0), int64(0)
	pitch := make([]int64, last) // of the output
	for i, p := last-1, n; i >= 0; i-- {
		pitch[i] = p
		p *= s.Dims[i]
	}
	if near >= 0 {
		count, nearStride, nearPitch = s.Dims[near], s.Strides[near], pitch[near]
	}
	bands := (count + tile - 1) / tile
	split(int64(len(dst))/n/count*bands, max(1, grain/(n*min(count, tile))), func(from, to int64) {
		for ; from < to; from++ {
			at, base, rest := int64(0), s.Start, from/bands
			for i := last - 1; i >= 0; i-- {
				if i != near {
					k := rest % s.Dims[i]
					rest /= s.Dims[i]
					at, base = at+k*pitch[i], base+k*s.Strides[i]
				}
			}
			first := from % bands * tile
			end := min(first+tile, count)
			for c := int64(0); c < n; c += tile {
				width := min(tile, n-c)
				for k := first; k < end; k++ {
					row := dst[at+k*nearPitch+c:][:width]
					from := base + k*nearStride + c*stride
					if stride == 1 {
						copy(row, src[from:])
						continue
					}
					for j := range row {
						row[j] = src[from]
						from += stride
					}
				}
			}
		}
	})
}
