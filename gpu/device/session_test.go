package device_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/device"
	"levee/gpu/op"
)

// wasm is a module with one function, k. The sizes in it are of one byte: everything is small.
func wasm(params, results, body string) []byte {
	kinds := map[byte]byte{'i': 0x7f, 'I': 0x7e, 'f': 0x7d, 'F': 0x7c}
	list := func(s string) string {
		b := []byte{byte(len(s))}
		for i := range len(s) {
			b = append(b, kinds[s[i]])
		}
		return string(b)
	}
	section := func(id byte, s string) string { return string([]byte{id, byte(len(s))}) + s }
	code := "\x00" + body + "\x0b"
	return []byte("\x00asm\x01\x00\x00\x00" + section(1, "\x01\x60"+list(params)+list(results)) + section(3, "\x01\x00") + section(7, "\x01\x01k\x00\x00") +
		section(10, "\x01"+string([]byte{byte(len(code))})+code))
}

var (
	axpb   = wasm("ff", "f", "\x20\x00\x43\x00\x00\x00\x40\x94\x20\x01\x92") // x * 2 + y
	divide = wasm("ii", "i", "\x20\x00\x20\x01\x6d")                         // x / y, of integers
	count  = wasm("i", "i", "\x03\x40\x20\x00\x41\x01\x6b\x22\x00\x0d\x00\x0b\x20\x00")
	// count goes down to zero: a loop.
)

const large = 1 << 62

func session(t testing.TB, d *device.Device, quota int64) *device.Session {
	s, err := d.Session(quota, large)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func alloc(t testing.TB, s *device.Session, d op.DType, shape ...int64) op.Handle {
	h, err := s.Alloc(op.Desc{DType: d, Shape: shape})
	require.NoError(t, err)
	return h
}

func words(n int, f func(int) uint32) []byte {
	b := make([]byte, 0, 4*n)
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, f(i))
	}
	return b
}

func upload(t testing.TB, s *device.Session, h op.Handle, n int, f func(int) uint32) {
	require.NoError(t, s.Upload(h, 0, words(n, f)))
}

func read(t testing.TB, s *device.Session, h op.Handle) []byte {
	d, err := s.Desc(h)
	require.NoError(t, err)
	b := make([]byte, d.Bytes())
	require.NoError(t, s.Download(h, 0, b))
	return b
}

// one is a graph of one op, its inputs before its output.
func one(code op.Code, params []uint64, tensors ...op.Handle) []byte {
	g := op.Graph{Ops: []op.Op{{Code: code, Params: params}}}
	o := &g.Ops[0]
	for _, h := range tensors {
		at := slices.IndexFunc(g.Tensors, func(t op.Tensor) bool { return t.Handle == h })
		if at < 0 {
			at = len(g.Tensors)
			g.Tensors = append(g.Tensors, op.Tensor{Handle: h})
		}
		o.In = append(o.In, uint16(at))
	}
	last := len(o.In) - 1
	o.In, o.Out = o.In[:last], o.In[last:]
	return g.Append(nil)
}

func submit(t testing.TB, s *device.Session, graph []byte) uint64 {
	f, err := s.Submit(graph)
	require.NoError(t, err)
	return f
}

func kernel(t testing.TB, s *device.Session, module []byte) []uint64 {
	k, err := s.Kernel(module, "k")
	require.NoError(t, err)
	return []uint64{uint64(k)}
}

func requireFault(t testing.TB, want op.Fault, err error) {
	t.Helper()
	var e *op.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Fault, "%v", err)
}

func TestTensors(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 1<<20)
		h := alloc(t, s, op.U8, 1000)
		require.Equal(t, make([]byte, 1000), read(t, s, h))
		require.NoError(t, s.Upload(h, 10, []byte("abc")))
		part := make([]byte, 5)
		require.NoError(t, s.Download(h, 9, part))
		require.Equal(t, "\x00abc\x00", string(part))
		for _, c := range []struct{ off, n int64 }{{-1, 1}, {999, 2}, {1001, 0}, {math.MaxInt64, 1}, {math.MinInt64, 1}} {
			requireFault(t, op.OutOfBounds, s.Upload(h, c.off, make([]byte, c.n)))
			requireFault(t, op.OutOfBounds, s.Download(h, c.off, make([]byte, c.n)))
		}
		require.NoError(t, s.Free(h))
		requireFault(t, op.BadHandle, s.Free(h))
		requireFault(t, op.BadHandle, s.Upload(h, 0, part))
		again := alloc(t, s, op.U8, 1000) // where the first one was
		require.Equal(t, make([]byte, 1000), read(t, s, again))
		_, err := s.Alloc(op.Desc{DType: op.F32, Shape: []int64{0}})
		requireFault(t, op.BadGraph, err)
		_, err = s.Alloc(op.Desc{DType: op.F32, Shape: []int64{1 << 20}})
		requireFault(t, op.OverQuota, err)
	})
}

// TestNothingIsSeenOfOthers fills memory in one session and looks at it in the next.
func TestNothingIsSeenOfOthers(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		const n = 8 << 20
		for range 2 {
			s, err := d.Session(n, large)
			require.NoError(t, err)
			h := alloc(t, s, op.U8, n)
			require.Equal(t, make([]byte, n), read(t, s, h))
			require.NoError(t, s.Upload(h, 0, bytes.Repeat([]byte{0xa5}, n)))
			require.NoError(t, s.Close())
		}
	})
}

func TestHandlesAreBounded(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 2*op.MaxObjects<<8)
		for range op.MaxObjects - 1 {
			alloc(t, s, op.U8, 1)
		}
		kernel(t, s, axpb)
		_, err := s.Alloc(op.Desc{DType: op.U8})
		requireFault(t, op.OverQuota, err)
		_, err = s.Kernel(axpb, "k")
		requireFault(t, op.OverQuota, err)
	})
}

// TestTemporaries chains copies through tensors of the graph's own, which need memory for two at a time.
func TestTemporaries(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 1<<20)
		from, to := alloc(t, s, op.I32, 3000), alloc(t, s, op.I32, 3000)
		upload(t, s, from, 3000, func(i int) uint32 { return uint32(i) * 7 })
		g := op.Graph{Tensors: []op.Tensor{{Handle: from}, {Handle: to}}}
		last := uint16(0)
		for i := range uint16(20) {
			g.Tensors = append(g.Tensors, op.Tensor{Desc: op.Desc{DType: op.I32, Shape: []int64{30, 100}}})
			g.Ops = append(g.Ops, op.Op{Code: op.Copy, In: []uint16{last}, Out: []uint16{i + 2}})
			last = i + 2
		}
		g.Ops = append(g.Ops, op.Op{Code: op.Copy, In: []uint16{last}, Out: []uint16{1}})
		require.NoError(t, s.Wait(submit(t, s, g.Append(nil)), -1))
		require.Equal(t, words(3000, func(i int) uint32 { return uint32(i) * 7 }), read(t, s, to))
		alloc(t, s, op.U8, 1<<20-2*12032) // all that is left, and in one piece: nothing of the graph is
	})
}

func TestMap(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 16<<20)
		k := kernel(t, s, axpb)
		for _, n := range []int{1, 255, 1000, 70_000} {
			x, y, z := alloc(t, s, op.F32, int64(n)), alloc(t, s, op.F32, int64(n)), alloc(t, s, op.F32, int64(n))
			upload(t, s, x, n, func(i int) uint32 { return math.Float32bits(float32(i) / 3) })
			upload(t, s, y, n, func(i int) uint32 { return math.Float32bits(-float32(i)) })
			submit(t, s, one(op.Map, k, x, y, z))
			want := words(n, func(i int) uint32 { return math.Float32bits(float32(float32(i)/3*2) - float32(i)) })
			require.True(t, bytes.Equal(want, read(t, s, z)), "%d elements", n)
			for _, h := range []op.Handle{x, y, z} {
				require.NoError(t, s.Free(h))
			}
		}
	})
}

// TestALoopIsSliced has more elements than one launch of a kernel with a loop takes.
func TestALoopIsSliced(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		n := d.SMs*2048 + 77
		s := session(t, d, 16<<20)
		x, y := alloc(t, s, op.I32, int64(n)), alloc(t, s, op.I32, int64(n))
		upload(t, s, x, n, func(i int) uint32 { return uint32(1 + i%3) })
		upload(t, s, y, n, func(int) uint32 { return 9 })
		require.NoError(t, s.Wait(submit(t, s, one(op.Map, kernel(t, s, count), x, y)), -1))
		require.True(t, bytes.Equal(make([]byte, 4*n), read(t, s, y)))
	})
}

func TestTrap(t *testing.T) {
	each(t, trap)
	t.Run("the last block first", func(t *testing.T) {
		d, _ := fakeDevice(t, "DESCENDING")
		trap(t, d)
	})
}

func trap(t *testing.T, d *device.Device) {
	s := session(t, d, 1<<20)
	const n = 5000
	x, y, z := alloc(t, s, op.I32, n), alloc(t, s, op.I32, n), alloc(t, s, op.I32, n)
	upload(t, s, y, n, func(i int) uint32 {
		if i == 3210 || i == 4000 {
			return 0
		}
		return 1
	})
	k := kernel(t, s, divide)
	before := submit(t, s, one(op.Copy, nil, x, z))
	bad := submit(t, s, one(op.Map, k, x, y, z))
	submit(t, s, one(op.Map, k, y, y, z)) // nobody has been told: it is taken
	require.NoError(t, s.Wait(before, -1))
	alloc(t, s, op.U8, 1)
	err := s.Wait(bad, -1)
	requireFault(t, op.Trapped, err)
	require.ErrorContains(t, err, "division by zero at element 3210")

	// From now on the session is of no use.
	require.Equal(t, err, s.Wait(before, -1))
	require.Equal(t, err, s.Download(x, 0, make([]byte, 4)))
	require.Equal(t, err, s.Upload(x, 0, make([]byte, 4)))
	_, again := s.Submit(one(op.Copy, nil, x, z))
	require.Equal(t, err, again)
	_, again = s.Alloc(op.Desc{DType: op.U8})
	require.Equal(t, err, again)
	_, again = s.Kernel(axpb, "k")
	require.Equal(t, err, again)
	require.NoError(t, s.Free(x))

	other := session(t, d, 1<<20) // others go on
	h := alloc(t, other, op.U8, 10)
	require.Equal(t, make([]byte, 10), read(t, other, h))
}

func TestADownloadTellsATrap(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 1<<20)
		x, z := alloc(t, s, op.I32, 4), alloc(t, s, op.I32, 4)
		submit(t, s, one(op.Map, kernel(t, s, divide), x, x, z))
		requireFault(t, op.Trapped, s.Download(x, 0, make([]byte, 4)))
	})
}

func TestFuelEndsALoop(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 1<<20)
		x, z := alloc(t, s, op.I32, 1), alloc(t, s, op.I32, 1)
		submit(t, s, one(op.Map, kernel(t, s, count), x, z)) // 0 - 1, and on to 2^32 - 1
		err := s.Download(z, 0, make([]byte, 4))
		requireFault(t, op.Trapped, err)
		require.ErrorContains(t, err, "fuel")
	})
}

func TestWhatIsRefused(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 1<<20)
		x := alloc(t, s, op.F32, 4)
		_, err := s.Submit([]byte("no graph"))
		requireFault(t, op.BadGraph, err)
		_, err = s.Submit(one(op.Copy, nil, x, x+1<<32))
		requireFault(t, op.BadHandle, err)
		_, err = s.Kernel([]byte("no module"), "k")
		requireFault(t, op.BadKernel, err)
		requireFault(t, op.BadHandle, s.Wait(0, -1))
		requireFault(t, op.BadHandle, s.Wait(1, -1))
		big := op.Graph{Tensors: []op.Tensor{{Handle: x}, {Desc: op.Desc{DType: op.F32, Shape: []int64{1 << 20}}}}, Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{1}}}}
		_, err = s.Submit(big.Append(nil))
		requireFault(t, op.OverQuota, err)
		require.NoError(t, s.Wait(submit(t, s, one(op.Copy, nil, x, alloc(t, s, op.F32, 4))), -1))
	})
}

// TestManyGraphs submits more than can be in the stream at once.
func TestManyGraphs(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		s := session(t, d, 1<<20)
		x, y, z := alloc(t, s, op.F32, 16), alloc(t, s, op.F32, 16), alloc(t, s, op.F32, 16)
		k := kernel(t, s, axpb)
		upload(t, s, y, 16, func(int) uint32 { return math.Float32bits(1) })
		for range 150 { // x = (x * 2 + 1) modulo what a float holds, in two steps
			submit(t, s, one(op.Map, k, x, y, z))
			submit(t, s, one(op.Copy, nil, z, x))
		}
		want := float32(0)
		for range 150 {
			want = want*2 + 1
		}
		require.Equal(t, words(16, func(int) uint32 { return math.Float32bits(want) }), read(t, s, x))
	})
}

func TestSessionsSideBySide(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		var all sync.WaitGroup
		failed := make([]error, 4)
		for i := range failed {
			all.Go(func() { failed[i] = busy(d, uint32(i)) })
		}
		all.Wait()
		require.Equal(t, make([]error, 4), failed)
	})
}

// busy is a session of its own, with a kernel of its own.
func busy(d *device.Device, add uint32) error {
	s, err := d.Session(4<<20, large)
	if err != nil {
		return err
	}
	k, err := s.Kernel(wasm("i", "i", "\x20\x00\x41"+string([]byte{byte(add)})+"\x6a"), "k")
	if err != nil {
		return err
	}
	for size := range int64(10) {
		d := op.Desc{DType: op.I32, Shape: []int64{100 * (size + 1)}}
		x, err := s.Alloc(d)
		if err != nil {
			return err
		}
		y, err := s.Alloc(d)
		if err != nil {
			return err
		}
		if _, err = s.Submit(one(op.Map, []uint64{uint64(k)}, x, y)); err != nil {
			return err
		}
		b := make([]byte, d.Bytes())
		if err := s.Download(y, 0, b); err != nil {
			return err
		}
		if want := words(int(d.Elems()), func(int) uint32 { return add }); !slices.Equal(want, b) {
			return fmt.Errorf("%v is not %d everywhere", b, add)
		}
		if err := s.Free(x); err != nil {
			return err
		}
	}
	return s.Close()
}
