package device

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/op"
	"levee/gpu/suite"
)

// TestCodeOfOneKernelIsBounded gives one kernel tensors of all types that it takes: it is other code for each.
func TestCodeOfOneKernelIsBounded(t *testing.T) {
	s := fakeSession(t, 1<<20)
	k, err := s.Kernel(suite.Kernels, "axpb")
	require.NoError(t, err)
	types := []op.DType{op.F32, op.F16, op.BF16}
	all := 6 * 6 * 6 * 3
	require.Greater(t, all, maxMaps+10)
	for n := range all {
		g := op.Graph{Ops: []op.Op{{Code: op.Map, In: []uint16{0, 1, 2}, Out: []uint16{3}, Params: []uint64{uint64(k)}}}}
		var handles []op.Handle
		for i := range 4 {
			d := op.Desc{DType: types[n%3], Shape: []int64{2}}
			if n /= 3; i < 3 {
				d.Shape[0], n = 1+int64(n%2), n/2
			}
			h, err := s.Alloc(d)
			require.NoError(t, err)
			handles = append(handles, h)
			g.Tensors = append(g.Tensors, op.Tensor{Handle: h})
		}
		_, err := s.Submit(g.Append(nil))
		require.NoError(t, err)
		require.LessOrEqual(t, s.dev.maps.len(), maxMaps)
		for _, h := range handles {
			require.NoError(t, s.Free(h))
		}
	}
}

// lowered puts one op on tensors of any size into commands, with all the memory there is, and runs nothing.
func lowered(t *testing.T, s *Session, o op.Op, out op.Desc, in ...op.Desc) (*lower, error) {
	t.Helper()
	g := &op.Graph{Ops: []op.Op{o}}
	all := append(slices.Clone(in), out)
	for i := range all {
		g.Tensors = append(g.Tensors, op.Tensor{Handle: op.Handle(i + 1)})
		if i < len(in) {
			g.Ops[0].In = append(g.Ops[0].In, uint16(i))
		}
	}
	g.Ops[0].Out = []uint16{uint16(len(in))}
	plan, err := op.Check(g, func(h op.Handle) (op.Desc, bool) { return all[h-1], true }, nil, op.Limits{Temp: 1 << 40, Work: 1 << 62})
	require.NoError(t, err)
	l := &lower{s: s, dev: s.dev, plan: plan}
	for i := range all {
		l.at = append(l.at, cuda.Ptr(i+1)<<44)
	}
	return l, l.graph()
}

// hugeSession has memory that nobody can have, for what is never run.
func hugeSession(t *testing.T, macros ...string) *Session {
	s := fakeSession(t, 1<<50, macros...)
	next := cuda.Ptr(1) << 50
	s.arena.take = func(n int64) (cuda.Ptr, error) {
		at := next
		next += cuda.Ptr(n)
		return at, nil
	}
	s.arena.give = func(span) error { return nil }
	t.Cleanup(func() { s.arena.slabs, s.arena.used, s.tables = nil, nil, nil })
	return s
}

// TestHugeTensors lowers ops on the largest tensors that there can be: a grid has as many blocks as the driver takes.
func TestHugeTensors(t *testing.T) {
	s := hugeSession(t)
	u8, f16, f32 := op.U8, op.F16, op.F32
	d := func(t op.DType, shape ...int64) op.Desc { return op.Desc{DType: t, Shape: shape} }
	for _, c := range []struct {
		o   op.Op
		out op.Desc
		in  []op.Desc
	}{
		{op.Op{Code: op.Transpose, Params: []uint64{0, 2, 1}}, d(u8, 1<<34, 8, 8), []op.Desc{d(u8, 1<<34, 8, 8)}},
		{op.Op{Code: op.Transpose, Params: []uint64{0, 2, 1}}, d(u8, 1<<33, 9, 14), []op.Desc{d(u8, 1<<33, 14, 9)}},
		{op.Op{Code: op.Transpose, Params: []uint64{0, 2, 1}}, d(u8, 1<<38, 2, 2), []op.Desc{d(u8, 1<<38, 2, 2)}},
		{op.Op{Code: op.Transpose, Params: []uint64{0, 2, 1}}, d(u8, 1<<36, 3, 5), []op.Desc{d(u8, 1<<36, 5, 3)}},
		{op.Op{Code: op.Slice, Params: []uint64{1, 0, 1, 1}}, d(f16, 1<<33, 63), []op.Desc{d(f16, 1<<33+1, 64)}},
		{op.Op{Code: op.Gather}, d(f16, 1<<36, 3), []op.Desc{d(f16, 1<<36, 3), d(op.I64, 1<<36)}},
		{op.Op{Code: op.Concat, Params: []uint64{1}}, d(u8, 1<<36, 3), []op.Desc{d(u8, 1<<36, 1), d(u8, 1<<36, 2)}},
		{op.Op{Code: op.Cast}, d(f32, 1<<38), []op.Desc{d(u8, 1<<38)}},
		{op.Op{Code: op.Reduce, Params: []uint64{op.Sum, 1}}, d(f32, 1<<36, 1, 2), []op.Desc{d(f32, 1<<36, 2, 2)}},
		{op.Op{Code: op.Reduce, Params: []uint64{op.Max, 0}}, d(f32, 1, 1<<20), []op.Desc{d(f32, 1<<18, 1<<20)}},
		{op.Op{Code: op.Reduce, Params: []uint64{op.Max, 0}}, d(u8, 1, 256), []op.Desc{d(u8, math.MaxInt32, 256)}},
		{op.Op{Code: op.Softmax}, d(f32, 1<<36, 3), []op.Desc{d(f32, 1<<36, 3)}},
		{op.Op{Code: op.Softmax}, d(f16, 100, math.MaxInt32), []op.Desc{d(f16, 100, math.MaxInt32)}},
		{op.Op{Code: op.LayerNorm, Params: []uint64{0}}, d(f32, 1<<23, 20000), []op.Desc{d(f32, 1<<23, 20000), d(f32, 20000), d(f32, 20000)}},
		{op.Op{Code: op.Scan, Params: []uint64{0}}, d(f32, 1<<36, 3), []op.Desc{d(f32, 1<<36, 3)}},
		{op.Op{Code: op.FFT, Params: []uint64{0}}, d(f32, 1<<35, 3, 2), []op.Desc{d(f32, 1<<35, 3, 2)}},
		{op.Op{Code: op.FFT, Params: []uint64{0}}, d(f32, 1<<13, 1<<24, 2), []op.Desc{d(f32, 1<<13, 1<<24, 2)}},
		{op.Op{Code: op.Resize, Params: []uint64{op.Bilinear}}, d(u8, 1<<20, 1<<10, 1<<10, 1), []op.Desc{d(u8, 1<<20, 1<<9, 1<<10, 1)}},
		{op.Op{Code: op.Normalise, Params: []uint64{1}}, d(f32, 3, 1<<18, 1<<18), []op.Desc{d(u8, 1<<18, 1<<18, 3), d(f32, 3), d(f32, 3)}},
	} {
		name := fmt.Sprintf("%v %v of %v", c.o.Code, c.out, c.in)
		l, err := lowered(t, s, c.o, c.out, c.in...)
		if err != nil { // what is too much is said
			requireBudget(t, err)
			continue
		}
		launches := 0
		for _, m := range l.list {
			if m.kind == launchKernel {
				launches++
				require.True(t, m.grid.X >= 1 && m.grid.X <= maxGrid, "%s: a grid of %d", name, m.grid.X)
			}
		}
		require.NotZero(t, launches, name)
	}
}

func requireBudget(t *testing.T, err error) {
	t.Helper()
	var fault *op.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, op.OverBudget, fault.Fault, fault.Detail)
}

// TestHugePictures: the kernel that lays windows out as rows counts an image's pixels by 32 bits.
func TestHugePictures(t *testing.T) {
	s := hugeSession(t, "CC=80")
	for _, c := range []struct {
		side    int64
		windows bool
	}{{1 << 10, true}, {46_340, true}, {46_341, false}, {1 << 17, false}} {
		var launched []string
		s.launching = func(_, kernel string) { launched = append(launched, kernel) }
		x := op.Desc{DType: op.F16, Shape: []int64{1, c.side, c.side, 1}}
		w := op.Desc{DType: op.F16, Shape: []int64{1, 3, 3, 1}}
		_, err := lowered(t, s, op.Op{Code: op.Conv2D, Params: []uint64{1, 1, 1, 1, 1, 1, 0}}, x, x, w)
		require.NoError(t, err)
		require.Equal(t, c.windows, slices.Contains(launched, "windows"), "%d: %v", c.side, slices.Compact(launched))
	}
}

// TestTablesAreBounded asks for many large ones, each of which the host has until the graph is in the stream.
func TestTablesAreBounded(t *testing.T) {
	s := hugeSession(t)
	var g op.Graph
	const side = 1 << 20
	for i := range 4 {
		g.Tensors = append(g.Tensors, op.Tensor{Desc: op.Desc{DType: op.U8, Shape: []int64{1, side - int64(i), 1}}})
		if i == 0 {
			g.Ops = append(g.Ops, op.Op{Code: op.Fill, Out: []uint16{0}, Params: []uint64{7}})
		} else {
			g.Ops = append(g.Ops, op.Op{Code: op.Resize, In: []uint16{uint16(i - 1)}, Out: []uint16{uint16(i)}, Params: []uint64{op.Lanczos3}})
		}
	}
	lower := func(ops int) error {
		g := op.Graph{Tensors: g.Tensors, Ops: g.Ops[:ops]}
		plan, err := op.Check(&g, nil, nil, op.Limits{Temp: 1 << 40, Work: 1 << 62})
		require.NoError(t, err)
		l := &lower{s: s, dev: s.dev, plan: plan, at: make([]cuda.Ptr, len(g.Tensors))}
		return l.graph()
	}
	before := s.Launched.Load()
	requireBudget(t, lower(4))
	require.Equal(t, before+3, s.Launched.Load(), "an op that was looked at is progress")
	clear(s.tables) // else the next graph would find them
	require.NoError(t, lower(3))
}
