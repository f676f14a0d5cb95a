package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/testdata/hostile/asm"
)

// TestALaunchOfWhichNothingIsWanted begins launches with trap words that say that they need not do anything, and others.
func TestALaunchOfWhichNothingIsWanted(t *testing.T) {
	f, err := Parse(one("i32", "i32", "", asm.LoopVoid(
		asm.Get(0), asm.I32Const(1), asm.Op(asm.I32Add), asm.Tee(0), asm.I32Const(9), asm.Op(asm.I32Ne), asm.BrIf(0)), asm.Get(0)), "f")
	require.NoError(t, err)
	d := newDevice(t, f, Types{In: []op.DType{op.I32}, One: []bool{false}, Out: []op.DType{op.I32}})
	const n = 300
	for _, c := range []struct {
		word   uint64
		from   int
		wanted bool
	}{
		{1<<64 - 1, 0, true}, {1<<64 - 1, 7, true}, // nothing trapped
		{0, 0, false}, {0, 7, false}, // nobody waits
		{6<<8 | 255, 7, false}, {1, 7, false}, // what trapped was in an earlier launch
		{7<<8 | 1, 7, true}, {9<<8 | 1, 7, true}, {1, 0, true}, // it is in this one, in which an earlier element may trap too
	} {
		at := d.open()
		out, trap := at.Put(make([]byte, 4*n)), at.Put(pack(op.I64, []uint64{c.word}))
		require.NoError(t, at.launch([]any{at.Put(make([]byte, 4*n)), out, uint64(c.from), uint64(n), trap}))
		for i, x := range unpack(op.I32, at.Bytes(out, 4*n)) {
			require.Equal(t, c.wanted && i >= c.from, x == 9, "%d with %#x from %d", i, c.word, c.from)
		}
		require.Equal(t, c.word, unpack(op.I64, at.Bytes(trap, 8))[0])
	}
}
