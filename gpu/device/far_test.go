package device_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/device"
	"levee/gpu/op"
)

// far is one op on a tensor of 6 GiB, which is zeros but for what is at some places.
type far struct {
	name    string
	o       op.Op
	in, out op.Desc
	put     map[int64][]byte // by byte
	more    []int64          // the second input, whose type is with
	with    op.Desc
	want    []byte
}

// TestBeyondFourGiB reads a few elements of tensors whose bytes, or elements, 32 bits cannot count.
func TestBeyondFourGiB(t *testing.T) {
	d, _ := fakeDevice(t, "CC=80", "MEMORY=12288")
	const gib, last = 1 << 30, 6<<30 - 1
	bytes := func(shape ...int64) op.Desc { return op.Desc{DType: op.U8, Shape: shape} }
	puts := map[int64][]byte{0: {1}, 2 * gib: {3}, 4*gib - 1: {5}, 4 * gib: {7}, 4*gib + 3: {11}, last: {17}}
	list := []far{
		{name: "slice", o: op.Op{Code: op.Slice, Params: []uint64{4*gib - 1, 1}}, in: bytes(6 * gib), out: bytes(6), put: puts, want: []byte{5, 7, 0, 0, 11, 0}},
		{name: "slice in steps", o: op.Op{Code: op.Slice, Params: []uint64{0, 2 * gib}}, in: bytes(6 * gib), out: bytes(3), put: puts, want: []byte{1, 3, 7}},
		{name: "gather", o: op.Op{Code: op.Gather}, in: bytes(3*gib, 2), out: bytes(4, 2), put: puts, more: []int64{2*gib - 1, 2 * gib, 2*gib + 1, last / 2},
			with: op.Desc{DType: op.I64, Shape: []int64{4}}, want: []byte{0, 5, 7, 0, 0, 11, 0, 17}},
		{name: "gather by i32", o: op.Op{Code: op.Gather}, in: bytes(3*gib, 2), out: bytes(3, 2), put: puts, more: []int64{2*gib - 1, 0, -1},
			with: op.Desc{DType: op.I32, Shape: []int64{3}}, want: []byte{0, 5, 1, 0, 0, 0}},
		{name: "nearest", o: op.Op{Code: op.Resize, Params: []uint64{op.Nearest}}, in: bytes(98304, 65536, 1), out: bytes(2, 2, 1),
			put: map[int64][]byte{24576*65536 + 49152: {19}, 73728*65536 + 16384: {23}}, want: []byte{0, 19, 23, 0}},
	}
	for dtype, one := range map[op.DType]uint64{op.F32: uint64(math.Float32bits(1)), op.F16: 0x3c00, op.F64: math.Float64bits(1)} {
		size := dtype.Size()
		word := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:size] }
		wide := 3 << 15 / size
		x := op.Desc{DType: dtype, Shape: []int64{1, 65536, wide, 1}}
		// of the last window the first pixel and the last
		list = append(list, far{name: "convolution", o: op.Op{Code: op.Conv2D, Params: []uint64{60000, uint64(wide) - 10, 0, 0, 1, 1, 0}}, in: x,
			out: op.Desc{DType: dtype, Shape: []int64{1, 2, 2, 1}}, put: map[int64][]byte{size * (60000*wide + wide - 10): word(one), size * (60001*wide + wide - 9): word(one)},
			more: []int64{int64(one), 0, 0, int64(one)}, with: op.Desc{DType: dtype, Shape: []int64{1, 2, 2, 1}}})
		list[len(list)-1].want = append(make([]byte, 3*size), word(map[op.DType]uint64{op.F32: uint64(math.Float32bits(2)), op.F16: 0x4000, op.F64: math.Float64bits(2)}[dtype])...)
	}
	for _, c := range list {
		t.Run(c.name+" of "+c.in.String(), func(t *testing.T) { c.run(t, d) })
	}
}

func (c *far) run(t *testing.T, d *device.Device) {
	s := session(t, d, 10<<30)
	require.Equal(t, int64(6<<30), c.in.Bytes())
	in, out := alloc(t, s, c.in.DType, c.in.Shape...), alloc(t, s, c.out.DType, c.out.Shape...)
	for off, p := range c.put {
		require.NoError(t, s.Upload(in, off, p))
		got := make([]byte, len(p))
		require.NoError(t, s.Download(in, off, got))
		require.Equal(t, p, got)
	}
	g := op.Graph{Tensors: []op.Tensor{{Handle: in}, {Handle: out}}, Ops: []op.Op{c.o}}
	g.Ops[0].In, g.Ops[0].Out = []uint16{0}, []uint16{1}
	if c.more != nil {
		h := alloc(t, s, c.with.DType, c.with.Shape...)
		var p []byte
		for _, v := range c.more {
			p = append(p, binary.LittleEndian.AppendUint64(nil, uint64(v))[:c.with.DType.Size()]...)
		}
		require.NoError(t, s.Upload(h, 0, p))
		g.Tensors, g.Ops[0].In = append(g.Tensors, op.Tensor{Handle: h}), []uint16{0, 2}
	}
	_, err := s.Submit(g.Append(nil))
	require.NoError(t, err)
	got := make([]byte, len(c.want))
	require.NoError(t, s.Download(out, 0, got))
	require.Equal(t, c.want, got)
}
