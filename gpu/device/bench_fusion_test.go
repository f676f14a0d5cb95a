package device_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/gpu/suite"
)

// BenchmarkFusion has eight products, each with a map behind it that becomes part of it, or does not, because the product is seen; or
// none. Products of 16-bit floats that are not fused are cuBLASLt's where it is there. One map has two instructions, the other one
// branches and divides.
func BenchmarkFusion(b *testing.B) {
	for _, c := range []struct {
		d    op.DType
		n, k int64
	}{{op.BF16, 8192, 64}, {op.BF16, 8192, 128}, {op.BF16, 8192, 256}, {op.BF16, 8192, 512}, {op.BF16, 8192, 2048}, {op.F32, 4096, 16}, {op.F32, 4096, 64}, {op.F32, 4096, 512}} {
		for _, way := range []string{"alone", "fused/short", "apart/short", "fused/bend", "apart/bend"} {
			b.Run(fmt.Sprintf("%v/%d/%s", c.d, c.k, way), func(b *testing.B) { benchmarkFusion(b, c.d, c.n, c.k, way) })
		}
	}
}

func benchmarkFusion(b *testing.B, d op.DType, n, k int64, way string) {
	const times = 8
	s := benchSession(b, 4<<30)
	way, kind, _ := strings.Cut(way, "/")
	module, name := suite.Short, "k"
	if kind == "bend" {
		module, name = suite.Kernels, "bend"
	}
	kernel, err := s.Kernel(module, name)
	require.NoError(b, err)
	g := op.Graph{Tensors: []op.Tensor{{Handle: alloc(b, s, d, n, k)}, {Handle: alloc(b, s, d, k, n)}, {Handle: alloc(b, s, d, n, n)}}}
	for i := range uint16(times) {
		between := op.Tensor{Desc: op.Desc{DType: d, Shape: []int64{n, n}}}
		if way != "fused" {
			between.Handle = alloc(b, s, d, n, n)
		}
		g.Tensors = append(g.Tensors, between)
		g.Ops = append(g.Ops, op.Op{Code: op.Gemm, In: []uint16{0, 1}, Out: []uint16{3 + i}, Params: []uint64{0, 0, 0x3ff0000000000000, 0}})
		if way != "alone" {
			g.Ops = append(g.Ops, op.Op{Code: op.Map, In: []uint16{3 + i}, Out: []uint16{2}, Params: []uint64{uint64(kernel)}})
		}
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
	each := b.Elapsed().Seconds() / float64(b.N*times)
	b.ReportMetric(2*float64(n)*float64(n)*float64(k)/each/1e12, "TFLOP/s")
	b.ReportMetric(each*1e6, "us/product")
}
