package cpu

import (
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// What an op takes beside its tensors is nobody's quota: for many short rows it must be next to nothing.
func TestPlacesOfShortRowsTakeNoMemory(t *testing.T) {
	const rows = 1 << 20
	in := tensor{op.Desc{DType: op.U8, Shape: []int64{rows, 2}}, make([]byte, rows*2)}
	out := tensor{op.Desc{DType: op.I32, Shape: []int64{rows, 1}}, make([]byte, rows*4)}
	in.mem[2*5+1] = 1
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	require.NoError(t, reduce(&run{Op: &op.Op{Code: op.Reduce, Params: []uint64{op.ArgMax, 1}}, in: []tensor{in}, out: []tensor{out}}))
	goruntime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(rows))
	require.Equal(t, []int32{0, 1, 0}, view[int32](out)[4:7])
}
