package device

import (
	"fmt"
	"math/bits"

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
	return l.launch("cast", fmt.Sprintf("cast_%v_%v", in.DType, out.DType), l.blocks(n/8), eachThread, 0, l.args().Ptr(out.at).Ptr(in.at).I64(n))
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
