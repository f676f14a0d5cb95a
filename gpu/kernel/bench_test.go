package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkKernels runs kernels on the CPU, compiled and step by step: ns for one element.
func BenchmarkKernels(b *testing.B) {
	companion, entries, err := Companion(corpus(b))
	require.NoError(b, err)
	m := newMachine(b, companion)
	const n = 1 << 16
	for _, e := range entries {
		switch e.Name {
		case "axpb", "silu", "mandel", "stencil", "matmul", "several":
		default:
			continue
		}
		w := workFor(e.Func, rand.New(rand.NewPCG(1, 2)), n)
		m.run(e.Batch, w, 0)
		for name, run := range map[string]func(){
			"compiled": func() {
				_, err := m.mod.ExportedFunction(e.Batch).Call(b.Context(), 0, 0, n)
				require.NoError(b, err)
			},
			"steps": func() {
				memory, _ := m.mod.Memory().Read(0, m.mod.Memory().Size())
				e.Func.Run(memory, 0, 0, n)
			},
		} {
			b.Run(e.Name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					run()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
			})
		}
	}
}

// BenchmarkParse compiles the corpus in all ways that are not the engine's.
func BenchmarkParse(b *testing.B) {
	wasm := corpus(b)
	for b.Loop() {
		_, entries, err := Companion(wasm)
		require.NoError(b, err)
		for _, e := range entries {
			sig := e.Func.Signature()
			_, err := e.Func.PTX(Types{sig.Params, make([]bool, len(sig.Params)), sig.Results})
			require.NoError(b, err)
		}
	}
}
