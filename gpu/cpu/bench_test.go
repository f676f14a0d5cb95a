package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// BenchmarkOps is what the ops on elements and rows move; the floor is copy.
func BenchmarkOps(b *testing.B) {
	const n = 1 << 22
	r := rand.New(rand.NewPCG(1, 1))
	tensorOf := func(d op.DType, shape ...int64) tensor {
		t := tensor{op.Desc{DType: d, Shape: shape}, nil}
		t.mem = make([]byte, t.Bytes())
		for i := range t.Elems() {
			switch d.Size() {
			case 2:
				view[uint16](t)[i] = op.F32ToF16(r.Float32())
			case 4:
				view[float32](t)[i] = r.Float32()
			default:
				t.mem[i*d.Size()] = byte(r.Uint32())
			}
		}
		return t
	}
	for _, c := range []struct {
		name   string
		code   op.Code
		params []uint64
		in     []tensor
		out    tensor
	}{
		{"copy f32", op.Copy, nil, []tensor{tensorOf(op.F32, n)}, tensorOf(op.F32, n)},
		{"random f32", op.Random, []uint64{1, 0}, nil, tensorOf(op.F32, n)},
		{"cast f32 f16", op.Cast, nil, []tensor{tensorOf(op.F32, n)}, tensorOf(op.F16, n)},
		{"cast f16 f32", op.Cast, nil, []tensor{tensorOf(op.F16, n)}, tensorOf(op.F32, n)},
		{"cast u8 f32", op.Cast, nil, []tensor{tensorOf(op.U8, n)}, tensorOf(op.F32, n)},
		{"transpose f32", op.Transpose, []uint64{1, 0}, []tensor{tensorOf(op.F32, 1<<11, 1<<11)}, tensorOf(op.F32, 1<<11, 1<<11)},
		{"transpose u8 pixels", op.Transpose, []uint64{2, 0, 1}, []tensor{tensorOf(op.U8, 1<<10, 1<<10, 4)}, tensorOf(op.U8, 4, 1<<10, 1<<10)},
		{"sum all f32", op.Reduce, []uint64{op.Sum, 0}, []tensor{tensorOf(op.F32, n)}, tensorOf(op.F32, 1)},
		{"sum all f16", op.Reduce, []uint64{op.Sum, 0}, []tensor{tensorOf(op.F16, n)}, tensorOf(op.F16, 1)},
		{"sum short rows f32", op.Reduce, []uint64{op.Sum, 1}, []tensor{tensorOf(op.F32, n/4, 4)}, tensorOf(op.F32, n/4, 1)},
		{"sum columns f32", op.Reduce, []uint64{op.Sum, 0}, []tensor{tensorOf(op.F32, 1<<11, 1<<11)}, tensorOf(op.F32, 1, 1<<11)},
		{"max all f32", op.Reduce, []uint64{op.Max, 0}, []tensor{tensorOf(op.F32, n)}, tensorOf(op.F32, 1)},
		{"argmax all f32", op.Reduce, []uint64{op.ArgMax, 0}, []tensor{tensorOf(op.F32, n)}, tensorOf(op.I32, 1)},
		{"softmax f32", op.Softmax, nil, []tensor{tensorOf(op.F32, 1<<12, 1<<10)}, tensorOf(op.F32, 1<<12, 1<<10)},
		{"layernorm f16", op.LayerNorm, []uint64{math.Float64bits(1e-5)}, []tensor{tensorOf(op.F16, 1<<12, 1<<10), tensorOf(op.F32, 1<<10), tensorOf(op.F32, 1<<10)}, tensorOf(op.F16, 1<<12, 1<<10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			moved := len(c.out.mem)
			for _, t := range c.in {
				moved += len(t.mem)
			}
			b.SetBytes(int64(moved))
			for b.Loop() {
				require.NoError(b, ops[c.code](&run{Op: &op.Op{Code: c.code, Params: c.params}, in: c.in, out: []tensor{c.out}}))
			}
		})
	}
}
