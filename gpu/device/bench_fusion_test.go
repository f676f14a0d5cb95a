package device_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/gpu/suite"
)

// BenchmarkFusion has eight products, each with a map behind it that becomes part of it, or does not, because the product is seen.
func BenchmarkFusion(b *testing.B) {
	d, err := realDevice()
	if err != nil {
		b.Skipf("no GPU here: %v", err)
	}
	const n, k, times = 8192, 512, 8
	for name, seen := range map[string]bool{"fused": false, "apart": true} {
		b.Run(name, func(b *testing.B) {
			s := session(b, d, 4<<30)
			kernel, err := s.Kernel(suite.Kernels, "bend")
			require.NoError(b, err)
			g := op.Graph{Tensors: []op.Tensor{{Handle: alloc(b, s, op.BF16, n, k)}, {Handle: alloc(b, s, op.BF16, k, n)}, {Handle: alloc(b, s, op.BF16, n, n)}}}
			for i := range uint16(times) {
				between := op.Tensor{Desc: op.Desc{DType: op.BF16, Shape: []int64{n, n}}}
				if seen {
					between.Handle = alloc(b, s, op.BF16, n, n)
				}
				g.Tensors = append(g.Tensors, between)
				g.Ops = append(g.Ops, op.Op{Code: op.Gemm, In: []uint16{0, 1}, Out: []uint16{3 + i}, Params: []uint64{0, 0, 0x3ff0000000000000, 0}},
					op.Op{Code: op.Map, In: []uint16{3 + i}, Out: []uint16{2}, Params: []uint64{uint64(kernel)}})
			}
			graph := g.Append(nil)
			run := func() {
				fence, err := s.Submit(graph)
				require.NoError(b, err)
				require.NoError(b, s.Wait(fence, time.Minute))
			}
			run() // the driver compiles
			for b.Loop() {
				run()
			}
			b.ReportMetric(2*n*n*k*times*float64(b.N)/b.Elapsed().Seconds()/1e12, "TFLOP/s")
		})
	}
}
