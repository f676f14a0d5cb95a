package device_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/device"
	"levee/gpu/op"
)

// wild is a kernel that stores where nothing is.
const wild = `.version 6.3
.target sm_70
.address_size 64
.visible .entry wild()
{
	.reg .b32 %r<1>;
	.reg .b64 %rd<1>;
	mov.u64 %rd0, 8;
	mov.u32 %r0, 1;
	st.global.u32 [%rd0], %r0;
	ret;
}
`

// child is set where the real device's context may be lost: in a process of its own.
const child = "LEVEE_TEST_CHILD"

// TestAStoreOutsideLosesTheContext does what no kernel of ours can do.
func TestAStoreOutsideLosesTheContext(t *testing.T) {
	t.Run("fake", func(t *testing.T) {
		d, c := fakeDevice(t)
		loseContext(t, d)
		require.Len(t, c.Findings(), 1)
	})
	t.Run("driver", func(t *testing.T) {
		d, err := realDevice()
		switch {
		case err != nil:
			t.Skipf("no GPU here: %v", err)
		case os.Getenv(child) != "":
			loseContext(t, d)
			return
		}
		again := exec.Command(os.Args[0], "-test.run=^TestAStoreOutsideLosesTheContext$/^driver$", "-test.v")
		again.Env = append(os.Environ(), child+"=1")
		out, err := again.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("%s", out)
		s := session(t, d, 1<<20) // nobody else has lost anything
		require.Equal(t, make([]byte, 9), read(t, s, alloc(t, s, op.U8, 9)))
	})
}

func loseContext(t *testing.T, d *device.Device) {
	s, other := session(t, d, 1<<20), session(t, d, 1<<20)
	x := alloc(t, s, op.F32, 4)
	m, err := d.Load(wild)
	require.NoError(t, err)
	f, err := d.Function(m, "wild")
	require.NoError(t, err)
	stream, err := d.NewStream()
	require.NoError(t, err)
	_ = d.Launch(f, cuda.Dim{}, cuda.Dim{}, 0, stream, nil) // the fake one may know already
	err = d.WaitStream(stream)
	var e *cuda.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, cuda.Poisoned, e.Class, "%v", err)
	t.Log(err)
	requireLost(t, d, s, other, s.Download(x, 0, make([]byte, 16)))
}

// requireLost holds that an error says that the device is lost, and that every session of it says so from then on.
func requireLost(t *testing.T, d *device.Device, s, other *device.Session, err error) {
	requireFault(t, op.Lost, err)
	_, again := s.Submit(nil)
	require.Equal(t, err, again)
	_, again = other.Alloc(op.Desc{DType: op.U8})
	require.Equal(t, err, again)
	_, again = d.Session(1<<20, large)
	require.Equal(t, err, again)
	require.Equal(t, err, d.Lost())
}

func TestWhatTheDriverFinds(t *testing.T) {
	d, _ := fakeDevice(t, "STICKY=719")
	s, other := session(t, d, 1<<20), session(t, d, 1<<20)
	x := alloc(t, s, op.I32, 4)
	f, err := s.Submit(one(op.Map, kernel(t, s, count), x, alloc(t, s, op.I32, 4)))
	if err == nil {
		err = s.Wait(f, -1)
	}
	requireLost(t, d, s, other, err)
}

func TestAGraphThatNeverEnds(t *testing.T) {
	d, _ := fakeDevice(t, "HANG=2")
	s, other := session(t, d, 1<<20), session(t, d, 1<<20)
	x, y := alloc(t, s, op.F32, 4), alloc(t, s, op.F32, 4)
	k := kernel(t, s, axpb)
	require.NoError(t, s.Wait(submit(t, s, one(op.Map, k, x, x, y)), -1))
	f := submit(t, s, one(op.Map, k, y, y, x))
	requireFault(t, op.TimedOut, s.Wait(f, 0))
	requireLost(t, d, s, other, s.Wait(f, -1))
}

func TestWaitGivesUpAndTheGraphGoesOn(t *testing.T) {
	d, _ := fakeDevice(t, "SLOW=900")
	s := session(t, d, 1<<20)
	x, y := alloc(t, s, op.F32, 4), alloc(t, s, op.F32, 4)
	upload(t, s, x, 4, func(int) uint32 { return 0x40000000 })
	k := kernel(t, s, axpb)
	submit(t, s, one(op.Map, k, x, x, y))
	f := submit(t, s, one(op.Map, k, x, x, y))
	requireFault(t, op.TimedOut, s.Wait(f, 0))
	require.NoError(t, s.Wait(f, -1))
	require.Equal(t, words(4, func(int) uint32 { return 0x40c00000 }), read(t, s, y))
}

func TestTheDevicesMemoryIsShort(t *testing.T) {
	d, _ := fakeDevice(t, "MEMORY=64")
	s := session(t, d, 1<<30)
	x := alloc(t, s, op.U8, 30<<20) // no slab of 64 MiB
	_, err := s.Alloc(op.Desc{DType: op.U8, Shape: []int64{40 << 20}})
	requireFault(t, op.OverQuota, err)
	require.ErrorContains(t, err, "the device has no memory left")
	require.NoError(t, s.Free(x))
	alloc(t, s, op.U8, 50<<20) // the slab that x was in goes back for it
}

func TestADriverThatCompilesNothing(t *testing.T) {
	d, _ := fakeDevice(t, "REFUSE=222")
	s := session(t, d, 1<<20)
	x, y := alloc(t, s, op.F32, 4), alloc(t, s, op.F32, 4)
	_, err := s.Submit(one(op.Map, kernel(t, s, axpb), x, x, y))
	requireFault(t, op.Unavailable, err)
	require.NoError(t, s.Wait(submit(t, s, one(op.Copy, nil, x, y)), -1))
}

// TestWithoutWhatADriverMayLack has only the functions that every driver has.
func TestWithoutWhatADriverMayLack(t *testing.T) {
	d, _ := fakeDevice(t, "BARE")
	require.Error(t, d.Pin(make([]byte, 4096)))
	s := session(t, d, 1<<20)
	x, y := alloc(t, s, op.F32, 100), alloc(t, s, op.F32, 100)
	submit(t, s, one(op.Map, kernel(t, s, axpb), x, x, y))
	require.Equal(t, make([]byte, 400), read(t, s, y))
}

func TestBadPTX(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		_, err := d.Load("this is no PTX")
		var e *cuda.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, cuda.BadCode, e.Class, "%v", err)
		require.NotEmpty(t, e.Log)
		m, err := d.Load(wild)
		require.NoError(t, err)
		_, err = d.Function(m, "tame")
		require.ErrorAs(t, err, &e)
		require.Equal(t, cuda.Caller, e.Class, "%v", err)
		require.NoError(t, d.Unload(m))
		s := session(t, d, 1<<20) // nothing is lost
		require.Equal(t, make([]byte, 9), read(t, s, alloc(t, s, op.U8, 9)))
	})
}
