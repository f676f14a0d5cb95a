package cuda_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
)

// load opens a fake driver. The macros are those of gpu/fake/c/cuda.c.
func load(t *testing.T, macros ...string) (*cuda.Driver, error) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("the fake driver is built with gcc: %v", err)
	}
	return cuda.Load(fake.NewCUDA(t, macros...).Library())
}

func TestLoad(t *testing.T) {
	d, err := load(t, "COUNT=2", "CC=87", "MEMORY=128", "VERSION=12040")
	require.NoError(t, err)
	require.Equal(t, cuda.Version(12040), d.Version())
	require.True(t, d.CanRegister())
	list, err := d.Devices()
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, 87, list[1].CC)
	require.Equal(t, int64(128<<20), list[1].Memory)
	require.Equal(t, 1, list[1].Index)
	require.NotEmpty(t, list[0].Name)
	require.Regexp(t, "^GPU-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", list[0].UUID)
	require.NotEqual(t, list[0].UUID, list[1].UUID)
	require.Positive(t, list[0].SMs)
	require.Positive(t, list[0].Shared)
	_, err = d.Open(2)
	require.ErrorContains(t, err, "cuDeviceGet")
}

func TestWhatADriverLacks(t *testing.T) {
	_, err := load(t, "NOLAUNCH")
	require.ErrorContains(t, err, "has no cuLaunchKernel: the driver (13.0) is too old, CUDA 11.0 is needed")
	_, err = load(t, "VERSION=10020")
	require.ErrorContains(t, err, "is for CUDA 10.2, 11.0 is needed")
	d, err := load(t, "NOREGISTER")
	require.NoError(t, err)
	require.False(t, d.CanRegister())
	_, err = load(t, "INIT=999", "BARE")
	require.ErrorContains(t, err, "cuInit: error 999 (poisoned)")
	_, err = load(t, "INIT=100")
	var e *cuda.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, cuda.Absent, e.Class)
	d, err = load(t, "CC=61")
	require.NoError(t, err)
	_, err = d.Open(0)
	require.ErrorContains(t, err, "is 6.1, and 7.0 is needed")
}

func TestStreamsAndEvents(t *testing.T) {
	d, err := load(t, "SLOW=1")
	require.NoError(t, err)
	c, err := d.Open(0)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	s, err := c.NewStream()
	require.NoError(t, err)
	from, err := c.NewEvent(true)
	require.NoError(t, err)
	to, err := c.NewEvent(true)
	require.NoError(t, err)
	at, err := c.Alloc(1 << 20)
	require.NoError(t, err)
	require.NoError(t, c.Record(from, s))
	require.NoError(t, c.Set32(at, 0x01020304, 1<<18, s))
	require.NoError(t, c.Set8(at+4, 9, 2, s))
	require.NoError(t, c.Copy(at+1024, at, 8, s))
	require.NoError(t, c.Record(to, s))
	require.NoError(t, c.WaitEvent(to))
	reached, err := c.Reached(to)
	require.NoError(t, err)
	require.True(t, reached)
	_, err = c.Elapsed(from, to)
	require.NoError(t, err)
	p, err := c.Pinned(12)
	require.NoError(t, err)
	require.NoError(t, c.Download(p, at+1024, s))
	require.NoError(t, c.WaitStream(s))
	require.Equal(t, []byte{4, 3, 2, 1, 9, 9, 2, 1, 4, 3, 2, 1}, p)
	require.NoError(t, c.FreePinned(p))
	require.NoError(t, c.Free(at))
	require.NoError(t, c.FreeEvent(from))
	require.NoError(t, c.FreeEvent(to))
	require.NoError(t, c.FreeStream(s))
}
