package suite

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// testFusion has products that only a map reads: an executor may do both at once, and nobody can tell.
func testFusion(t *testing.T, open func(t *testing.T) Executor) {
	r := rand.New(rand.NewPCG(9, 9))
	ex := open(t)
	bend, err := ex.Kernel(Kernels, "bend")
	require.NoError(t, err)
	short, err := ex.Kernel(Short, "k")
	require.NoError(t, err)
	makers := []maker{Random, Wild}
	for i, d := range matrixTypes {
		if d.in == op.F64 {
			continue
		}
		one := [2]int64{1, 1}
		cases := []Case{
			gemmCase(r, makers[i%2], d.in, d.out, op.GemmShape{Batch: 2, M: 9, N: 24, K: 17}, uint64(i)%4, true, uint64(i)%2),
			gemmCase(r, makers[1-i%2], d.in, d.out, op.GemmShape{Batch: 1, M: 130, N: 5, K: 40}, 3, false, 0),
			convCase(r, makers[i%2], d.in, d.out, 2, 8, 8, [2]int64{6, 7}, [2]int64{3, 2}, one, one, one, 0),
		}
		for _, c := range cases {
			for _, out := range []op.DType{op.F32, d.in, op.F16} {
				for name, kernel := range map[string]op.Handle{"bend": bend, "short": short} {
					t.Run(fmt.Sprintf("%v %s, %v, %s", c.Code, c.Name, out, name), func(t *testing.T) {
						atOnce := mapped(t, ex, kernel, &c, out, false)
						require.NoError(t, Same(desc(out), mapped(t, ex, kernel, &c, out, true), atOnce))
					})
				}
			}
		}
	}
}

// mapped gives what the kernel makes of a product, which is, or is not, seen in between.
func mapped(t *testing.T, ex Executor, kernel op.Handle, c *Case, out op.DType, seen bool) []byte {
	handles := make([]op.Handle, len(c.In))
	for i, in := range c.In {
		handles[i] = upload(t, ex, in)
	}
	between, result := uint16(len(handles)), uint16(len(handles)+1)
	h := upload(t, ex, Zeros(out, c.Out[0].Elems()))
	g := c.graph(append(handles, 0))
	g.Tensors[between] = op.Tensor{Desc: c.Out[0]}
	if seen {
		g.Tensors[between] = op.Tensor{Handle: upload(t, ex, Zeros(c.Out[0].DType, c.Out[0].Shape...))}
	}
	g.Tensors = append(g.Tensors, op.Tensor{Handle: h})
	g.Ops = append(g.Ops, op.Op{Code: op.Map, In: []uint16{between}, Out: []uint16{result}, Params: []uint64{uint64(kernel)}})
	fence, err := ex.Submit(g.Append(nil))
	require.NoError(t, err)
	require.NoError(t, ex.Wait(fence, time.Minute))
	got := bytesOf(t, ex, h)
	for _, t := range g.Tensors {
		if t.Handle != 0 {
			err = ex.Free(t.Handle)
		}
	}
	require.NoError(t, err)
	return got
}
