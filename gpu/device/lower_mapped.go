package device

import (
	"encoding/binary"
	"math"

	"levee/gpu/cuda"
)

// canMap says whether the kernels in gemm_bf16_sm90.c and gemm_f16_sm90.c can make a product. Their machine code is for this compute
// capability and no other; they write rows in eights, and the copy engine counts in 31 bits.
func (l *lower) canMap(p multiplication) bool {
	return p.in.Size() == 2 && l.dev.cc == 90 && l.dev.Driver().CanMap() && p.n%8 == 0 && max(p.batch, p.m, p.n, p.k) <= math.MaxInt32
}

const (
	mapBytes     = 128          // of a cuda.TensorMap
	mappedShared = 192<<10 + 64 // four steps of a and b, and their barriers
)

// mappedProduct puts launches of those kernels: as many blocks as run at once take all the tiles.
func (l *lower) mappedProduct(p multiplication) error {
	maps, err := l.scratch(2 * mapBytes)
	if err != nil {
		return err
	}
	text := make([]byte, 0, 2*mapBytes)
	for _, o := range []operand{p.a, p.b} {
		m, err := l.mapped(o, p.batch, p.k)
		if err != nil {
			return err
		}
		for _, w := range m {
			text = binary.LittleEndian.AppendUint64(text, w)
		}
	}
	l.list = append(l.list, command{kind: uploadBytes, at: maps, bytes: text})
	return l.tiled(p, 128, 256, 512, func(first int64, tiles uint32) error {
		args := l.args().Ptr(maps).Ptr(maps + mapBytes).Ptr(p.c).Ptr(p.bias).I64(p.m).I64(p.n).I64(p.k).I64(first).I64(first + int64(tiles))
		args.F32(float32(p.alpha)).U32(uint32(p.out)).U32(word(p.relu)).U32(word(p.b.step == 0))
		return l.launchProduct("gemm_"+p.in.String()+"_sm90", "alone_"+p.ways(), dim{X: min(tiles, uint32(l.dev.sms))}, dim{X: 384}, mappedShared, args)
	})
}

// mapped describes an operand to the copy engine, which brings 64 of k at a time: 64 k by 128 rows, or, across, 64 rows by 64 k.
func (l *lower) mapped(o operand, batch, k int64) (cuda.TensorMap, error) {
	dims, box := [3]uint64{uint64(k), uint64(o.rows), uint64(batch)}, [3]uint32{64, 128, 1}
	if o.across {
		dims[0], dims[1], box[1] = dims[1], dims[0], 64
	}
	step := o.step
	if step == 0 { // one for all of the batch
		dims[2], step = 1, int64(dims[1])*o.ld
	}
	m, err := l.dev.Map(o.at, dims, [2]uint64{uint64(o.ld) * 2, uint64(step) * 2}, box)
	return m, l.dev.fault(err)
}
