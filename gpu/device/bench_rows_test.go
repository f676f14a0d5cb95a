package device_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// BenchmarkRows is the speed of sort, scan, histogram, pictures and FFT: in bytes that at least have to be read and written.
func BenchmarkRows(b *testing.B) {
	const n = 64 << 20
	f32 := func(shape ...int64) op.Desc { return op.Desc{DType: op.F32, Shape: shape} }
	i32 := func(shape ...int64) op.Desc { return op.Desc{DType: op.I32, Shape: shape} }
	for _, c := range []struct {
		name   string
		code   op.Code
		params []uint64
		in     op.Desc
		out    []op.Desc
	}{
		{"sort", op.Sort, []uint64{0}, f32(n), []op.Desc{f32(n), i32(n)}},
		{"sort i32", op.Sort, []uint64{1}, i32(n), []op.Desc{i32(n), i32(n)}},
		{"sort 1 Mi", op.Sort, []uint64{0}, f32(1 << 20), []op.Desc{f32(1 << 20), i32(1 << 20)}},
		{"sort rows of 1024", op.Sort, []uint64{0}, f32(n>>10, 1024), []op.Desc{f32(n>>10, 1024), i32(n>>10, 1024)}},
		{"top 10 of 64 Mi", op.Sort, []uint64{1}, f32(n), []op.Desc{f32(10), i32(10)}},
		{"top 10 of 1 Mi", op.Sort, []uint64{1}, f32(1 << 20), []op.Desc{f32(10), i32(10)}},
		{"scan f32", op.Scan, []uint64{0}, f32(n), []op.Desc{f32(n)}},
		{"scan i32", op.Scan, []uint64{0}, i32(n), []op.Desc{i32(n)}},
		{"histogram 256", op.Histogram, []uint64{0, math.Float64bits(1)}, f32(n), []op.Desc{i32(256)}},
		{"histogram 1 Mi", op.Histogram, []uint64{0, math.Float64bits(1)}, f32(n), []op.Desc{i32(1 << 20)}},
		{"lanczos u8 4096 to 1024", op.Resize, []uint64{op.Lanczos3}, op.Desc{DType: op.U8, Shape: []int64{8, 4096, 4096, 3}}, []op.Desc{{DType: op.U8, Shape: []int64{8, 1024, 1024, 3}}}},
		{"bilinear u8 512 to 224", op.Resize, []uint64{op.Bilinear}, op.Desc{DType: op.U8, Shape: []int64{256, 512, 512, 3}}, []op.Desc{{DType: op.U8, Shape: []int64{256, 224, 224, 3}}}},
		{"bilinear f32 1024 to 4096", op.Resize, []uint64{op.Bilinear}, f32(1, 1024, 1024, 3), []op.Desc{f32(1, 4096, 4096, 3)}},
		{"fft 2^24", op.FFT, []uint64{0}, f32(1<<24, 2), []op.Desc{f32(1<<24, 2)}},
		{"fft 2^20", op.FFT, []uint64{0}, f32(16, 1<<20, 2), []op.Desc{f32(16, 1<<20, 2)}},
		{"fft 4096", op.FFT, []uint64{0}, f32(4096, 4096, 2), []op.Desc{f32(4096, 4096, 2)}},
		{"fft 1024", op.FFT, []uint64{0}, f32(1<<14, 1024, 2), []op.Desc{f32(1<<14, 1024, 2)}},
		{"fft 1000", op.FFT, []uint64{0}, f32(16_000, 1000, 2), []op.Desc{f32(16_000, 1000, 2)}},
		{"fft 10000019", op.FFT, []uint64{0}, f32(10_000_019, 2), []op.Desc{f32(10_000_019, 2)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := benchSession(b, 6<<30)
			g := op.Graph{Ops: []op.Op{{Code: c.code, In: []uint16{0}, Params: c.params}}}
			in := alloc(b, s, c.in.DType, c.in.Shape...)
			g.Tensors = []op.Tensor{{Handle: in}}
			if c.in.DType != op.U8 { // what is in a picture makes no difference
				require.NoError(b, s.Wait(submit(b, s, one(op.Random, []uint64{7, 0}, in)), -1))
			}
			bytes := c.in.Bytes()
			for i, d := range c.out {
				g.Tensors = append(g.Tensors, op.Tensor{Handle: alloc(b, s, d.DType, d.Shape...)})
				g.Ops[0].Out = append(g.Ops[0].Out, uint16(1+i))
				bytes += d.Bytes()
			}
			b.SetBytes(bytes)
			text := g.Append(nil)
			for b.Loop() {
				require.NoError(b, s.Wait(submit(b, s, text), -1))
			}
		})
	}
}
