package ptx

import "testing"

// BenchmarkSaxpy says how many instructions of threads run in a second.
func BenchmarkSaxpy(b *testing.B) {
	mem := NewMemory()
	const n = 1 << 18
	launches(b, mem, Launch{Kernel: "saxpy", Grid: dim(16), Block: dim(256), Args: []any{float32(2), mem.Alloc(4 * n), mem.Alloc(4 * n), uint64(n)}})
	b.ReportMetric(float64(b.N)*n*10/b.Elapsed().Seconds()/1e6, "Minstr/s") // 10 in its loop
}

// BenchmarkSum adds up in shared memory, whose every access is remembered.
func BenchmarkSum(b *testing.B) {
	mem := NewMemory()
	const n = 1 << 14
	launches(b, mem, Launch{Kernel: "sum", Grid: dim(16), Block: dim(256), Args: []any{mem.Alloc(4 * n), mem.Alloc(4), uint32(n)}})
}

// BenchmarkRaces looks for races in global memory, too.
func BenchmarkRaces(b *testing.B) {
	mem := NewMemory()
	launches(b, mem, Launch{Kernel: "shifts_with_barrier", Grid: dim(256), Block: dim(64), Args: []any{mem.Alloc(4 * 64 * 256), int32(0)}, Races: true})
}

func launches(b *testing.B, mem *Memory, l Launch) {
	m := module(b, "plain")
	for b.Loop() {
		if err := m.Launch(mem, l); err != nil {
			b.Fatal(err)
		}
	}
}
