package device_test

import (
	"testing"

	"levee/gpu/device"
	"levee/gpu/op"
	"levee/gpu/suite"
)

func TestSuite(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		suite.Run(t, func(t *testing.T) suite.Executor { return session(t, d, suite.Quota) })
	})
	t.Run("the last warp first", func(t *testing.T) {
		d, _ := fakeDevice(t, "DESCENDING", "RACES")
		suite.Run(t, func(t *testing.T) suite.Executor { return session(t, d, suite.Quota) })
	})
}

// Devices of other compute capabilities have other kernels for matrices, and less shared memory; their drivers may be old.
func TestOtherDevices(t *testing.T) {
	for _, cc := range []string{"CC=75", "CC=80"} {
		t.Run(cc, func(t *testing.T) {
			d, _ := fakeDevice(t, cc, "VERSION=11000")
			suite.RunOps(t, func(t *testing.T) suite.Executor { return session(t, d, suite.Quota) }, op.Gemm, op.Conv2D, op.FFT, op.Softmax, op.LayerNorm)
		})
	}
}
