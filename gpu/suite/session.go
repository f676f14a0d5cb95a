package suite

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// refused asks for an error of a kind.
func refused(t *testing.T, want op.Fault, err error) {
	t.Helper()
	var e *op.Error
	require.True(t, errors.As(err, &e), "%v", err)
	require.Equal(t, want, e.Fault, "%v", err)
	require.NotEmpty(t, e.Detail)
}

func bytesOf(t *testing.T, ex Executor, h op.Handle) []byte {
	t.Helper()
	d, err := ex.Desc(h)
	require.NoError(t, err)
	b := make([]byte, d.Bytes())
	require.NoError(t, ex.Download(h, 0, b))
	return b
}

func upload(t *testing.T, ex Executor, in Tensor) op.Handle {
	t.Helper()
	h, err := ex.Alloc(in.Desc)
	require.NoError(t, err)
	require.NoError(t, ex.Upload(h, 0, in.Data))
	return h
}

func named(handles ...op.Handle) (list []op.Tensor) {
	for _, h := range handles {
		list = append(list, op.Tensor{Handle: h})
	}
	return list
}

func testSession(t *testing.T, open func(t *testing.T) Executor) {
	t.Run("what it says of itself", func(t *testing.T) { testInfo(t, open(t)) })
	t.Run("tensors are zeros, whatever was there before", func(t *testing.T) { testZeros(t, open(t)) })
	t.Run("parts are written and read", func(t *testing.T) { testParts(t, open(t)) })
	t.Run("graphs run one after the other", func(t *testing.T) { testOrder(t, open(t)) })
	t.Run("a transfer is in order with graphs", func(t *testing.T) { testTransferOrder(t, open(t)) })
	t.Run("what is freed while a graph is to use it", func(t *testing.T) { testFreedInUse(t, open(t)) })
	t.Run("what a graph takes is estimated", func(t *testing.T) { testEstimate(t, open(t)) })
	t.Run("closed", func(t *testing.T) { testClosed(t, open(t)) })
}

func testInfo(t *testing.T, ex Executor) {
	info := ex.Info()
	require.Contains(t, []string{"cpu", "cuda"}, info.Kind)
	require.NotEmpty(t, info.Name)
	require.Positive(t, info.Memory)
	require.Equal(t, op.Exact, ex.Class())
}

func testZeros(t *testing.T, ex Executor) {
	for range 3 {
		var held []op.Handle
		for _, n := range []int64{1, 63, 64, 1000, 1 << 20} {
			h, err := ex.Alloc(desc(op.U8, n))
			require.NoError(t, err)
			b := bytesOf(t, ex, h)
			require.Equal(t, make([]byte, n), b)
			require.NoError(t, ex.Upload(h, 0, bytes.Repeat([]byte{0xee}, int(n))))
			held = append(held, h)
		}
		for _, h := range held {
			require.NoError(t, ex.Free(h))
		}
	}
}

func testParts(t *testing.T, ex Executor) {
	h, err := ex.Alloc(desc(op.I32, 3, 5))
	require.NoError(t, err)
	d, err := ex.Desc(h)
	require.NoError(t, err)
	require.Equal(t, desc(op.I32, 3, 5), d)
	require.NoError(t, ex.Upload(h, 7, []byte("abc")))
	require.NoError(t, ex.Upload(h, 60, nil))
	p := []byte("xyz")
	require.NoError(t, ex.Upload(h, 57, p))
	copy(p, "???") // it was taken
	b := bytesOf(t, ex, h)
	require.Equal(t, append(append(make([]byte, 7), "abc"...), append(make([]byte, 47), "xyz"...)...), b)
	part := make([]byte, 4)
	require.NoError(t, ex.Download(h, 8, part))
	require.Equal(t, []byte("bc\x00\x00"), part)
	scalar, err := ex.Alloc(desc(op.F64))
	require.NoError(t, err)
	require.Len(t, bytesOf(t, ex, scalar), 8)
}

func testOrder(t *testing.T, ex Executor) {
	a, b := upload(t, ex, Zeros(op.I32, 1000)), upload(t, ex, Zeros(op.I32, 1000))
	last := uint64(0)
	for i := range uint64(20) { // each takes what the one before left, by way of a tensor of its own
		g := op.Graph{Tensors: append(named(a, b), op.Tensor{Desc: desc(op.I32, 1000)}, op.Tensor{Desc: desc(op.I32, 500)}, op.Tensor{Desc: desc(op.I32, 500)}),
			Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{2}}, {Code: op.Fill, Out: []uint16{3}, Params: []uint64{i}},
				{Code: op.Slice, In: []uint16{2}, Out: []uint16{4}, Params: []uint64{0, 1}}, {Code: op.Concat, In: []uint16{3, 4}, Out: []uint16{1}, Params: []uint64{0}},
				{Code: op.Copy, In: []uint16{1}, Out: []uint16{0}}}}
		fence, err := ex.Submit(g.Append(nil))
		require.NoError(t, err)
		require.Greater(t, fence, last)
		last = fence
	}
	require.NoError(t, ex.Wait(1, time.Minute))
	require.NoError(t, ex.Wait(last, time.Minute))
	require.NoError(t, ex.Wait(last, time.Minute))
	got := Tensor{desc(op.I32, 1000), bytesOf(t, ex, b)}
	require.Equal(t, 19.0, got.Get(0))
	require.Equal(t, 18.0, got.Get(999))
	require.Equal(t, op.Exact, ex.Class())
}

func testTransferOrder(t *testing.T, ex Executor) {
	a, b := upload(t, ex, Zeros(op.I32, 4)), upload(t, ex, Zeros(op.I32, 4))
	g := op.Graph{Tensors: named(a, b), Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{1}}}}
	for _, x := range []float64{3, 4} {
		require.NoError(t, ex.Upload(a, 0, T(op.I32, []int64{4}, x, x, x, x).Data))
		_, err := ex.Submit(g.Append(nil))
		require.NoError(t, err)
	}
	require.NoError(t, ex.Upload(a, 0, Zeros(op.I32, 4).Data))
	require.Equal(t, T(op.I32, []int64{4}, 4, 4, 4, 4).Data, bytesOf(t, ex, b))
}

func testFreedInUse(t *testing.T, ex Executor) {
	a, b := upload(t, ex, T(op.I32, []int64{2}, 5, 6)), upload(t, ex, Zeros(op.I32, 2))
	g := op.Graph{Tensors: named(a, b), Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{1}}}}
	_, err := ex.Submit(g.Append(nil))
	require.NoError(t, err)
	require.NoError(t, ex.Free(a))
	upload(t, ex, T(op.I32, []int64{2}, 7, 8))
	require.Equal(t, T(op.I32, []int64{2}, 5, 6).Data, bytesOf(t, ex, b))
}

func testEstimate(t *testing.T, ex Executor) {
	a := upload(t, ex, Zeros(op.F32, 100))
	g := op.Graph{Tensors: append(named(a), op.Tensor{Desc: desc(op.F32, 100)}), Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{1}}}}
	c, err := ex.Estimate(g.Append(nil))
	require.NoError(t, err)
	require.Equal(t, op.Cost{Flops: 100, Moved: 800, Temp: 400}, c)
}

func testClosed(t *testing.T, ex Executor) {
	h := upload(t, ex, Zeros(op.F32, 100))
	require.NoError(t, ex.Close())
	require.Error(t, ex.Upload(h, 0, []byte{1}))
}

func testTraps(t *testing.T, open func(t *testing.T) Executor) {
	trap := func(t *testing.T, module []byte, kernel string, in ...Tensor) (Executor, uint64, op.Handle) {
		ex := open(t)
		k, err := ex.Kernel(module, kernel)
		require.NoError(t, err)
		c := Case{Code: op.Map, Params: []uint64{uint64(k)}, In: in, Out: descs(in)} // divide takes and gives two, forever one
		if kernel == "quotient" {
			c.Out = c.Out[:1]
		}
		handles, err := c.place(ex)
		require.NoError(t, err)
		g := c.graph(handles)
		fence, err := ex.Submit(g.Append(nil))
		require.NoError(t, err)
		return ex, fence, handles[0]
	}
	t.Run("the first element that trapped is told", func(t *testing.T) {
		b := Zeros(op.I64, 5000)
		for i := range int64(5000) {
			b.Set(i, 3)
		}
		b.Set(4321, 0)
		b.Set(1234, 0)
		b.Set(1300, 0)
		ex, fence, h := trap(t, Kernels, "divide", Zeros(op.I64, 5000), b)
		later := op.Graph{Tensors: named(h), Ops: []op.Op{{Code: op.Fill, Out: []uint16{0}, Params: []uint64{1}}}}
		_, err := ex.Submit(later.Append(nil))
		require.NoError(t, err, "it is not told before somebody waits")
		refused(t, op.BadHandle, ex.Download(h+1000, 0, make([]byte, 1)))
		require.NoError(t, ex.Download(h, 0, nil), "nobody waits for nothing")
		err = ex.Wait(fence, time.Minute)
		refused(t, op.Trapped, err)
		require.ErrorContains(t, err, "division by zero at element 1234")
		_, err = ex.Desc(h)
		refused(t, op.Trapped, err)
		refused(t, op.Trapped, ex.Wait(fence+1000, time.Minute))
		refused(t, op.Trapped, ex.Download(h, 0, make([]byte, 1)))
		refused(t, op.Trapped, ex.Upload(h, 0, make([]byte, 1)))
		_, err = ex.Submit(later.Append(nil))
		refused(t, op.Trapped, err)
		require.NoError(t, ex.Free(h))
		require.NoError(t, ex.Close())
	})
	t.Run("a download tells, too", func(t *testing.T) {
		ex, fence, h := trap(t, Kernels, "divide", T(op.I64, []int64{1}, -9223372036854775808), T(op.I64, []int64{1}, -1))
		err := ex.Download(h, 0, make([]byte, 1))
		refused(t, op.Trapped, err)
		require.ErrorContains(t, err, "integer overflow at element 0")
		refused(t, op.Trapped, ex.Wait(fence, time.Minute))
	})
	t.Run("of a kernel that came late", func(t *testing.T) {
		ones, zeros := Random(rand.New(rand.NewPCG(1, 1)), op.I32, 9000), Zeros(op.I32, 9000)
		for i := range int64(5000) {
			zeros.Set(i, 1)
		}
		ex, fence, _ := trap(t, Late, "quotient", ones, zeros)
		err := ex.Wait(fence, time.Minute)
		refused(t, op.Trapped, err)
		require.ErrorContains(t, err, "division by zero at element 5000")
	})
	t.Run("fuel ends", func(t *testing.T) {
		ex, fence, _ := trap(t, Kernels, "forever", T(op.I32, []int64{4}, 1, 3, 0, 1))
		err := ex.Wait(fence, time.Minute)
		refused(t, op.Trapped, err)
		require.ErrorContains(t, err, "out of fuel at element 2")
	})
}
