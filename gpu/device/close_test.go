package device_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/device"
	"levee/gpu/op"
)

// TestCloseEndsLoops closes a session whose loops take long, and sees that whoever has its stream next has none of that.
func TestCloseEndsLoops(t *testing.T) {
	t.Run("driver", func(t *testing.T) {
		d, err := realDevice()
		if err != nil {
			t.Skipf("no GPU here: %v", err)
		}
		closeEndsLoops(t, d, 16<<20, 1<<20-1) // some seconds of work
	})
	t.Run("fake", func(t *testing.T) {
		d, _ := fakeDevice(t, "SLOW=500")
		closeEndsLoops(t, d, 100, 3)
	})
}

func closeEndsLoops(t *testing.T, d *device.Device, n int, turns uint32) {
	s, err := d.Session(1<<30, large)
	require.NoError(t, err)
	x, y := alloc(t, s, op.I32, int64(n)), alloc(t, s, op.I32, int64(n))
	upload(t, s, x, n, func(int) uint32 { return turns })
	k := kernel(t, s, count)
	var last uint64
	for range 4 {
		last = submit(t, s, one(op.Map, k, x, y))
	}
	requireFault(t, op.TimedOut, s.Wait(last, 0))
	begin := time.Now()
	require.NoError(t, s.Close())
	t.Logf("closed after %v", time.Since(begin))

	for range 2 { // streams are there that were used
		s := session(t, d, 1<<20)
		x, y := alloc(t, s, op.I32, 100), alloc(t, s, op.I32, 100)
		upload(t, s, x, 100, func(int) uint32 { return 3 })
		upload(t, s, y, 100, func(int) uint32 { return 9 })
		require.NoError(t, s.Wait(submit(t, s, one(op.Map, kernel(t, s, count), x, y)), -1))
		require.True(t, bytes.Equal(make([]byte, 400), read(t, s, y)))
	}
}

// TestALongMapGoesOn has a map whose launches each take a while, and all together longer than anything may that makes no progress.
func TestALongMapGoesOn(t *testing.T) {
	d, _ := fakeDevice(t, "SLOW=250")
	n := 6 * d.SMs * 2048
	s := session(t, d, 16<<20)
	x, y := alloc(t, s, op.I32, int64(n)), alloc(t, s, op.I32, int64(n))
	upload(t, s, x, n, func(int) uint32 { return 1 })
	upload(t, s, y, n, func(int) uint32 { return 9 })
	k := kernel(t, s, count)
	first := submit(t, s, one(op.Map, k, x, y))
	begin := time.Now()
	require.NoError(t, s.Wait(submit(t, s, one(op.Map, k, x, y)), -1))
	t.Logf("two maps of six launches took %v", time.Since(begin))
	require.NoError(t, s.Wait(first, 0))
	require.True(t, bytes.Equal(make([]byte, 4*n), read(t, s, y)))
}
