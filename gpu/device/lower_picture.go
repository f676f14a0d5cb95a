package device

import (
	"encoding/binary"
	"fmt"
	"math"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// resizeScratch is how many numbers may lie between the passes of pictures that are resized together, or of one picture.
const resizeScratch = 1 << 25

func lowerResize(l *lower, o *op.Op) error {
	in, out := l.in[0], l.out[0]
	a, b := in.Pictures(), out.Pictures()
	if o.Int(0) == op.Nearest {
		kernel := fmt.Sprintf("nearest_%d", 8*in.DType.Size())
		args := l.args().Ptr(in.at).Ptr(out.at).I64(a.N).I64(a.H).I64(a.W).I64(b.H).I64(b.W).I64(a.C)
		return l.launch("image", kernel, l.blocks(out.Elems()), eachThread, 0, args)
	}
	across := op.ResizeAcrossFirst(a.H, a.W, b.H, b.W)
	each := b.H * a.W * a.C // numbers between the passes
	if across {
		each = a.H * b.W * a.C
	}
	most := min(max(resizeScratch/each, 1), a.N)
	between, err := l.scratch(most * each * 4)
	if err != nil {
		return err
	}
	f32, t, filter := op.F32, in.DType, o.Int(0)
	return inParts(a.N, most, func(from, n int64) error {
		src, dst := in.at+cuda.Ptr(from*(in.Bytes()/a.N)), out.at+cuda.Ptr(from*(out.Bytes()/b.N))
		if across {
			if err := l.filter(filter, src, between, t, f32, n*a.H, a.W, b.W, a.C); err != nil {
				return err
			}
			return l.filter(filter, between, dst, f32, t, n, a.H, b.H, b.W*a.C)
		}
		if err := l.filter(filter, src, between, t, f32, n, a.H, b.H, a.W*a.C); err != nil {
			return err
		}
		return l.filter(filter, between, dst, f32, t, n*b.H, a.W, b.W, a.C)
	})
}

// filter resizes the middle dimension of [outer, n, inner].
func (l *lower) filter(filter int64, in, out cuda.Ptr, from, to op.DType, outer, n, outN, inner int64) error {
	at, err := l.table(fmt.Sprintf("taps %d %d %d", filter, n, outN), func() []byte {
		t := op.ResizeTaps(filter, n, outN)
		b, _ := binary.Append(nil, binary.LittleEndian, t.First)
		b, _ = binary.Append(b, binary.LittleEndian, t.Count)
		for j := range t.Stride {
			for p := range int(outN) {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(t.Weights[p*t.Stride+j]))
			}
		}
		return b
	})
	if err != nil {
		return err
	}
	width := int64(1)
	switch {
	case inner%4 == 0:
		width = 4
	case inner == 3:
		width = 3
	}
	args := l.args().Ptr(in).Ptr(out).Ptr(at).Ptr(at + cuda.Ptr(4*outN)).Ptr(at + cuda.Ptr(8*outN)).I64(outer).I64(n).I64(outN).I64(inner)
	return l.launch("image", fmt.Sprintf("filter_%v_%v_%d", from, to, width), l.blocks(outer*outN*inner/width), eachThread, 0, args)
}

func lowerNormalise(l *lower, o *op.Op) error {
	p := l.in[0].Pictures()
	args := l.args().Ptr(l.in[0].at).Ptr(l.in[1].at).Ptr(l.in[2].at).Ptr(l.out[0].at).I64(p.N).I64(p.H * p.W).I64(p.C).U32(uint32(o.Int(0)))
	return l.launch("image", "normalise", l.blocks(l.in[0].Elems()), eachThread, 0, args)
}
