package device

import (
	"fmt"
	"testing"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// BenchmarkReduceParts is how fast extremes are found when rows are dealt out in other ways than lowerReduce does.
func BenchmarkReduceParts(b *testing.B) {
	const n = 256 << 20
	rig := newRig(b)
	for _, d := range []op.DType{op.U8, op.F16, op.F32, op.F64} {
		in, out := rig.alloc(n*d.Size()), rig.alloc(n>>12*8)
		run := func(name string, r rows, w wanted, width, parts int64) {
			l := rig.launches(func(l *lower) error { return l.extremeParts(in, d, r, out, w, width, parts) })
			b.Run(fmt.Sprintf("%s %v by %d in %d parts", name, d, width, parts), func(b *testing.B) {
				for range b.N {
					b.ReportMetric(float64(n*d.Size())/rig.median(l).Seconds()/1e9, "GB/s")
				}
				b.Log(rig.profile(l))
			})
			for _, at := range l.scratches {
				rig.arena.free(at)
			}
		}
		for _, blocks := range []int64{2, 4, 8, 16, 32} {
			run("max all", rows{1, n, 1}, wanted{-1, 0, d}, threads, blocks*int64(rig.dev.sms))
		}
		for _, places := range []uint32{0, 1} {
			for _, width := range []int64{16, 32, threads} {
				run(fmt.Sprintf("rows, places %d,", places), rows{n >> 12, 1 << 12, 1}, wanted{-1, places, map[uint32]op.DType{0: d, 1: op.I32}[places]}, width, 1)
			}
		}
		for _, at := range []cuda.Ptr{in, out} {
			rig.arena.free(at)
		}
	}
}
