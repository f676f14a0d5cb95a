package device

import (
	"fmt"
	"math/bits"
	"slices"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// threads of a block of the kernels of this package that say nothing else.
const threads = 256

// blocks are enough for n threads, but not more than keep the device busy: the kernels go on by the whole grid.
func (l *lower) blocks(n int64) dim {
	most := int64(l.dev.sms) * 16
	return dim{X: uint32(max(1, min(most, (n+threads-1)/threads)))}
}

var eachThread = dim{X: threads}

func lowerFill(l *lower, o *op.Op) error {
	out := l.out[0]
	pattern := op.FillBits(out.DType, o.Params[0])
	for size := out.DType.Size(); size < 8; size *= 2 {
		pattern |= pattern << (8 * size)
	}
	n := out.Bytes()
	switch {
	case pattern == pattern&0xff*0x0101010101010101:
		return l.set8(out.at, byte(pattern), n)
	case n >= 16:
		err := l.launch("elementwise", "fill", l.blocks(n/16), eachThread, 0, l.args().Ptr(out.at).I64(n/16).I64(int64(pattern)).I64(int64(pattern)))
		if err != nil || n%16 == 0 {
			return err
		}
	}
	end, rest := out.at+cuda.Ptr(n/16*16), n%16
	return l.launch("elementwise", "fill_bytes", dim{X: 1}, dim{X: 32}, 0, l.args().Ptr(end).I64(rest).I64(int64(pattern)).I64(int64(pattern)))
}

func lowerCast(l *lower, o *op.Op) error {
	in, out := l.in[0], l.out[0]
	if in.DType == out.DType {
		return lowerCopy(l, o)
	}
	n := out.Elems()
	return l.launch("cast", fmt.Sprintf("cast_%v_%v", in.DType, out.DType), l.blocks(n/2), eachThread, 0, l.args().Ptr(out.at).Ptr(in.at).I64(n))
}

// unit is the largest power of two of bytes, up to 16, that all sizes are a multiple of.
func unit(sizes ...int64) int64 {
	all := int64(16)
	for _, n := range sizes {
		all |= n
	}
	return 1 << bits.TrailingZeros64(uint64(all))
}

func lowerConcat(l *lower, o *op.Op) error {
	out := l.out[0]
	outer := int64(1)
	for _, d := range out.Shape[:o.Int(0)] {
		outer *= d
	}
	to, pitch := out.at, out.Bytes()/outer
	for _, in := range l.in {
		n := in.Bytes()
		row := n / outer
		if outer == 1 {
			if err := l.copy(to, in.at, n); err != nil {
				return err
			}
			to += cuda.Ptr(n)
			continue
		}
		u := unit(row, pitch, int64(to-out.at))
		args := l.args().Ptr(to).Ptr(in.at).I64(n / u).I64(row / u).I64(pitch / u)
		if err := l.launch("elementwise", fmt.Sprint("rows", u), l.blocks(n/u/4), eachThread, 0, args); err != nil {
			return err
		}
		to += cuda.Ptr(row)
	}
	return nil
}

func lowerGather(l *lower, _ *op.Op) error {
	in, index, out := l.in[0], l.in[1], l.out[0]
	n := out.Bytes()
	row := in.Bytes() / in.Shape[0]
	u, wide := unit(row), uint32(0)
	if index.DType == op.I64 {
		wide = 1
	}
	args := l.args().Ptr(out.at).Ptr(in.at).Ptr(index.at).U32(wide).I64(n / u).I64(row / u).I64(in.Shape[0])
	return l.launch("elementwise", fmt.Sprint("gather", u), l.blocks(n/u/4), eachThread, 0, args)
}

func lowerRandom(l *lower, o *op.Op) error {
	out, floats := l.out[0], uint32(0)
	if out.DType == op.F32 {
		floats = 1
	}
	n := out.Elems()
	args := l.args().Ptr(out.at).I64(n).I64(o.Int(0)).I64(o.Int(1)).U32(floats)
	return l.launch("elementwise", "random", l.blocks(n/4+1), eachThread, 0, args)
}

// lowerStrided moves squares through shared memory where the output's last dimension is not the input's, else units.
func lowerStrided(l *lower, o *op.Op) error {
	in, out := l.in[0], l.out[0]
	size := in.DType.Size()
	run, s := o.Strided(in.Desc, out.Desc).Widen(size, 16)
	last := len(s.Dims) - 1
	if near := nearest(s); near >= 0 && s.Dims[near] >= 8 && s.Dims[last] >= 8 {
		return l.tiles(s, near, size*run)
	}
	n := out.Elems() / run
	args := l.args().Ptr(out.at).Ptr(in.at).I64(n).I64(s.Start).U32(uint32(last + 1))
	slices.Reverse(s.Dims)
	slices.Reverse(s.Strides)
	kernel := "strided"
	if side := map[int64]int64{1: 4, 2: 2, 4: 2}[size*run]; side > 0 && s.Dims[0]%side == 0 {
		kernel = "runs" // so many are stored at once
	}
	for i := range op.MaxRank - 1 {
		args.I64(at(s.Dims, i, 1))
	}
	for i := range op.MaxRank {
		args.I64(at(s.Strides, i, 0))
	}
	return l.launch("strided", fmt.Sprint(kernel, size*run), l.blocks(n/4), eachThread, 0, args)
}

// at gives an entry of a list, or none where it has fewer.
func at(list []int64, i int, none int64) int64 {
	if i >= len(list) {
		return none
	}
	return list[i]
}

// nearest is the dimension in which the input's elements lie nearest to each other; -1: the last one.
func nearest(s op.Strided) int {
	last := len(s.Dims) - 1
	near := last
	for i := range s.Dims {
		if s.Strides[i] < s.Strides[near] {
			near = i
		}
	}
	if near == last {
		return -1
	}
	return near
}

func (l *lower) tiles(s op.Strided, near int, size int64) error {
	last := len(s.Dims) - 1
	n, count := s.Dims[last], s.Dims[near]
	side := int64(64) // of a square, as in kernels/strided.c
	if size > 4 {
		side = 32
	}
	kernel := "tiles"
	if words := 4 / size; words > 1 && s.Strides[near] == 1 && wholeWords(s, near, words) {
		kernel, side = "word_tiles", 32*words
	}
	all := (n + side - 1) / side * ((count + side - 1) / side)
	var dims, from, to []int64 // of what is outside of the two
	pitch, nearPitch := n, int64(0)
	for i := last - 1; i >= 0; i-- {
		if i == near {
			nearPitch = pitch
		} else {
			dims, from, to = append(dims, s.Dims[i]), append(from, s.Strides[i]), append(to, pitch)
			all *= s.Dims[i]
		}
		pitch *= s.Dims[i]
	}
	args := l.args().Ptr(l.out[0].at).Ptr(l.in[0].at).I64(s.Start).I64(n).I64(s.Strides[last]).I64(count).I64(s.Strides[near]).I64(nearPitch).I64(all)
	for i := range op.MaxRank - 3 { // the fourth is what is left
		args.I64(at(dims, i, 1))
	}
	for _, list := range [2][]int64{from, to} {
		for i := range op.MaxRank - 2 {
			args.I64(at(list, i, 0))
		}
	}
	grid := dim{X: uint32(min(all, int64(l.dev.sms)*32))}
	return l.launch("strided", fmt.Sprint(kernel, size), grid, eachThread, 0, args)
}

// wholeWords says whether the input's rows, which lie along near, and the output's rows begin and end with words of so many elements.
func wholeWords(s op.Strided, near int, words int64) bool {
	last := len(s.Dims) - 1
	if s.Start%words != 0 || s.Dims[last]%words != 0 || s.Dims[near]%words != 0 {
		return false
	}
	for i, stride := range s.Strides {
		if i != near && stride%words != 0 {
			return false
		}
	}
	return true
}
