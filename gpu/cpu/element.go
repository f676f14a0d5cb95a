package cpu

import (
	"encoding/binary"
	"math"

	"levee/gpu/op"
)

const grain = 1 << 14 // elements that are worth a goroutine's turn

// fill writes one value everywhere.
func fill(r *run) error {
	out := r.out[0]
	size := out.DType.Size()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], op.FillBits(out.DType, r.Params[0]))
	split(out.Elems(), grain, func(from, to int64) {
		mem := out.mem[from*size : to*size]
		for n := copy(mem, b[:size]); n < len(mem); n *= 2 {
			copy(mem[n:], mem[:n])
		}
	})
	return nil
}

// move copies the same elements into another shape.
func move(r *run) error {
	split(int64(len(r.in[0].mem)), 1<<16, func(from, to int64) { copy(r.out[0].mem[from:to], r.in[0].mem[from:to]) })
	return nil
}

// concat copies rows: of each input, what one step of the dimensions before the axis covers.
func concat(r *run) error {
	axis := r.Int(0)
	out := r.out[0]
	outer := int64(1)
	for _, d := range out.Shape[:axis] {
		outer *= d
	}
	pitch, at := int64(len(out.mem))/outer, int64(0)
	for _, in := range r.in {
		row := int64(len(in.mem)) / outer
		start := at
		split(outer, max(1, 1<<16/row), func(from, to int64) {
			for i := from; i < to; i++ {
				copy(out.mem[i*pitch+start:][:row], in.mem[i*row:])
			}
		})
		at += row
	}
	return nil
}

// gather copies rows by their index.
func gather(r *run) error {
	in, index, out := r.in[0], r.in[1], r.out[0]
	row := int64(len(in.mem)) / in.Shape[0]
	at := func(i int64) int64 { return view[int64](index)[i] }
	if index.DType == op.I32 {
		at = func(i int64) int64 { return int64(view[int32](index)[i]) }
	}
	split(index.Elems(), max(1, 1<<16/row), func(from, to int64) {
		for i := from; i < to; i++ {
			dst := out.mem[i*row:][:row]
			if k := at(i); k >= 0 && k < in.Shape[0] {
				copy(dst, in.mem[k*row:])
			} else {
				clear(dst)
			}
		}
	})
	return nil
}

// random writes words of Philox4x32-10: element i is word (offset+i) of the stream that seed names.
func random(r *run) error {
	seed, offset, out := r.Params[0], r.Params[1], view[uint32](r.out[0])
	float := r.out[0].DType == op.F32
	split(int64(len(out)), grain, func(from, to int64) {
		for i := from; i < to; {
			at := offset + uint64(i)
			words := philox(seed, at/4)
			for _, w := range words[at%4:][:min(4-at%4, uint64(to-i))] {
				if float {
					w = math.Float32bits(float32(w>>8) * (1.0 / (1 << 24)))
				}
				out[i] = w
				i++
			}
		}
	})
	return nil
}

// philox gives block n of the stream: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
func philox(seed, n uint64) [4]uint32 {
	c0, c1, c2, c3 := uint32(n), uint32(n>>32), uint32(0), uint32(0)
	k0, k1 := uint32(seed), uint32(seed>>32)
	for range 10 {
		a, b := 0xd2511f53*uint64(c0), 0xcd9e8d57*uint64(c2)
		c0, c1, c2, c3 = uint32(b>>32)^c1^k0, uint32(b), uint32(a>>32)^c3^k1, uint32(a)
		k0, k1 = k0+0x9e3779b9, k1+0xbb67ae85
	}
	return [4]uint32{c0, c1, c2, c3}
}
