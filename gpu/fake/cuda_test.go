package fake_test

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/ptx"
)

func source(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../ptx/testdata/" + name + ".ptx")
	require.NoError(t, err)
	return string(text)
}

// open gives the first device of a library, and a kernel of the interpreter's tests.
func open(t *testing.T, f *fake.CUDA, kernel string) (*cuda.Context, cuda.Function) {
	t.Helper()
	d, err := cuda.Load(f.Library())
	require.NoError(t, err)
	c, err := d.Open(0)
	require.NoError(t, err)
	m, err := c.Load(source(t, "plain"))
	require.NoError(t, err)
	fn, err := c.Function(m, kernel)
	require.NoError(t, err)
	return c, fn
}

func floats(n int, f func(i int) float32) []byte {
	var p []byte
	for i := range n {
		p = binary.LittleEndian.AppendUint32(p, math.Float32bits(f(i)))
	}
	return p
}

// A kernel that clang made runs through the binding, the library and the interpreter.
func TestSaxpy(t *testing.T) {
	for _, macros := range [][]string{nil, {"DESCENDING"}, {"BARE"}, {"COUNT=3"}} {
		c, fn := open(t, fake.NewCUDA(t, macros...), "saxpy")
		const n = 1000
		x, err := c.Alloc(4 * n)
		require.NoError(t, err)
		y, err := c.Alloc(4 * n)
		require.NoError(t, err)
		s, err := c.NewStream()
		require.NoError(t, err)
		require.NoError(t, c.Upload(x, floats(n, func(i int) float32 { return float32(i) }), s))
		require.NoError(t, c.Set32(y, math.Float32bits(1), n, s))
		var a cuda.Args
		a.F32(2).Ptr(x).Ptr(y).I64(n)
		require.NoError(t, c.Launch(fn, cuda.Dim{X: 3}, cuda.Dim{X: 64}, 0, s, a.Params()))
		e, err := c.NewEvent(false)
		require.NoError(t, err)
		require.NoError(t, c.Record(e, s))
		require.NoError(t, c.WaitEvent(e))
		got := make([]byte, 4*n)
		require.NoError(t, c.Download(got, y, s))
		require.NoError(t, c.Synchronize())
		require.Equal(t, floats(n, func(i int) float32 { return 2*float32(i) + 1 }), got)
		u, err := c.Use(fn)
		require.NoError(t, err)
		require.Equal(t, 256, u.Threads)
	}
}

// What a kernel does wrong is found, and costs the context as it would on a device.
func TestIllegalAddress(t *testing.T) {
	f := fake.NewCUDA(t)
	c, fn := open(t, f, "beyond")
	x, err := c.Alloc(256)
	require.NoError(t, err)
	var a cuda.Args
	a.Ptr(x).I32(1)
	require.NoError(t, c.Launch(fn, cuda.Dim{X: 1}, cuda.Dim{X: 64}, 0, 0, a.Params()), "only told later")
	for range 2 {
		err = c.Synchronize()
		require.Equal(t, 700, err.(*cuda.Error).Code)
		require.Equal(t, cuda.Poisoned, err.(*cuda.Error).Class)
	}
	_, err = c.Alloc(1)
	require.Equal(t, 700, err.(*cuda.Error).Code)
	list := f.Findings()
	require.Len(t, list, 1)
	require.Equal(t, ptx.OutOfBounds, list[0].Kind)
	require.Equal(t, uint32(63), list[0].Thread.X)
}

// Threads that touch what others write are found where somebody asks.
func TestRaces(t *testing.T) {
	for _, macro := range []string{"RACES", "NORACES"} {
		f := fake.NewCUDA(t, macro)
		c, fn := open(t, f, "shifts")
		x, err := c.Alloc(4 * 128)
		require.NoError(t, err)
		var a cuda.Args
		require.NoError(t, c.Launch(fn, cuda.Dim{X: 2}, cuda.Dim{X: 64}, 0, 0, a.Ptr(x).I32(64).Params()))
		err = c.Synchronize()
		if macro != "RACES" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, 719, code(t, err))
		list := f.Findings()
		require.Len(t, list, 1)
		require.Equal(t, ptx.GlobalRace, list[0].Kind)
	}
}

func code(t *testing.T, err error) int {
	t.Helper()
	e, ok := err.(*cuda.Error)
	require.True(t, ok, "%v", err)
	return e.Code
}

func TestMemory(t *testing.T) {
	c, _ := open(t, fake.NewCUDA(t, "MEMORY=64"), "saxpy")
	a, err := c.Alloc(40 << 20)
	require.NoError(t, err)
	_, err = c.Alloc(40 << 20)
	require.Equal(t, cuda.OutOfMemory, err.(*cuda.Error).Class)
	left, err := c.Available()
	require.NoError(t, err)
	require.Equal(t, int64(24<<20), left)
	p := make([]byte, 4)
	require.NoError(t, c.Download(p, a, 0))
	require.NotEqual(t, make([]byte, 4), p, "nobody zeroes it")
	require.Equal(t, 1, code(t, c.Download(p, a+40<<20-3, 0)))
	require.NoError(t, c.Free(a))
	require.Equal(t, 1, code(t, c.Free(a)))
	b, err := c.Alloc(60 << 20)
	require.NoError(t, err)
	require.Equal(t, a, b)
}

// Pretended faults, each seen through the binding.
func TestFaults(t *testing.T) {
	var params cuda.Args
	launch := func(c *cuda.Context, fn cuda.Function) error {
		x, err := c.Alloc(4)
		if err != nil {
			return err
		}
		return c.Launch(fn, cuda.Dim{X: 1}, cuda.Dim{X: 1}, 0, 0, params.Reset().F32(0).Ptr(x).Ptr(x).I64(1).Params())
	}
	t.Run("sticky", func(t *testing.T) {
		c, fn := open(t, fake.NewCUDA(t, "STICKY=719", "STICKYAT=2"), "saxpy")
		require.NoError(t, launch(c, fn))
		require.NoError(t, c.Synchronize())
		require.NoError(t, launch(c, fn))
		require.Equal(t, 719, code(t, c.Synchronize()))
		require.Equal(t, 719, code(t, launch(c, fn)))
	})
	t.Run("hang", func(t *testing.T) {
		c, fn := open(t, fake.NewCUDA(t, "HANG=1"), "saxpy")
		require.NoError(t, launch(c, fn))
		e, err := c.NewEvent(false)
		require.NoError(t, err)
		require.NoError(t, c.Record(e, 0))
		reached, err := c.Reached(e)
		require.NoError(t, err)
		require.False(t, reached)
	})
	t.Run("slow", func(t *testing.T) {
		c, fn := open(t, fake.NewCUDA(t, "SLOW=50"), "saxpy")
		from, err := c.NewEvent(true)
		require.NoError(t, err)
		to, err := c.NewEvent(true)
		require.NoError(t, err)
		require.NoError(t, c.Record(from, 0))
		for range 2 {
			require.NoError(t, launch(c, fn))
		}
		require.NoError(t, c.Record(to, 0))
		require.NoError(t, c.WaitEvent(to))
		d, err := c.Elapsed(from, to)
		require.NoError(t, err)
		require.GreaterOrEqual(t, d.Milliseconds(), int64(99))
	})
	t.Run("refuse", func(t *testing.T) {
		d, err := cuda.Load(fake.NewCUDA(t, "REFUSE=222").Library())
		require.NoError(t, err)
		c, err := d.Open(0)
		require.NoError(t, err)
		_, err = c.Load(source(t, "plain"))
		require.Equal(t, 222, code(t, err))
		require.Equal(t, "refused", err.(*cuda.Error).Log)
	})
	t.Run("bad code", func(t *testing.T) {
		c, _ := open(t, fake.NewCUDA(t), "saxpy")
		_, err := c.Load(".version 7.0\n.target sm_80\n.entry k() {")
		require.Equal(t, 218, code(t, err))
		require.Contains(t, err.Error(), "has no end")
	})
	t.Run("symbols", func(t *testing.T) {
		_, err := cuda.Load(fake.NewCUDA(t, "NOLAUNCH").Library())
		require.ErrorContains(t, err, "cuLaunchKernel")
		d, err := cuda.Load(fake.NewCUDA(t, "NOREGISTER").Library())
		require.NoError(t, err)
		require.False(t, d.CanRegister())
	})
	t.Run("start", func(t *testing.T) {
		_, err := cuda.Load(fake.NewCUDA(t, "INIT=999").Library())
		require.Equal(t, 999, code(t, err))
		_, err = cuda.Load(fake.NewCUDA(t, "COUNT=0").Library())
		require.Equal(t, 100, code(t, err))
		_, err = cuda.Load(fake.NewCUDA(t, "VERSION=10020").Library())
		require.ErrorContains(t, err, "10.2")
	})
}

// What a driver or a device does not take is refused here, too: the suite must not pass what fails on silicon.
func TestLimits(t *testing.T) {
	load := func(text string, macros ...string) int {
		d, err := cuda.Load(fake.NewCUDA(t, macros...).Library())
		require.NoError(t, err)
		c, err := d.Open(0)
		require.NoError(t, err)
		if _, err = c.Load(text); err == nil {
			return 0
		}
		return code(t, err)
	}
	const empty = ".version 8.3\n.target sm_90a\n.address_size 64\n.visible .entry k() { ret; }\n"
	require.Equal(t, 0, load(empty, "VERSION=12030"))
	require.Equal(t, 222, load(empty, "VERSION=12020"), "PTX that is newer than the driver")
	require.Equal(t, 209, load(empty, "CC=80"), "code for newer devices")
	require.Equal(t, 209, load(empty, "CC=100"), "code for one kind of device")
	require.Equal(t, 0, load(source(t, "plain"), "CC=120"))

	f := fake.NewCUDA(t, "CC=86")
	c, fn := open(t, f, "saxpy")
	require.NoError(t, c.AllowShared(fn, 99<<10))
	require.Equal(t, 1, code(t, c.AllowShared(fn, 99<<10+1)))
	var a cuda.Args
	x, err := c.Alloc(4)
	require.NoError(t, err)
	params := a.F32(2).Ptr(x).Ptr(x).I64(0).Params()
	require.NoError(t, c.Launch(fn, cuda.Dim{X: 1}, cuda.Dim{X: 256}, 0, 0, params))
	require.Equal(t, 1, code(t, c.Launch(fn, cuda.Dim{X: 1}, cuda.Dim{X: 257}, 0, 0, params)), "it may take all registers")
	require.Equal(t, 1, code(t, c.Launch(fn, cuda.Dim{X: 1 << 31}, cuda.Dim{X: 1}, 0, 0, params)))
	require.Equal(t, 1, code(t, c.Launch(fn, cuda.Dim{X: 1, Y: 1 << 16}, cuda.Dim{X: 1}, 0, 0, params)))
	require.Len(t, f.Findings(), 3)

	p, err := c.Pinned(8192)
	require.NoError(t, err)
	require.NoError(t, c.Register(p[:4096]))
	require.Equal(t, 712, code(t, c.Register(p[4095:])), "a part of it is registered")
	require.NoError(t, c.Unregister(p[:4096]))
	require.NoError(t, c.Register(p))
	require.NoError(t, c.Unregister(p))
	require.NoError(t, c.FreePinned(p))
}

// A launch that aborts takes its process along, here a child.
func TestAbort(t *testing.T) {
	if dir := os.Getenv("FAKE_TEST_LIBRARY"); dir != "" {
		d, err := cuda.Load(dir)
		require.NoError(t, err)
		c, err := d.Open(0)
		require.NoError(t, err)
		m, err := c.Load(source(t, "plain"))
		require.NoError(t, err)
		fn, err := c.Function(m, "saxpy")
		require.NoError(t, err)
		var a cuda.Args
		_ = c.Launch(fn, cuda.Dim{X: 1}, cuda.Dim{X: 1}, 0, 0, a.F32(0).Ptr(0).Ptr(0).I64(0).Params())
		t.Fatal("it came back")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAbort$")
	cmd.Env = append(os.Environ(), "FAKE_TEST_LIBRARY="+fake.NewCUDA(t, "ABORT=1").Library())
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.True(t, strings.Contains(string(out), "SIGABRT"), "%s", out)
}
