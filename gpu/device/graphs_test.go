package device_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/device"
	"levee/gpu/op"
	"levee/gpu/suite"
)

// TestRandomGraphs gives the same random work to the device and to the processors: graphs of many ops with tensors of their own, put into the stream one
// behind the other, and tensors that come and go between them. What was given out twice, too early or not as zeros shows as another
// result. LEVEE_TEST_GRAPHS asks for more sessions than a few.
func TestRandomGraphs(t *testing.T) {
	each(t, func(t *testing.T, d *device.Device) {
		sessions := 4
		if n, err := strconv.Atoi(os.Getenv("LEVEE_TEST_GRAPHS")); err == nil {
			sessions = n
		}
		for i := range sessions {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				const quota = 256 << 10 // what is needed comes near it
				w := &work{T: t, Rand: rand.New(rand.NewPCG(uint64(i), 9)), on: [2]suite.Executor{session(t, d, quota), suite.Processors(t, 64<<20)}}
				for j, e := range w.on {
					k, err := e.Kernel(axpb, "k")
					require.NoError(t, err)
					w.kernel[j] = k
				}
				for range 40 {
					w.step()
				}
				for len(w.tensors) > 0 {
					w.compare()
				}
				require.Greater(t, w.done, 5)
			})
		}
	})
}

// work is a session on the device, and the same one on the processors.
type work struct {
	*testing.T
	*rand.Rand
	on      [2]suite.Executor
	kernel  [2]op.Handle
	tensors []named
	done    int // graphs
}

// named is a tensor with its handle in either session.
type named struct {
	op.Desc
	in [2]op.Handle
}

func (w *work) step() {
	switch n := w.IntN(10); {
	case n < 3 || len(w.tensors) < 3:
		if len(w.tensors) < 8 {
			w.alloc()
		}
	case n < 8:
		w.graph()
	default:
		w.compare()
	}
}

var lengths = []int64{1, 2, 5, 31, 64, 100}

func (w *work) alloc() {
	t := named{Desc: op.Desc{DType: op.F32, Shape: []int64{lengths[w.IntN(len(lengths))], lengths[w.IntN(len(lengths))]}}}
	var b []byte
	if w.IntN(4) > 0 { // else it stays as it comes
		for range t.Elems() {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(w.IntN(2000)-1000)/8))
		}
	}
	for i, e := range w.on {
		h, err := e.Alloc(t.Desc)
		require.NoError(w, err)
		require.NoError(w, e.Upload(h, 0, b))
		t.in[i] = h
	}
	w.tensors = append(w.tensors, t)
}

// compare takes one tensor out of both sessions.
func (w *work) compare() {
	i := w.IntN(len(w.tensors))
	t := w.tensors[i]
	var got [2][]byte
	for j, e := range w.on {
		got[j] = make([]byte, t.Bytes())
		require.NoError(w, e.Download(t.in[j], 0, got[j]))
		require.NoError(w, e.Free(t.in[j]))
	}
	require.NoError(w, suite.Same(t.Desc, got[0], got[1]))
	w.tensors = slices.Delete(w.tensors, i, i+1)
}

// graph submits up to 20 ops on the session's tensors and on others. Some results are the session's.
func (w *work) graph() {
	tensors := slices.Clone(w.tensors)
	var ops []op.Op
	for range 1 + w.IntN(20) {
		a := w.IntN(len(tensors))
		o, out := w.op(tensors, a)
		to := slices.IndexFunc(tensors, func(t named) bool { return slices.Equal(t.Shape, out.Shape) })
		if to < 0 || slices.Contains(o.In, uint16(to)) || w.IntN(3) > 0 {
			to = len(tensors)
			tensors = append(tensors, named{Desc: out})
		}
		o.Out = []uint16{uint16(to)}
		ops = append(ops, o)
	}
	for i, e := range w.on {
		g := op.Graph{Ops: slices.Clone(ops)}
		for _, t := range tensors {
			g.Tensors = append(g.Tensors, op.Tensor{Handle: t.in[i], Desc: t.Desc})
		}
		for j := range g.Ops {
			if g.Ops[j].Code == op.Map {
				g.Ops[j].Params = []uint64{uint64(w.kernel[i])}
			}
		}
		_, err := e.Submit(g.Append(nil))
		if refused, ok := errors.AsType[*op.Error](err); ok && refused.Fault == op.OverQuota && i == 0 {
			return // the processors have more memory: they must not do what the device did not
		}
		require.NoError(w, err)
		w.done++
	}
}

// op is a random one that reads tensor a, and what it gives.
func (w *work) op(tensors []named, a int) (op.Op, op.Desc) {
	d := tensors[a].Desc
	rows, n := d.Shape[0], d.Shape[1]
	o := op.Op{In: []uint16{uint16(a)}}
	shape := func(rows, n int64) op.Desc { return op.Desc{DType: op.F32, Shape: []int64{rows, n}} }
	switch w.IntN(8) {
	case 0:
		o.Code = op.Copy
		return o, shape(n, rows)
	case 1:
		o.Code, o.Params = op.Transpose, []uint64{1, 0}
		return o, shape(n, rows)
	case 2:
		o.Code, o.Params = op.Reduce, []uint64{uint64([]int{op.Sum, op.Min, op.Max}[w.IntN(3)]), 1}
		return o, shape(rows, 1)
	case 3:
		o.Code, o.Params = op.Slice, []uint64{0, 0, 1, 1}
		return o, shape(rows, (n+1)/2)
	case 4:
		o.Code, o.Params = op.Scan, []uint64{uint64(w.IntN(2))}
		return o, d
	case 5:
		o.Code = op.Softmax
		return o, d
	case 6:
		b := slices.IndexFunc(tensors, func(t named) bool { return t.Shape[0] == rows })
		if n+tensors[b].Shape[1] < 200 {
			o.Code, o.In, o.Params = op.Concat, append(o.In, uint16(b)), []uint64{1}
			return o, shape(rows, n+tensors[b].Shape[1])
		}
	}
	b := slices.IndexFunc(tensors, func(t named) bool { return slices.Equal(t.Shape, d.Shape) })
	o.Code, o.In = op.Map, append(o.In, uint16(b))
	return o, d
}
