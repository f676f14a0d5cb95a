package ptx

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// bytes is what parseMap reads.
func (t tensorMap) bytes() []byte {
	p := binary.LittleEndian.AppendUint32(nil, mapMagic)
	p = append(p, byte(len(t.dims)), byte(t.element), byte(t.swizzle), 0)
	p = binary.LittleEndian.AppendUint64(p, t.address)
	for i := range 5 {
		dim, stride, box := uint64(1), uint64(0), uint32(0)
		if i < len(t.dims) {
			dim, box = t.dims[i], t.box[i]
		}
		if i > 0 && i < len(t.dims) {
			stride = t.strides[i-1]
		}
		p = binary.LittleEndian.AppendUint32(p, uint32(dim-1))
		p = binary.LittleEndian.AppendUint32(p, box)
		p = binary.LittleEndian.AppendUint64(p, stride)
	}
	for i := range 5 {
		every := uint32(1)
		if i < len(t.every) {
			every = t.every[i]
		}
		p = append(p, byte(every))
	}
	return append(p, make([]byte, 128-len(p))...)
}

func TestGroupProduct(t *testing.T) {
	m := module(t, "hopper")
	f16 := types["f16"]
	const rows, cols, depth = 64, 8, 64
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		var a, b [rows * depth]uint16
		for i := range a {
			a[i] = uint16(narrow(float64(rand.IntN(32)-16)/4, f16.format(), nearest))
			b[i] = uint16(narrow(float64(rand.IntN(32)-16)/4, f16.format(), nearest))
		}
		want := make([]float32, rows*cols)
		for i := range want {
			for k := range depth {
				want[i] += float32(f16.widen(uint64(a[i/cols*depth+k])) * f16.widen(uint64(b[i%cols*depth+k])))
			}
		}
		operand := func(data [rows * depth]uint16, n uint32) tensorMap {
			return tensorMap{
				address: array(mem, data[:n*depth]), element: 2, dims: []uint64{depth, uint64(n)}, strides: []uint64{2 * depth}, box: []uint32{depth, n},
				swizzle: 128,
			}
		}
		ma, mb, c := operand(a, rows), operand(b, cols), mem.Alloc(4*rows*cols)
		l := Launch{Kernel: "product", Grid: dim(1), Block: dim(128), Shared: 9216 + 8, Descending: descending, Args: []any{ma.bytes(), mb.bytes(), c}}
		require.NoError(t, m.Launch(mem, l))
		require.Equal(t, want, read[float32](t, mem, c, len(want)))

		l.Kernel = "product_never_comes"
		require.ErrorContains(t, m.Launch(mem, l), "it waits for ever")
		l.Kernel = "product_not_awaited"
		require.NoError(t, m.Launch(mem, l))
		require.Equal(t, uint32(0x7fffdead), read[uint32](t, mem, c, 1)[0])
		l.Kernel = "product_too_early"
		if err := m.Launch(mem, l); descending {
			require.NoError(t, err, "here it comes at once")
		} else {
			finding(t, err, Race)
		}
		l.Kernel = "product"
		mb.dims[1], mb.box[1] = 4, 4
		l.Args[1] = mb.bytes()
		require.ErrorContains(t, m.Launch(mem, l), "it waits for ever", "fewer bytes come than were announced")
		mb.address += 8
		l.Args[1] = mb.bytes()
		finding(t, m.Launch(mem, l), BadLaunch)
		l.Block = dim(96)
		finding(t, m.Launch(mem, l), BadLaunch)
	})
}

// What is outside of the tensor is zero, before its start too.
func TestBoxesAtTheEdge(t *testing.T) {
	mem := NewMemory()
	x := make([]uint16, 12*16)
	for i := range x {
		x[i] = uint16(i + 1)
	}
	m := tensorMap{address: array(mem, x), element: 2, dims: []uint64{16, 12}, strides: []uint64{32}, box: []uint32{8, 4}, every: []uint32{1, 1}}
	require.True(t, m.valid())
	parsed, ok := parseMap(m.bytes())
	require.True(t, ok)
	require.Equal(t, m, parsed)
	for _, at := range [][]int32{{0, 0}, {-3, 2}, {12, 10}, {8, -2}, {16, 0}, {0, 12}, {-8, 0}} {
		c := bulkCopy{m: m, x: at}
		box := c.gather(mem)
		require.Len(t, box, 64)
		for i := range 32 {
			col, row := int(at[0])+i%8, int(at[1])+i/8
			want := uint64(0)
			if col >= 0 && col < 16 && row >= 0 && row < 12 {
				want = uint64(row*16 + col + 1)
			}
			require.Equal(t, want, get(box[2*i:], 2), "%v %d", at, i)
		}
	}
	every := m
	every.box, every.every = []uint32{8, 12}, []uint32{1, 3} // the same, but of each third row
	for _, at := range [][]int32{{0, 0}, {-3, -1}, {12, 5}} {
		c := bulkCopy{m: every, x: at}
		box := c.gather(mem)
		require.Len(t, box, 64)
		for i := range 32 {
			col, row := int(at[0])+i%8, int(at[1])+i/8*3
			want := uint64(0)
			if col >= 0 && col < 16 && row >= 0 && row < 12 {
				want = uint64(row*16 + col + 1)
			}
			require.Equal(t, want, get(box[2*i:], 2), "%v %d", at, i)
		}
	}
	m.dims[1] = 13
	c := bulkCopy{m: m, x: []int32{0, 10}}
	require.Nil(t, c.gather(mem), "more than is allocated")
}

func TestClusters(t *testing.T) {
	m := module(t, "hopper")
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		y := mem.Alloc(4 * 64)
		l := Launch{Kernel: "pair", Grid: dim(4), Block: dim(32), Shared: 8, Descending: descending, Args: []any{y, uint32(2)}}
		require.NoError(t, m.Launch(mem, l))
		got := read[uint32](t, mem, y, 64)
		require.Equal(t, []uint32{1, 2}, []uint32{got[0], got[63]})
		l.Args[1] = uint32(1)
		f := finding(t, m.Launch(mem, l), Divergence)
		require.Contains(t, f.Detail, "it waits for ever")
		require.Zero(t, f.Block.X%2, "it is the first whom the second does not tell")
		l.Grid = dim(3)
		finding(t, m.Launch(mem, l), BadLaunch)
	})
}
