package device

import (
	"encoding/binary"
	"fmt"
	"math"

	"levee/gpu/cuda"
)

// canMap says whether the kernels in gemm_bf16_sm90.c and gemm_f16_sm90.c can make a product. Their machine code is for this compute
// capability and no other, from PTX 8.3, which drivers for CUDA 12.3 take; they write rows in eights, and the copy engine counts in 31 bits.
func (l *lower) canMap(p multiplication) bool {
	return p.in.Size() == 2 && l.dev.cc == 90 && l.dev.Driver().CanMap() && l.dev.Driver().Version() >= 12030 && p.n%8 == 0 && max(p.batch, p.m, p.n, p.k) <= math.MaxInt32
}

const (
	mapBytes     = 128           // of a cuda.TensorMap
	maxMapBox    = 256           // elements that a box covers along a dimension
	maxMapStride = 8             // from one that is copied to the next
	mappedShared = 192<<10 + 128 // steps of a and b, four or more, and their barriers
)

// mappedProduct puts launches of those kernels: as many blocks as run at once take all the tiles.
func (l *lower) mappedProduct(p multiplication) error {
	width := l.mappedWidth(p)
	a, err := l.mapped(p.a, p.batch, p.k, 128)
	if err != nil {
		return err
	}
	b, err := l.mapped(p.b, p.batch, p.k, width)
	if err != nil {
		return err
	}
	return l.mappedTiles(p, fmt.Sprintf("alone_%d_%s", width, p.ways()), width, a, b, func(args *cuda.Args) {
		args.F32(float32(p.alpha)).U32(uint32(p.out)).U32(word(p.relu)).U32(word(p.b.step == 0))
	})
}

// mappedWidth is how many columns the tiles have that make a product soonest. Narrow ones are slower, as what they bring of a serves for
// fewer columns; but those of 256 may be mostly empty, or too few for all multiprocessors.
func (l *lower) mappedWidth(p multiplication) int64 {
	best, least := int64(256), int64(math.MaxInt64)
	for _, w := range [...]struct{ columns, pace int64 }{{256, 4}, {128, 5}, {64, 8}} {
		tiles := p.batch * ((p.m + 127) / 128) * ((p.n + w.columns - 1) / w.columns)
		if cost := (tiles + int64(l.dev.sms) - 1) / int64(l.dev.sms) * w.columns * w.pace; cost < least {
			best, least = w.columns, cost
		}
	}
	return best
}

// mapped describes an operand to the copy engine, which brings 64 of k at a time: 64 k by 128 rows, or a tile's where it has fewer, or, across,
// 64 rows by 64 k.
func (l *lower) mapped(o operand, batch, k, tile int64) (cuda.TensorMap, error) {
	dims, box := []uint64{uint64(k), uint64(o.rows), uint64(batch)}, []uint32{64, uint32(min(tile, 128)), 1}
	if o.across {
		dims[0], dims[1], box[1] = dims[1], dims[0], 64
	}
	step := o.step
	if step == 0 { // one for all of the batch
		dims[2], step = 1, int64(dims[1])*o.ld
	}
	m, err := l.dev.Map(o.at, dims, []uint64{uint64(o.ld) * 2, uint64(step) * 2}, box, []uint32{1, 1, 1})
	return m, l.dev.fault(err)
}

// mappedTiles puts the launches of a kernel that finds a and b by maps; more adds the parameters behind those that all have.
func (l *lower) mappedTiles(p multiplication, kernel string, width int64, a, b cuda.TensorMap, more func(*cuda.Args)) error {
	maps, err := l.scratch(2 * mapBytes)
	if err != nil {
		return err
	}
	text := make([]byte, 0, 2*mapBytes)
	for _, w := range append(a[:], b[:]...) {
		text = binary.LittleEndian.AppendUint64(text, w)
	}
	l.list = append(l.list, command{kind: uploadBytes, at: maps, bytes: text})
	return l.tiled(p, 128, width, int(2*width), func(first int64, tiles uint32) error {
		args := l.args().Ptr(maps).Ptr(maps + mapBytes).Ptr(p.c).Ptr(p.bias).I64(p.m).I64(p.n).I64(p.k).I64(first).I64(first + int64(tiles))
		more(args)
		return l.launchProduct("gemm_"+p.in.String()+"_sm90", kernel, dim{X: min(tiles, uint32(l.dev.sms))}, dim{X: 384}, mappedShared, args)
	})
}

// convByMap lets the copy engine bring the windows of a convolution from where they lie, and says whether it can: channels come in eights,
// and windows move by a few pixels. A tile's 128 rows are a rectangle of output pixels.
func (l *lower) convByMap(c *conv) (bool, error) {
	in, out := l.in[0], l.out[0]
	const most = math.MaxInt32
	p := multiplication{in: in.DType, out: out.DType, batch: 1, n: c.Outputs, c: out.at, bias: c.bias, relu: c.relu, alpha: 1}
	image, window := c.Size[0]*c.Size[1]*c.Channels*2, c.k()*2
	if !l.canMap(p) || c.Channels%8 != 0 || max(c.Stride[0], c.Stride[1]) > maxMapStride || c.Channels > most || c.Pixels > most || image >= 1<<40 || window >= 1<<31 {
		return false, nil
	}
	narrow, across, down := c.rectangles()
	images := in.Shape[0]
	p.m = images * across * down * 128
	p.k = c.Kernel[0] * c.Kernel[1] * roundUp(c.Channels, 64)
	channels := uint64(c.Channels)
	taps := uint64(c.Kernel[0] * c.Kernel[1])
	a, err := l.dev.Map(in.at, []uint64{channels, uint64(c.Size[1]), uint64(c.Size[0]), uint64(images)},
		[]uint64{channels * 2, channels * uint64(c.Size[1]) * 2, uint64(image)},
		[]uint32{64, uint32(c.Stride[1]) << narrow, uint32(c.Stride[0]) * (128 >> narrow), 1}, []uint32{1, uint32(c.Stride[1]), uint32(c.Stride[0]), 1})
	if err != nil {
		return false, l.dev.fault(err)
	}
	width := l.mappedWidth(p)
	b, err := l.dev.Map(l.in[1].at, []uint64{channels, taps, uint64(c.Outputs)}, []uint64{channels * 2, uint64(window)}, []uint32{64, 1, uint32(min(width, 128))}, []uint32{1, 1, 1})
	if err != nil {
		return false, l.dev.fault(err)
	}
	return true, l.mappedTiles(p, fmt.Sprint("conv_", width), width, a, b, func(args *cuda.Args) {
		args.U32(uint32(p.out)).U32(word(p.relu)).I64(c.Channels).I32(narrow).I32(int32(across)).I32(int32(down))
		for _, pair := range [...][2]int64{c.Out, c.Kernel, c.Stride, c.Pad, c.Dilation} {
			args.I32(int32(pair[0])).I32(int32(pair[1]))
		}
	})
}

// rectangles gives the shape of 128 pixels, 2^narrow wide, that covers the output with the fewest, and how many that are across and down. Of x
// they cover maxMapBox pixels at most in each direction.
func (c *conv) rectangles() (narrow int32, across, down int64) {
	for n := range int32(8) {
		a, d := (c.Out[1]+1<<n-1)>>n, (c.Out[0]+128>>n-1)/(128>>n)
		if c.Stride[1]<<n <= maxMapBox && c.Stride[0]*(128>>n) <= maxMapBox && (across == 0 || a*d < across*down) {
			narrow, across, down = n, a, d
		}
	}
	return narrow, across, down
}
