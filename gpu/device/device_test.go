package device_test

import (
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/device"
	"levee/gpu/fake"
)

// realDevice is the machine's GPU. Its context stays until the process ends: to make one takes long.
var realDevice = sync.OnceValues(func() (*device.Device, error) {
	driver, err := cuda.Load(cuda.Library)
	if err != nil {
		return nil, err
	}
	return device.Open(driver, 0)
})

// each runs a test on the real device, or where there is none on the fake one.
func each(t *testing.T, f func(t *testing.T, d *device.Device)) {
	t.Run("driver", func(t *testing.T) {
		d, err := realDevice()
		if err != nil {
			t.Skipf("no GPU here: %v", err)
		}
		f(t, d)
	})
	t.Run("fake", func(t *testing.T) {
		if _, err := realDevice(); err == nil {
			t.Skip("the real device did it")
		}
		d, _ := fakeDevice(t)
		f(t, d)
	})
}

// fakeDevice has no speed and no driver, but runs the same PTX. The macros are those of gpu/fake/c/cuda.c.
func fakeDevice(t *testing.T, macros ...string) (*device.Device, *fake.CUDA) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("the fake driver is built with gcc: %v", err)
	}
	c := fake.NewCUDA(t, macros...)
	driver, err := cuda.Load(c.Library())
	require.NoError(t, err)
	d, err := device.Open(driver, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d, c
}
