package cpu

import (
	"encoding/binary"
	"errors"
	"testing"

	"levee/gpu/op"
)

// FuzzSubmit gives an executor any bytes as a graph: it is refused, or runs to its end; nothing else can happen to a process that a
// stranger's node runs in.
func FuzzSubmit(f *testing.F) {
	tensors := []op.Desc{{DType: op.F32, Shape: []int64{6, 10}}, {DType: op.U8, Shape: []int64{4, 5, 3}}, {DType: op.I32, Shape: []int64{60}},
		{DType: op.F16, Shape: []int64{10}}, {DType: op.F64, Shape: []int64{3, 4, 5}}, {DType: op.I64, Shape: []int64{7}}}
	graph := func(ops []op.Op, own ...op.Desc) {
		var g op.Graph
		for i := range tensors {
			g.Tensors = append(g.Tensors, op.Tensor{Handle: op.Handle(1)<<32 | op.Handle(i+1)})
		}
		for _, d := range own {
			g.Tensors = append(g.Tensors, op.Tensor{Desc: d})
		}
		g.Ops = ops
		f.Add(g.Append(nil))
	}
	one := func(o op.Op, own ...op.Desc) { graph([]op.Op{o}, own...) }
	one(op.Op{Code: op.Slice, In: []uint16{1}, Out: []uint16{6}, Params: []uint64{1, 0, 2, 1, 2, 1}}, op.Desc{DType: op.U8, Shape: []int64{2, 2, 1}})
	one(op.Op{Code: op.Transpose, In: []uint16{4}, Out: []uint16{6}, Params: []uint64{2, 0, 1}}, op.Desc{DType: op.F64, Shape: []int64{5, 3, 4}})
	one(op.Op{Code: op.Reduce, In: []uint16{0}, Out: []uint16{6}, Params: []uint64{op.ArgMax, 0}}, op.Desc{DType: op.I32, Shape: []int64{1, 10}})
	one(op.Op{Code: op.Gather, In: []uint16{3, 2}, Out: []uint16{6}}, op.Desc{DType: op.F16, Shape: []int64{60}})
	one(op.Op{Code: op.Concat, In: []uint16{5, 5}, Out: []uint16{6}, Params: []uint64{0}}, op.Desc{DType: op.I64, Shape: []int64{14}})
	one(op.Op{Code: op.Resize, In: []uint16{1}, Out: []uint16{6}, Params: []uint64{op.Lanczos3}}, op.Desc{DType: op.U8, Shape: []int64{9, 2, 3}})
	one(op.Op{Code: op.Sort, In: []uint16{0}, Out: []uint16{6, 7}, Params: []uint64{1}}, op.Desc{DType: op.F32, Shape: []int64{6, 3}}, op.Desc{DType: op.I32, Shape: []int64{6, 3}})
	graph([]op.Op{{Code: op.Cast, In: []uint16{0}, Out: []uint16{6}}, {Code: op.Softmax, In: []uint16{6}, Out: []uint16{7}}, {Code: op.Copy, In: []uint16{7}, Out: []uint16{6}}},
		op.Desc{DType: op.BF16, Shape: []int64{6, 10}}, op.Desc{DType: op.BF16, Shape: []int64{6, 10}})
	f.Fuzz(func(t *testing.T, text []byte) {
		ex := New(&heap{make([]byte, page), 1 << 21}, nil, op.Info{}, 1<<20, 1<<22)
		var handles []op.Handle
		for i, d := range tensors {
			h, err := ex.Alloc(d)
			if err != nil {
				t.Fatal(err)
			}
			fill := make([]byte, d.Bytes())
			for k := range fill {
				fill[k] = byte(k * (i + 3))
			}
			if err := ex.Upload(h, 0, fill); err != nil {
				t.Fatal(err)
			}
			handles = append(handles, h)
		}
		fence, err := ex.Submit(text)
		if err != nil {
			if known := new(op.Error); !errors.As(err, &known) {
				t.Fatal(err)
			}
			return
		}
		if err := ex.Wait(fence, 0); err != nil {
			t.Fatal(err) // there are no kernels, so nothing traps
		}
		for _, h := range handles {
			if err := ex.Download(h, 0, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if binary.LittleEndian.Uint64(ex.arena.machine.Memory()) != 0 {
			t.Fatal("something was written below the tensors")
		}
	})
}
