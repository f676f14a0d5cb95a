package device

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// BenchmarkTry measures kernels between which a choice is to be made, by the device's own clock.
func BenchmarkTry(b *testing.B) {
	r := newRig(b)
	const bytes = 1 << 30
	one, two, small := r.alloc(bytes), r.alloc(bytes), r.alloc(1<<20)
	fill := func(d op.DType) { // with numbers from 0 to 1
		n := int64(bytes / 4)
		random := r.launches(func(l *lower) error {
			l.out = []tensor{{two, op.Desc{DType: op.F32, Shape: []int64{n}}}}
			if err := lowerings[op.Random](l, &op.Op{Code: op.Random, Params: []uint64{7, 0}}); err != nil {
				return err
			}
			l.in, l.out = l.out, []tensor{{one, op.Desc{DType: d, Shape: []int64{n}}}}
			return errors.Join(lowerings[op.Cast](l, &op.Op{Code: op.Cast}), l.copy(one+cuda.Ptr(bytes-n*d.Size()), one, n*d.Size()))
		})
		require.NoError(b, random.play())
	}
	fill(op.F32)
	measure := func(name string, moved int64, f func(*lower) error) {
		b.Run(name, func(b *testing.B) {
			l := r.launches(f)
			for range b.N {
				b.ReportMetric(float64(moved)/r.median(l).Seconds()/1e9, "GB/s")
			}
		})
	}
	measure("copy", 2*bytes, func(l *lower) error { return l.copy(two, one, bytes) })
	rows := func(d op.DType, n int64, kernels ...string) {
		for _, k := range kernels {
			var width, vector, times int64
			_, err := fmt.Sscanf(k, "%d_%d_%d", &width, &vector, &times)
			require.NoError(b, err)
			block := max(width, 256*(32/max(32, width)))
			file := fmt.Sprint("norm_", d)
			if !slices.Contains(rowKernels[d.Size()], rowKernel{width, vector, times}) {
				file = "norm_try"
			}
			for _, name := range []string{"softmax", "layernorm"} {
				for _, most := range []int64{int64(r.dev.sms) * 64, 1 << 30} {
					outer := bytes / d.Size() / n
					grid := min(most, (outer*width+block-1)/block)
					measure(fmt.Sprintf("%s/%v/%d/%s/%d", name, d, n, k, grid), 2*outer*n*d.Size(), func(l *lower) error {
						args := l.args().Ptr(two).Ptr(one).I64(outer).U32(uint32(n))
						if name == "layernorm" {
							args.Ptr(small).Ptr(small + 1<<19).F32(0.1)
						}
						return l.launch(file, fmt.Sprintf("%s_%s_%v", name, k, d), dim{X: uint32(grid)}, dim{X: uint32(block)}, 0, args)
					})
				}
			}
		}
	}
	fill(op.F16)
	rows(op.F16, 128, "16_8_1")
	rows(op.F16, 256, "32_8_1")
	rows(op.F16, 1024, "32_8_4")
	rows(op.F16, 2048, "64_4_8", "32_8_8")
	rows(op.F16, 4096, "64_4_16")
	rows(op.F16, 8192, "256_1_32", "128_2_32", "64_4_32")
	for _, d := range []op.DType{op.F32, op.F16} {
		fill(d)
		for _, n := range []int64{1 << 14, 1 << 15, 50_257, 1 << 16} {
			in := op.Desc{DType: d, Shape: []int64{bytes / d.Size() / n, n}}
			measure("softmax/"+strings.ReplaceAll(in.String(), " ", ""), 2*in.Bytes(), func(l *lower) error {
				l.in, l.out = []tensor{{one, in}}, []tensor{{two, in}}
				return lowerings[op.Softmax](l, &op.Op{Code: op.Softmax})
			})
			measure("layernorm/"+strings.ReplaceAll(in.String(), " ", ""), 2*in.Bytes(), func(l *lower) error {
				of := op.Desc{DType: op.F32, Shape: []int64{n}}
				l.in, l.out = []tensor{{one, in}, {small, of}, {small + 1<<19, of}}, []tensor{{two, in}}
				return lowerings[op.LayerNorm](l, &op.Op{Code: op.LayerNorm, Params: []uint64{0}})
			})
		}
	}
	for _, c := range []struct {
		d     op.DType
		shape []int64
		perm  []uint64
	}{
		{op.U8, []int64{1 << 13, 1 << 14, 3}, []uint64{2, 0, 1}}, {op.U8, []int64{3, 1 << 13, 1 << 14}, []uint64{1, 2, 0}}, {op.U8, []int64{1 << 13, 1 << 14, 4}, []uint64{2, 0, 1}},
		{op.F16, []int64{1 << 12, 1 << 14, 3}, []uint64{2, 0, 1}}, {op.F32, []int64{1 << 12, 1 << 13, 3}, []uint64{2, 0, 1}}, {op.F32, []int64{3, 1 << 12, 1 << 13}, []uint64{1, 2, 0}},
		{op.U8, []int64{64, 1001, 1001, 3}, []uint64{0, 3, 1, 2}}, {op.F16, []int64{64, 1024, 16, 64}, []uint64{0, 2, 1, 3}}, {op.F16, []int64{64 * 16, 1024, 64}, []uint64{0, 2, 1}},
	} {
		in := op.Desc{DType: c.d, Shape: c.shape}
		out := op.Desc{DType: c.d}
		for _, p := range c.perm {
			out.Shape = append(out.Shape, c.shape[p])
		}
		measure("transpose/"+strings.ReplaceAll(in.String(), " ", ""), 2*in.Bytes(), func(l *lower) error {
			l.in, l.out = []tensor{{one, in}}, []tensor{{two, out}}
			return lowerings[op.Transpose](l, &op.Op{Code: op.Transpose, Params: c.perm})
		})
	}
	for _, c := range [][2]op.DType{{op.F32, op.F64}, {op.F64, op.F32}, {op.U8, op.F32}, {op.F32, op.U8}, {op.F16, op.F32}, {op.F32, op.BF16}, {op.I32, op.F16}, {op.I64, op.BF16}, {op.U8, op.I64}} {
		n := bytes / max(c[0].Size(), c[1].Size())
		measure(fmt.Sprintf("cast/%v/%v", c[0], c[1]), n*(c[0].Size()+c[1].Size()), func(l *lower) error {
			l.in, l.out = []tensor{{one, op.Desc{DType: c[0], Shape: []int64{n}}}}, []tensor{{two, op.Desc{DType: c[1], Shape: []int64{n}}}}
			return lowerings[op.Cast](l, &op.Op{Code: op.Cast})
		})
	}
	for _, d := range []op.DType{op.U8, op.F16, op.F32, op.F64} {
		n := int64(1<<15) / d.Size()
		in, out := op.Desc{DType: d, Shape: []int64{1 << 15, n}}, op.Desc{DType: d, Shape: []int64{1<<15 - 2, n - 2}}
		measure(fmt.Sprint("slice/", d), 2*out.Bytes(), func(l *lower) error {
			l.in, l.out = []tensor{{one, in}}, []tensor{{two, out}}
			return lowerings[op.Slice](l, &op.Op{Code: op.Slice, Params: []uint64{1, 1, 1, 1}})
		})
	}
	for _, at := range []cuda.Ptr{one, two, small} {
		r.arena.free(at)
	}
}
