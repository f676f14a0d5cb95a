package device

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// BenchmarkTheLibrarysFFT is cuFFT beside ours, 1 GiB of complex numbers read and as much written, by the device's clock. Ours gives the
// same bits everywhere; this is what that costs, and what the class Device saves.
func BenchmarkTheLibrarysFFT(b *testing.B) {
	const all = 1 << 27
	r := newRig(b)
	in, out := r.alloc(8*all), r.alloc(8*all)
	require.NoError(b, r.dev.Set8(in, 0, 8*all, r.stream))
	rate := func(b *testing.B, l *lower) {
		for range b.N {
			b.ReportMetric(16*all/r.median(l).Seconds()/1e9, "GB/s")
		}
	}
	for _, log := range []int{10, 12, 13, 16, 20, 24} {
		n := 1 << log
		b.Run(fmt.Sprintf("%d/ours", n), func(b *testing.B) {
			rate(b, r.launches(func(l *lower) error { return l.transform(in, out, int64(all/n), op.FFTLog(int64(n)), 0, 1) }))
		})
		b.Run(fmt.Sprintf("%d/cuFFT", n), func(b *testing.B) {
			lib := r.dev.openFFT()
			if lib == nil {
				b.Skipf("no cuFFT: none of %v", cuda.FFTLibraries)
			}
			some := cuda.Transform{N: n, Rows: cufftMost / n} // as an op has it
			size, err := lib.Workspace(some)
			require.NoError(b, err)
			workspace := r.alloc(max(size, align))
			defer r.arena.free(workspace)
			rate(b, r.launches(func(l *lower) error {
				for at := cuda.Ptr(0); at < 8*all; at += 8 * cufftMost {
					l.list = append(l.list, command{kind: callLibrary, call: func(s cuda.Stream) error { return lib.Run(some, in+at, out+at, false, workspace, s) }})
				}
				return nil
			}))
		})
	}
}
