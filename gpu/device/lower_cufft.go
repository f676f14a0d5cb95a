package device

import (
	"sync"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

const (
	cufftLeast = 1 << 20 // numbers that cuFFT is asked for: to open it, and to make a plan, takes longer than smaller transforms do
	cufftMost  = 1 << 25 // numbers that it transforms at a time, or one row: a call cannot be cut short
)

// fft is the device's cuFFT, opened by the first transform of the class op.Device that is large enough.
type fft struct {
	once sync.Once
	*cuda.FFT
}

func (d *Device) openFFT() *cuda.FFT {
	d.fft.once.Do(func() { d.fft.FFT, _ = d.Context.FFT(cuda.FFTLibraries) }) // without it our own kernels do the same
	return d.fft.FFT
}

// byCuFFT lets cuFFT do a transform, and says whether it does: it may not be there, not know the size, or have no memory to work in.
func (l *lower) byCuFFT(rows, n int64, inverse bool) (bool, error) {
	if n < 2 || rows*n < cufftLeast || inverse && l.fftInOne(n) { // it would need another pass, to divide
		return false, nil
	}
	lib := l.dev.openFFT()
	if lib == nil {
		return false, nil
	}
	some := min(max(cufftMost/n, 1), rows)
	most := int64(align)
	for _, rows := range []int64{some, rows % some} {
		if rows == 0 {
			continue
		}
		size, err := lib.Workspace(cuda.Transform{N: int(n), Rows: int(rows)})
		if err != nil {
			return false, nil
		}
		most = max(most, size)
	}
	workspace, err := l.scratch(most)
	if err != nil {
		return false, nil
	}
	in, out := l.in[0].at, l.out[0].at
	err = inParts(rows, some, func(from, rows int64) error {
		t, at := cuda.Transform{N: int(n), Rows: int(rows)}, cuda.Ptr(from*n*complexSize)
		l.list = append(l.list, command{kind: callLibrary, call: func(s cuda.Stream) error { return lib.Run(t, in+at, out+at, inverse, workspace, s) }})
		return nil
	})
	if err == nil && inverse {
		err = l.launch("fft", "divided", l.blocks(rows*n/2), eachThread, 0, l.args().Ptr(out).I64(rows*n).F32(float32(n)))
	}
	return true, err
}

// fftInOne says whether our own kernels go over memory once.
func (l *lower) fftInOne(n int64) bool { return n&(n-1) == 0 && op.FFTLog(n) <= l.fftRowLog() }
