package device

import (
	"fmt"
	"math"
	"slices"

	"levee/gpu/op"
)

// lowerStrided moves tiles through shared memory where the output's last dimension is not the input's, else lines, or units.
func lowerStrided(l *lower, o *op.Op) error {
	in, out := l.in[0], l.out[0]
	size := in.DType.Size()
	run, s := o.Strided(in.Desc, out.Desc).Widen(size, 16)
	last := len(s.Dims) - 1
	if last > 0 && s.Dims[last] == 1 { // all of it is one run
		s.Dims, s.Strides, last = s.Dims[:last], s.Strides[:last], last-1
	}
	if near := nearest(s); near >= 0 {
		if done, err := l.tiles(s, near, size*run); done {
			return err
		}
	}
	n := out.Elems() / run
	args := l.args().Ptr(out.at).Ptr(in.at).I64(n).I64(s.Start).U32(uint32(last + 1))
	slices.Reverse(s.Dims)
	slices.Reverse(s.Strides)
	kernel, items := "strided", n/4
	if s.Strides[0] == 1 && s.Dims[0] >= 512 && size*run <= 4 {
		kernel, items = "lines", n*size*run/32
	} else if side := map[int64]int64{1: 4, 2: 2, 4: 2}[size*run]; side > 0 && s.Dims[0]%side == 0 {
		kernel = "runs" // so many are stored at once
	}
	for i := range op.MaxRank - 1 {
		args.I64(at(s.Dims, i, 1))
	}
	for i := range op.MaxRank - 1 {
		inverse := uint64(0)
		if d := at(s.Dims, i, 1); d > 1 && n < 1<<32 {
			inverse = math.MaxUint64/uint64(d) + 1
		}
		args.I64(int64(inverse))
	}
	for i := range op.MaxRank {
		args.I64(at(s.Strides, i, 0))
	}
	return l.launch("strided", fmt.Sprint(kernel, size*run), l.blocks(items), eachThread, 0, args)
}

// at gives an entry of a list, or none where it has fewer.
func at(list []int64, i int, none int64) int64 {
	if i >= len(list) {
		return none
	}
	return list[i]
}

// nearest is the dimension in which the input's elements lie side by side; -1: the last one, or none.
func nearest(s op.Strided) int {
	if last := len(s.Dims) - 1; s.Strides[last] == 1 {
		return -1
	}
	return slices.Index(s.Strides, 1)
}

// tileSides and wideSides are how much a tile has along near, and along the last dimension, by the bytes of a unit: as in kernels/strided.c.
var (
	tileSides = map[int64][2]int64{1: {64, 64}, 2: {64, 64}, 16: {32, 32}}
	wideSides = map[int64][2]int64{1: {256, 128}, 2: {128, 128}, 4: {128, 64}, 8: {64, 64}}
)

// tiles launches a kernel of kernels/tiles.h, if there is one for this.
func (l *lower) tiles(s op.Strided, near int, size int64) (bool, error) {
	last := len(s.Dims) - 1
	n, count, step := s.Dims[last], s.Dims[near], s.Strides[last]
	var dims, from, to []int64 // of what is outside of the two
	outside, pitch, nearPitch := int64(1), n, int64(0)
	for i := last - 1; i >= 0; i-- {
		if i == near {
			nearPitch = pitch
		} else {
			dims, from, to = append(dims, s.Dims[i]), append(from, s.Strides[i]), append(to, pitch)
			outside *= s.Dims[i]
		}
		pitch *= s.Dims[i]
	}
	var kernel string
	var all, blocks int64 // threads that have something to do, where that is not all of them
	whole, vector := false, 16/size
	tile := func(name string, sides map[int64][2]int64) {
		d := sides[size]
		kernel, blocks = fmt.Sprint(name, size), outside*((count+d[0]-1)/d[0])*((n+d[1]-1)/d[1])
	}
	planes := func(name string, channels, pixels int64, multiples bool) {
		whole = multiples && pixels%vector == 0
		each := pixels / vector
		if !whole {
			each = (pixels + threads*vector - 1) / (threads * vector) * threads
		}
		kernel, all = fmt.Sprintf("%s%d_%d", name, size, channels), outside*each
		blocks = (all + threads - 1) / threads
	}
	switch words := max(1, 4/size); {
	case size <= 4 && count <= 4 && step == count:
		planes("split", count, n, multiples(s, vector, near, last))
	case size <= 4 && n <= 4 && nearPitch == n:
		planes("join", n, count, multiples(s, vector, near))
	case count < 8 || n < 8:
		return false, nil
	case size <= 8 && n%words == 0 && count%words == 0 && multiples(s, words, near):
		tile("wide_tiles", wideSides)
		whole = multiples(s, vector, near) && n%vector == 0 && count%vector == 0
	default:
		tile("tiles", tileSides)
	}
	if blocks > maxGrid {
		return false, nil
	}
	args := l.args().Ptr(l.out[0].at).Ptr(l.in[0].at).I64(s.Start).I64(n).I64(step).I64(count).I64(nearPitch).I64(all)
	for i := range op.MaxRank - 3 { // the fourth is what is left
		args.I64(at(dims, i, 1))
	}
	for _, list := range [2][]int64{from, to} {
		for i := range op.MaxRank - 2 {
			args.I64(at(list, i, 0))
		}
	}
	return true, l.launch("strided", kernel, dim{X: uint32(blocks)}, eachThread, 0, args.U32(word(whole)))
}

// multiples says whether the start and all strides, but those of some dimensions, are multiples of so many elements.
func multiples(s op.Strided, of int64, but ...int) bool {
	for i, stride := range s.Strides {
		if stride%of != 0 && !slices.Contains(but, i) {
			return false
		}
	}
	return s.Start%of == 0
}
