package suite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

func testRefusals(t *testing.T, open func(t *testing.T) Executor) {
	t.Run("handles", func(t *testing.T) { testHandles(t, open(t)) })
	t.Run("bounds of transfers", func(t *testing.T) { testBounds(t, open(t)) })
	t.Run("descriptions", func(t *testing.T) { testDescriptions(t, open(t)) })
	t.Run("quota", func(t *testing.T) { testQuota(t, open(t)) })
	t.Run("how many tensors and kernels there are", func(t *testing.T) { testHowMany(t, open(t)) })
	t.Run("kernels", func(t *testing.T) { testBadKernels(t, open(t)) })
	t.Run("graphs", func(t *testing.T) { testBadGraphs(t, open(t)) })
}

func testHandles(t *testing.T, ex Executor) {
	h := upload(t, ex, Zeros(op.F32, 10))
	k, err := ex.Kernel(Kernels, "axpb")
	require.NoError(t, err)
	gone := upload(t, ex, Zeros(op.F32, 10))
	require.NoError(t, ex.Free(gone))
	refused(t, op.BadHandle, ex.Free(gone))
	other := upload(t, ex, Zeros(op.F32, 10)) // perhaps in its place
	require.NotEqual(t, gone, other)
	for _, bad := range []op.Handle{0, gone, k, 1 << 60, ^op.Handle(0)} {
		_, err := ex.Desc(bad)
		refused(t, op.BadHandle, err)
		refused(t, op.BadHandle, ex.Upload(bad, 0, []byte{1}))
		refused(t, op.BadHandle, ex.Download(bad, 0, []byte{1}))
		if bad == 0 {
			continue // of a graph: its own tensor
		}
		g := op.Graph{Tensors: named(h, bad), Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{1}}}}
		_, err = ex.Submit(g.Append(nil))
		refused(t, op.BadHandle, err)
		_, err = ex.Estimate(g.Append(nil))
		refused(t, op.BadHandle, err)
	}
	g := op.Graph{Tensors: named(h, other), Ops: []op.Op{{Code: op.Map, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{uint64(h)}}}}
	_, err = ex.Submit(g.Append(nil))
	refused(t, op.BadHandle, err)
	require.NoError(t, ex.Free(k))
	refused(t, op.BadHandle, ex.Wait(77, time.Second))
	refused(t, op.BadHandle, ex.Wait(0, time.Second))
}

func testBounds(t *testing.T, ex Executor) {
	h := upload(t, ex, Zeros(op.U8, 100))
	for _, at := range []struct {
		off int64
		n   int
	}{{-1, 1}, {100, 1}, {0, 101}, {99, 2}, {101, 0}, {1<<63 - 1, 1}, {-1 << 63, 1}} {
		refused(t, op.OutOfBounds, ex.Upload(h, at.off, make([]byte, at.n)))
		refused(t, op.OutOfBounds, ex.Download(h, at.off, make([]byte, at.n)))
	}
	require.Equal(t, make([]byte, 100), bytesOf(t, ex, h))
}

func testDescriptions(t *testing.T, ex Executor) {
	for _, d := range []op.Desc{{}, desc(op.F64+1, 1), desc(op.F32, 0), desc(op.F32, -1), desc(op.F32, 1, 1, 1, 1, 1, 1, 1), desc(op.F32, 1<<40), desc(op.F64, 1<<62, 1<<62)} {
		_, err := ex.Alloc(d)
		refused(t, op.BadGraph, err)
	}
}

func testHowMany(t *testing.T, ex Executor) {
	k, err := ex.Kernel(Kernels, "axpb")
	require.NoError(t, err)
	for range op.MaxObjects - 1 {
		_, err := ex.Alloc(desc(op.U8, 1))
		require.NoError(t, err)
	}
	_, err = ex.Alloc(desc(op.U8, 1))
	refused(t, op.OverQuota, err)
	_, err = ex.Kernel(Kernels, "axpb")
	refused(t, op.OverQuota, err)
	require.NoError(t, ex.Free(k))
	_, err = ex.Alloc(desc(op.U8, 1))
	require.NoError(t, err)
}

func testBadKernels(t *testing.T, ex Executor) {
	for _, bad := range []struct {
		module []byte
		export string
	}{{Kernels, "no such function"}, {Kernels[:40], "axpb"}, {nil, "axpb"}, {[]byte("\x00asm\x01\x00\x00\x00"), "axpb"}} {
		_, err := ex.Kernel(bad.module, bad.export)
		refused(t, op.BadKernel, err)
	}
}

func testBadGraphs(t *testing.T, ex Executor) {
	h := upload(t, ex, Zeros(op.F32, 10))
	good := op.Graph{Tensors: append(named(h), op.Tensor{Desc: desc(op.F32, 10)}), Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{1}}}}
	text := good.Append(nil)
	for n := range text {
		_, err := ex.Submit(text[:n])
		refused(t, op.BadGraph, err)
	}
	_, err := ex.Submit(append(text, 0))
	refused(t, op.BadGraph, err)
	_, err = ex.Submit(make([]byte, op.MaxGraph+1))
	refused(t, op.BadGraph, err)
	for _, o := range []op.Op{
		{Code: 999, In: []uint16{0}, Out: []uint16{1}}, {Code: op.Copy, In: []uint16{0}, Out: []uint16{9}}, {Code: op.Copy, In: []uint16{1}, Out: []uint16{0}},
		{Code: op.Copy, In: []uint16{0}, Out: []uint16{0}}, {Code: op.Reduce, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{0, 0}},
		{Code: op.Slice, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{1, 1}},
	} {
		bad := op.Graph{Tensors: good.Tensors, Ops: []op.Op{o}}
		_, err := ex.Submit(bad.Append(nil))
		refused(t, op.BadGraph, err)
	}
	fence, err := ex.Submit(text)
	require.NoError(t, err, "what was refused left no trace")
	require.NoError(t, ex.Wait(fence, time.Minute))
}

func testQuota(t *testing.T, ex Executor) {
	quota := ex.Info().Memory
	_, err := ex.Alloc(desc(op.U8, quota+1))
	refused(t, op.OverQuota, err)
	a := upload(t, ex, Zeros(op.U8, 1000))
	own := op.Graph{Tensors: append(named(a), op.Tensor{Desc: desc(op.U8, quota+1)}), Ops: []op.Op{{Code: op.Fill, Out: []uint16{1}, Params: []uint64{1}}}}
	_, err = ex.Submit(own.Append(nil))
	refused(t, op.OverQuota, err)
	var held []op.Handle
	for { // four never fit beside the small one
		h, err := ex.Alloc(desc(op.U8, quota/4))
		if err != nil {
			refused(t, op.OverQuota, err)
			break
		}
		held = append(held, h)
		require.Less(t, len(held), 4)
	}
	require.NotEmpty(t, held)
	own.Tensors[1].Desc = desc(op.U8, quota/2)
	_, err = ex.Submit(own.Append(nil))
	refused(t, op.OverQuota, err)
	require.NoError(t, ex.Free(held[0]))
	_, err = ex.Alloc(desc(op.U8, quota/4))
	require.NoError(t, err, "what is freed can be had again")
}
