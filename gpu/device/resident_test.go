package device_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/device"
	"levee/gpu/op"
	"levee/graph/value"
)

// valueOf is the value of a tensor: what stands in front of its elements, and all of it.
func valueOf(d op.Desc, elements []byte) (head, all []byte) {
	head = binary.LittleEndian.AppendUint32(nil, uint32(len(d.Shape)))
	for _, n := range d.Shape {
		head = binary.LittleEndian.AppendUint64(head, uint64(n))
	}
	return head, append(append([]byte(nil), head...), elements...)
}

func bytesOf(n int64, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)*7 + byte(i>>8) + byte(i>>16)*3 + seed
	}
	return b
}

// Whatever is kept is found under the digest that its value has everywhere, and is found whole.
func TestResidents(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) { residentsOn(t, d) })
}

func residentsOn(t *testing.T, d *device.Device) {
	for _, desc := range []op.Desc{
		{DType: op.F32, Shape: []int64{1 << 14}}, {DType: op.F32, Shape: []int64{128, 130}}, {DType: op.U8, Shape: []int64{123, 457, 3}},
		{DType: op.U8, Shape: []int64{1<<16 + 4096 - 12}}, {DType: op.I64, Shape: []int64{2, 3, 5, 7, 11, 13}},
	} {
		elements := bytesOf(desc.Bytes(), 1)
		head, all := valueOf(desc, elements)
		s := session(t, d, 8<<20)
		h, err := s.Alloc(desc)
		require.NoError(t, err)
		require.NoError(t, s.Upload(h, 0, elements))
		require.NoError(t, s.Keep(h, head))
		require.NoError(t, s.Keep(h, head), "it is kept once")
		require.NoError(t, s.Upload(h, 0, make([]byte, desc.Bytes())), "what happens to it later makes no difference")
		require.NoError(t, s.Close())

		s = session(t, d, 8<<20)
		h, err = s.Find(device.Digest(value.Sum(all)), head, desc)
		require.NoError(t, err)
		require.NotZero(t, h, "%v", desc)
		got := make([]byte, desc.Bytes())
		require.NoError(t, s.Download(h, 0, got))
		require.Equal(t, elements, got)
		h, err = s.Find(device.Digest{1}, head, desc)
		require.NoError(t, err)
		require.Zero(t, h)
	}
}

// What is offered stays, whatever comes, until it is released; it is read as the value that it is.
func TestOffers(t *testing.T) {
	d, _ := fakeDevice(t, "MEMORY=128") // 8 MiB for residents, in pieces of 2
	s := session(t, d, 32<<20)
	desc := op.Desc{DType: op.U8, Shape: []int64{3 << 20}}
	offer := func(seed byte) (device.Digest, []byte, bool) {
		elements := bytesOf(desc.Bytes(), seed)
		head, all := valueOf(desc, elements)
		h, err := s.Alloc(desc)
		require.NoError(t, err)
		require.NoError(t, s.Upload(h, 0, elements))
		name, ok, err := s.Offer(h, head)
		require.NoError(t, err)
		require.NoError(t, s.Free(h))
		require.Equal(t, device.Digest(value.Sum(all)), name)
		return name, all, ok
	}
	first, all, ok := offer(1)
	require.True(t, ok)
	same, _, ok := offer(1)
	require.True(t, ok)
	require.Equal(t, first, same)
	second, _, ok := offer(2)
	require.True(t, ok)
	_, _, ok = offer(3)
	require.False(t, ok, "there is no room beside what is offered")
	require.NoError(t, s.Close())

	s = session(t, d, 32<<20)
	got := make([]byte, 0, len(all))
	part := make([]byte, 1<<20)
	for {
		n, err := s.Fetch(first, int64(len(got)), part)
		require.NoError(t, err)
		if n == 0 {
			break
		}
		got = append(got, part[:n]...)
	}
	require.Equal(t, all, got)
	s.Release(first)
	s.Release(second)
	s.Release(second)
	s.Release(device.Digest{})
	_, _, ok = offer(3)
	require.True(t, ok)
	n, err := s.Fetch(first, 0, part)
	require.NoError(t, err)
	require.NotZero(t, n, "it was offered twice")
	n, err = s.Fetch(second, 0, part)
	require.NoError(t, err)
	require.Zero(t, n)
}

// What is small is not kept, and what there is no room for takes that of what was not used for longest; a session that needs the memory
// gets it.
func TestRoomOfResidents(t *testing.T) {
	d, _ := fakeDevice(t, "MEMORY=128") // 8 MiB for residents, in pieces of 2
	s := session(t, d, 32<<20)
	var names []device.Digest
	keep := func(n int64, seed byte) {
		desc := op.Desc{DType: op.U8, Shape: []int64{n}}
		elements := bytesOf(n, seed)
		head, all := valueOf(desc, elements)
		h, err := s.Alloc(desc)
		require.NoError(t, err)
		require.NoError(t, s.Upload(h, 0, elements))
		require.NoError(t, s.Keep(h, head))
		require.NoError(t, s.Free(h))
		names = append(names, device.Digest(value.Sum(all)))
	}
	there := func(i int, n int64) bool {
		desc := op.Desc{DType: op.U8, Shape: []int64{n}}
		head, _ := valueOf(desc, nil)
		h, err := s.Find(names[i], head, desc)
		require.NoError(t, err)
		if h != 0 {
			require.NoError(t, s.Free(h))
		}
		return h != 0
	}
	keep(60<<10, 0)
	require.False(t, there(0, 60<<10), "too small")
	keep(9<<20, 1)
	require.False(t, there(1, 9<<20), "too large")
	for seed := range byte(4) {
		keep(100<<10, seed+2)
	}
	require.True(t, there(2, 100<<10))
	keep(100<<10, 6)
	require.True(t, there(2, 100<<10), "it was used")
	require.False(t, there(3, 100<<10), "it was not")
	require.True(t, there(6, 100<<10))

	// 128 MiB less what the session and the residents have is not enough for this one.
	all := session(t, d, 124<<20)
	require.NoError(t, s.Close())
	_, err := all.Alloc(op.Desc{DType: op.U8, Shape: []int64{124 << 20}})
	require.NoError(t, err)
	s = session(t, d, 1<<20)
	require.False(t, there(6, 100<<10))
}

// TestResidentsOnAGPU says how fast a real device hashes and copies.
func TestResidentsOnAGPU(t *testing.T) {
	d, err := realDevice()
	if err != nil {
		t.Skipf("no GPU here: %v", err)
	}
	desc := op.Desc{DType: op.F32, Shape: []int64{1 << 14, 1 << 14}}
	head, _ := valueOf(desc, nil)
	s := session(t, d, 4<<30)
	h, err := s.Alloc(desc)
	require.NoError(t, err)
	for range 2 { // the first time the driver compiles the kernel
		begin := time.Now()
		require.NoError(t, s.Keep(h, head))
		took := time.Since(begin)
		t.Logf("kept 1 GiB in %v: %.1f GB/s", took, float64(desc.Bytes())/took.Seconds()/1e9)
	}
	elements := make([]byte, desc.Bytes())
	_, all := valueOf(desc, elements)
	name := device.Digest(value.Sum(all))
	for range 2 {
		begin := time.Now()
		h, err = s.Find(name, head, desc)
		took := time.Since(begin)
		require.NoError(t, err)
		require.NotZero(t, h)
		t.Logf("found 1 GiB in %v: %.1f GB/s", took, float64(desc.Bytes())/took.Seconds()/1e9)
		require.NoError(t, s.Free(h))
	}
	h, err = s.Alloc(desc)
	require.NoError(t, err)
	begin := time.Now()
	require.NoError(t, s.Upload(h, 0, elements))
	require.NoError(t, s.Download(h, 0, make([]byte, 1))) // it is there
	t.Logf("to upload 1 GiB takes %v", time.Since(begin))
}
