package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// BenchmarkOps is what the ops move; the floor is copy.
func BenchmarkOps(b *testing.B) {
	const n = 1 << 22
	desc := func(d op.DType, shape ...int64) op.Desc { return op.Desc{DType: d, Shape: shape} }
	for _, c := range []struct {
		name   string
		code   op.Code
		params []uint64
		in     []op.Desc
		out    op.Desc
	}{
		{"copy f32", op.Copy, nil, []op.Desc{desc(op.F32, n)}, desc(op.F32, n)},
		{"random f32", op.Random, []uint64{1, 0}, nil, desc(op.F32, n)},
		{"cast f32 f16", op.Cast, nil, []op.Desc{desc(op.F32, n)}, desc(op.F16, n)},
		{"cast f16 f32", op.Cast, nil, []op.Desc{desc(op.F16, n)}, desc(op.F32, n)},
		{"cast u8 f32", op.Cast, nil, []op.Desc{desc(op.U8, n)}, desc(op.F32, n)},
		{"transpose f32", op.Transpose, []uint64{1, 0}, []op.Desc{desc(op.F32, 1<<11, 1<<11)}, desc(op.F32, 1<<11, 1<<11)},
		{"transpose u8 pixels", op.Transpose, []uint64{2, 0, 1}, []op.Desc{desc(op.U8, 1<<10, 1<<10, 4)}, desc(op.U8, 4, 1<<10, 1<<10)},
		{"sum all f32", op.Reduce, []uint64{op.Sum, 0}, []op.Desc{desc(op.F32, n)}, desc(op.F32, 1)},
		{"sum all f16", op.Reduce, []uint64{op.Sum, 0}, []op.Desc{desc(op.F16, n)}, desc(op.F16, 1)},
		{"sum short rows f32", op.Reduce, []uint64{op.Sum, 1}, []op.Desc{desc(op.F32, n/4, 4)}, desc(op.F32, n/4, 1)},
		{"sum columns f32", op.Reduce, []uint64{op.Sum, 0}, []op.Desc{desc(op.F32, 1<<11, 1<<11)}, desc(op.F32, 1, 1<<11)},
		{"max all f32", op.Reduce, []uint64{op.Max, 0}, []op.Desc{desc(op.F32, n)}, desc(op.F32, 1)},
		{"argmax all f32", op.Reduce, []uint64{op.ArgMax, 0}, []op.Desc{desc(op.F32, n)}, desc(op.I32, 1)},
		{"softmax f32", op.Softmax, nil, []op.Desc{desc(op.F32, 1<<12, 1<<10)}, desc(op.F32, 1<<12, 1<<10)},
		{"layernorm f16", op.LayerNorm, []uint64{math.Float64bits(1e-5)}, []op.Desc{desc(op.F16, 1<<12, 1<<10), desc(op.F32, 1<<10), desc(op.F32, 1<<10)}, desc(op.F16, 1<<12, 1<<10)},
		{"gemm f32", op.Gemm, []uint64{0, 0, math.Float64bits(1), 0}, []op.Desc{desc(op.F32, 512, 512), desc(op.F32, 512, 512)}, desc(op.F32, 512, 512)},
		{"gemm f16", op.Gemm, []uint64{0, 1, math.Float64bits(1), 0}, []op.Desc{desc(op.F16, 512, 512), desc(op.F16, 512, 512)}, desc(op.F16, 512, 512)},
		{"conv2d f32", op.Conv2D, []uint64{1, 1, 1, 1, 1, 1, 0}, []op.Desc{desc(op.F32, 1, 56, 56, 32), desc(op.F32, 32, 3, 3, 32)}, desc(op.F32, 1, 56, 56, 32)},
		{"conv2d f32 pixels", op.Conv2D, []uint64{1, 1, 1, 1, 1, 1, 0}, []op.Desc{desc(op.F32, 1, 224, 224, 3), desc(op.F32, 16, 3, 3, 3)}, desc(op.F32, 1, 224, 224, 16)},
		{"resize u8 smaller", op.Resize, []uint64{op.Lanczos3}, []op.Desc{desc(op.U8, 1080, 1920, 3)}, desc(op.U8, 270, 480, 3)},
		{"resize u8 larger", op.Resize, []uint64{op.Bilinear}, []op.Desc{desc(op.U8, 270, 480, 3)}, desc(op.U8, 1080, 1920, 3)},
		{"resize f32 planes", op.Resize, []uint64{op.Lanczos3}, []op.Desc{desc(op.F32, 1080, 1920, 1)}, desc(op.F32, 540, 960, 1)},
		{"fft rows of 1024", op.FFT, []uint64{0, 0}, []op.Desc{desc(op.F32, 1<<10, 1<<10, 2)}, desc(op.F32, 1<<10, 1<<10, 2)},
		{"fft 2^20", op.FFT, []uint64{0, 0}, []op.Desc{desc(op.F32, 1<<20, 2)}, desc(op.F32, 1<<20, 2)},
		{"scan f32", op.Scan, []uint64{0}, []op.Desc{desc(op.F32, n)}, desc(op.F32, n)},
		{"histogram u8", op.Histogram, []uint64{math.Float64bits(0), math.Float64bits(256)}, []op.Desc{desc(op.U8, n)}, desc(op.I32, 256)},
		{"normalise", op.Normalise, []uint64{1}, []op.Desc{desc(op.U8, 1, 512, 512, 3), desc(op.F32, 3), desc(op.F32, 3)}, desc(op.F32, 1, 3, 512, 512)},
	} {
		b.Run(c.name, func(b *testing.B) {
			out := tensor{c.out, make([]byte, c.out.Bytes())}
			moved, in := len(out.mem), make([]tensor, len(c.in))
			for i, d := range c.in {
				in[i] = between0And1(d)
				moved += len(in[i].mem)
			}
			b.SetBytes(int64(moved))
			for b.Loop() {
				require.NoError(b, ops[c.code](&run{Op: &op.Op{Code: c.code, Params: c.params}, in: in, out: []tensor{out}}))
			}
		})
	}
}

// between0And1 makes a tensor of such numbers, or of any bytes.
func between0And1(d op.Desc) tensor {
	r := rand.New(rand.NewPCG(1, 1))
	t := tensor{d, make([]byte, d.Bytes())}
	for i := range t.Elems() {
		switch d.DType.Size() {
		case 2:
			view[uint16](t)[i] = op.F32ToF16(r.Float32())
		case 4:
			view[float32](t)[i] = r.Float32()
		default:
			t.mem[i*d.DType.Size()] = byte(r.Uint32())
		}
	}
	return t
}
