package device

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
	"levee/gpu/suite"
)

// fakeFFT is a session on a device with a cuFFT that pretends: it knows rows of up to 4096 numbers. The macros are those of gpu/fake/c/fft.c.
func fakeFFT(t *testing.T, quota int64, macros ...string) *Session {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("the fake libraries are built with gcc: %v", err)
	}
	c := fake.NewCUDA(t)
	s := sessionOn(t, c.Library(), quota)
	name, err := fake.BuildFFT(c.Dir, c.Library(), macros...)
	require.NoError(t, err)
	s.dev.fft.once.Do(func() { s.dev.fft.FFT, err = s.dev.Context.FFT([]string{"libcufft.so.none", name}) })
	require.NoError(t, err)
	return s
}

func submitFFT(t *testing.T, s *Session, in suite.Tensor, inverse uint64) ([]byte, error) {
	t.Helper()
	a, err := s.Alloc(in.Desc)
	require.NoError(t, err)
	defer s.Free(a)
	b, err := s.Alloc(in.Desc)
	require.NoError(t, err)
	defer s.Free(b)
	require.NoError(t, s.Upload(a, 0, in.Data))
	g := op.Graph{Tensors: []op.Tensor{{Handle: a}, {Handle: b}}, Ops: []op.Op{{Code: op.FFT, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{inverse, uint64(op.Device)}}}}
	fence, err := s.Submit(g.Append(nil))
	if err == nil {
		err = s.Wait(fence, -1)
	}
	out := make([]byte, len(in.Data))
	if err == nil {
		err = s.Download(b, 0, out)
	}
	return out, err
}

// byCuFFT says whether cuFFT would do a transform. It runs nothing.
func byCuFFT(t *testing.T, s *Session, rows, n int64, inverse bool) bool {
	t.Helper()
	l := &lower{s: s, dev: s.dev, in: make([]tensor, 1), out: make([]tensor, 1)}
	done, err := l.byCuFFT(rows, n, inverse)
	require.NoError(t, err)
	require.Equal(t, done, len(l.list) > 0)
	for _, at := range l.scratches {
		s.arena.free(at)
	}
	return done
}

func TestCuFFT(t *testing.T) {
	s := fakeFFT(t, 64<<20)
	require.Equal(t, 12000, s.dev.fft.Version())
	processors := suite.Processors(t, suite.Quota)
	in := suite.Random(rand.New(rand.NewPCG(3, 4)), op.F32, 17501, 60, 2) // an odd count of numbers
	for inverse := range uint64(2) {
		got, err := submitFFT(t, s, in, inverse)
		require.NoError(t, err)
		require.Equal(t, op.Device, s.Class())
		require.Equal(t, 1, s.dev.fft.Plans())
		_, err = suite.CompareFFT(processors, in, inverse, got)
		require.NoError(t, err)
	}
	require.True(t, byCuFFT(t, s, 1<<15, 32, false))
	require.False(t, byCuFFT(t, s, 1<<15, 32, true), "our own kernels divide in the one pass")
	require.True(t, byCuFFT(t, s, 1<<16, 31, true))
	require.False(t, byCuFFT(t, s, 1<<15-1, 32, false), "too few")
	require.False(t, byCuFFT(t, s, 1<<20, 1, false))
	require.False(t, byCuFFT(t, s, 1, 1<<20, false), "the library does not know it")
}

// What cuFFT does not do our own kernels do, and what it fails at is told.
func TestWhatCuFFTDoesNotDo(t *testing.T) {
	require.False(t, byCuFFT(t, fakeFFT(t, 64<<20, "NOPLAN=5"), 1<<15, 32, false))
	require.False(t, byCuFFT(t, fakeFFT(t, 2<<20), 1<<15, 32, false), "there is nothing to work in")
	s := fakeFFT(t, 64<<20, "NOPLAN=2")
	require.False(t, byCuFFT(t, s, 1<<15, 32, false))
	require.Zero(t, s.dev.fft.Plans(), "there may be memory the next time")
	in := suite.Zeros(op.F32, 1<<15, 32, 2)
	for result, want := range map[string]string{
		"4": "unavailable: cufftExecC2C: CUFFT_RESULT 4 (caller)", "2": "over quota: the device has no memory left: cufftExecC2C",
		"6": "lost: the device failed: cufftExecC2C: CUFFT_RESULT 6 (poisoned)",
	} {
		_, err := submitFFT(t, fakeFFT(t, 64<<20, "FAIL="+result), in, 0)
		require.ErrorContains(t, err, want)
	}
}

func TestPlansAreBounded(t *testing.T) {
	lib := fakeFFT(t, 1<<20).dev.fft.FFT
	for n := range 100 {
		size, err := lib.Workspace(cuda.Transform{N: 2 + n, Rows: 3})
		require.NoError(t, err)
		require.EqualValues(t, (2+n)*3*4, size)
		require.LessOrEqual(t, lib.Plans(), 32)
	}
	_, err := lib.Workspace(cuda.Transform{N: 5000, Rows: 1})
	require.ErrorContains(t, err, "cufftMakePlanMany: CUFFT_RESULT 8 (caller)")
}

// cuFFT of the machine, if it has one, beside the definition, in sizes of which our own kernels do none.
func TestCuFFTOnAGPU(t *testing.T) {
	r := newRig(t)
	lib := r.dev.openFFT()
	if lib == nil {
		t.Skipf("it needs cuFFT: none of %s is here", strings.Join(cuda.FFTLibraries, ", "))
	}
	t.Logf("cuFFT %d", lib.Version())
	processors := suite.Processors(t, 2<<30)
	random := rand.New(rand.NewPCG(7, 8))
	for _, s := range [][2]int64{{1 << 20, 2}, {1 << 18, 8}, {1 << 12, 1 << 10}, {3000, 1000}, {130, 1 << 13}, {5, 1 << 20}, {7, 300_000}, {2, 1_000_003}, {1, 1 << 24}, {9, 1 << 22}} {
		for inverse := range uint64(2) {
			in := suite.Random(random, op.F32, s[0], s[1], 2)
			before := lib.Plans()
			got, err := submitFFT(t, r.Session, in, inverse)
			require.NoError(t, err)
			if inverse == 0 {
				require.Greater(t, lib.Plans(), before, "%v was not done by cuFFT", s)
			}
			far, err := suite.CompareFFT(processors, in, inverse, got)
			t.Logf("%v, inverse %d: off by %.2g of what is usual in a row", s, inverse, far)
			require.NoError(t, err)
		}
	}
}
