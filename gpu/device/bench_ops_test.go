package device_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// BenchmarkOps is the bandwidth of the ops that move, reduce and normalise elements: each is sixteen times in a graph, so that waiting
// for it does not count. The floor is that of the device's own copy.
func BenchmarkOps(b *testing.B) {
	const n = 256 << 20 // elements: well over every cache
	s := benchSession(b, 6<<30)
	var tensors []op.Handle
	tensor := func(d op.DType, shape ...int64) op.Handle {
		h := alloc(b, s, d, shape...)
		tensors = append(tensors, h)
		return h
	}
	run := func(name string, code op.Code, params []uint64, list ...op.Handle) {
		moved := int64(0)
		for _, h := range list {
			d, err := s.Desc(h)
			require.NoError(b, err)
			moved += d.Bytes()
		}
		decoded, err := op.Decode(one(code, params, list...))
		require.NoError(b, err)
		for range 15 {
			decoded.Ops = append(decoded.Ops, decoded.Ops[0])
		}
		g := decoded.Append(nil)
		require.NoError(b, s.Wait(submit(b, s, g), -1)) // what is compiled is compiled now
		b.Run(name, func(b *testing.B) {
			b.SetBytes(16 * moved)
			for b.Loop() {
				require.NoError(b, s.Wait(submit(b, s, g), -1))
			}
		})
		for _, h := range tensors {
			require.NoError(b, s.Free(h))
		}
		tensors = nil
	}
	run("copy", op.Copy, nil, tensor(op.F32, n), tensor(op.F32, 1, n))
	run("copy 256 MiB in all", op.Copy, nil, tensor(op.U8, n/2), tensor(op.U8, 1, n/2)) // as much as reductions of bytes read
	run("fill", op.Fill, []uint64{3}, tensor(op.I32, n))
	run("random", op.Random, []uint64{1, 0}, tensor(op.F32, n))
	run("cast f32 f16", op.Cast, nil, tensor(op.F32, n), tensor(op.F16, n))
	run("cast u8 f32", op.Cast, nil, tensor(op.U8, n), tensor(op.F32, n))
	run("cast f32 f64", op.Cast, nil, tensor(op.F32, n), tensor(op.F64, n))
	for _, d := range []op.DType{op.U8, op.F16, op.F32, op.F64} {
		run("transpose "+d.String(), op.Transpose, []uint64{1, 0}, tensor(d, 1<<14, 1<<14+32), tensor(d, 1<<14+32, 1<<14))
	}
	run("transpose outer", op.Transpose, []uint64{1, 0, 2}, tensor(op.F32, 512, 1024, 512), tensor(op.F32, 1024, 512, 512))
	run("transpose pixels", op.Transpose, []uint64{2, 0, 1}, tensor(op.U8, 1<<13, 1<<14, 3), tensor(op.U8, 3, 1<<13, 1<<14))
	run("slice", op.Slice, []uint64{1, 1, 1, 1}, tensor(op.F32, 1<<14, 1<<14), tensor(op.F32, 1<<14-2, 1<<14-2))
	run("concat", op.Concat, []uint64{1}, tensor(op.F32, 1<<14, 1<<13), tensor(op.F32, 1<<14, 1<<12), tensor(op.F32, 1<<14, 1<<12+1<<13))
	run("gather", op.Gather, nil, tensor(op.F32, 1<<18, 256), tensor(op.I32, 1<<19), tensor(op.F32, 1<<19, 256))
	for _, d := range []op.DType{op.U8, op.F16, op.F32, op.F64} {
		sum := d
		if d == op.U8 {
			sum = op.I32
		}
		run("sum all "+d.String(), op.Reduce, []uint64{op.Sum, 0}, tensor(d, n), tensor(sum, 1))
		run("sum rows "+d.String(), op.Reduce, []uint64{op.Sum, 1}, tensor(d, n>>12, 1<<12), tensor(sum, n>>12, 1))
		run("sum short rows "+d.String(), op.Reduce, []uint64{op.Sum, 1}, tensor(d, n>>4, 1<<4), tensor(sum, n>>4, 1))
		run("sum columns "+d.String(), op.Reduce, []uint64{op.Sum, 0}, tensor(d, n>>12, 1<<12), tensor(sum, 1, 1<<12))
		run("max all "+d.String(), op.Reduce, []uint64{op.Max, 0}, tensor(d, n), tensor(d, 1))
		run("max short rows "+d.String(), op.Reduce, []uint64{op.Max, 1}, tensor(d, n>>4, 1<<4), tensor(d, n>>4, 1))
		run("argmax short rows "+d.String(), op.Reduce, []uint64{op.ArgMax, 1}, tensor(d, n>>4, 1<<4), tensor(op.I32, n>>4, 1))
		run("max columns "+d.String(), op.Reduce, []uint64{op.Max, 0}, tensor(d, n>>12, 1<<12), tensor(d, 1, 1<<12))
		run("argmax columns "+d.String(), op.Reduce, []uint64{op.ArgMax, 0}, tensor(d, n>>12, 1<<12), tensor(op.I32, 1, 1<<12))
		run("argmax rows "+d.String(), op.Reduce, []uint64{op.ArgMax, 1}, tensor(d, n>>12, 1<<12), tensor(op.I32, n>>12, 1))
	}
	for _, d := range []op.DType{op.F16, op.F32} {
		for _, row := range []int64{128, 1024, 4096, 8192, 1 << 14, 1 << 15, 50_257, 1 << 16} {
			name := op.Desc{DType: d, Shape: []int64{row}}.String()
			run("softmax "+name, op.Softmax, nil, tensor(d, n/row, row), tensor(d, n/row, row))
			run("layernorm "+name, op.LayerNorm, []uint64{math.Float64bits(1e-5)}, tensor(d, n/row, row), tensor(op.F32, row), tensor(op.F32, row), tensor(d, n/row, row))
		}
	}
}
