package cpu

import (
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// compute runs a graph of one op in an executor and gives its outputs.
func compute(t *testing.T, o op.Op, in []tensor, out ...op.Desc) []tensor {
	t.Helper()
	ex := New(&heap{make([]byte, 1<<16), 1 << 30}, nil, op.Info{}, 1<<29, math.MaxInt64)
	var g op.Graph
	add := func(d op.Desc, list *[]uint16) op.Handle {
		h, err := ex.Alloc(d)
		require.NoError(t, err)
		*list = append(*list, uint16(len(g.Tensors)))
		g.Tensors = append(g.Tensors, op.Tensor{Handle: h})
		return h
	}
	for _, a := range in {
		require.NoError(t, ex.Upload(add(a.Desc, &o.In), 0, a.mem))
	}
	handles := make([]op.Handle, len(out))
	for i, d := range out {
		handles[i] = add(d, &o.Out)
	}
	g.Ops = []op.Op{o}
	_, err := ex.Submit(g.Append(nil))
	require.NoError(t, err)
	results := make([]tensor, len(out))
	for i, d := range out {
		results[i] = tensor{d, make([]byte, d.Bytes())}
		require.NoError(t, ex.Download(handles[i], 0, results[i].mem))
	}
	require.Equal(t, op.Exact, ex.Class())
	return results
}

// of makes a tensor of elements.
func of[T any](d op.DType, elems []T, shape ...int64) tensor {
	var e T
	mem := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(elems))), len(elems)*int(unsafe.Sizeof(e)))
	return tensor{op.Desc{DType: d, Shape: shape}, mem}
}
