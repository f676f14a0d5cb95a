package ptx

import "testing"

// BenchmarkSaxpy says how many instructions of threads run in a second.
func BenchmarkSaxpy(b *testing.B) {
	m := module(b, "plain")
	mem := NewMemory()
	const n = 1 << 18
	l := Launch{Kernel: "saxpy", Grid: dim(16), Block: dim(256), Args: []any{float32(2), mem.Alloc(4 * n), mem.Alloc(4 * n), uint64(n)}}
	for b.Loop() {
		if err := m.Launch(mem, l); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n*10/b.Elapsed().Seconds()/1e6, "Minstr/s") // 10 in its loop
}
