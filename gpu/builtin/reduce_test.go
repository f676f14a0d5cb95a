package builtin

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/ptx"
)

// Two columns of bytes are added up in one word, which has room for 256 of the greatest: more go through it in several turns.
func TestColumnsOfTheGreatestBytes(t *testing.T) {
	text, ok := Kernel("reduce_u8", "sum_byte_columns")
	require.True(t, ok)
	m, err := ptx.Parse(text)
	require.NoError(t, err)
	const inner, threads = 144, 32 // threads for each column of a part
	for _, c := range []struct{ n, parts uint64 }{{1, 1}, {31, 2}, {256 * threads, 1}, {256*threads + 1, 1}, {257 * threads, 1}, {2*256*3*threads + 5, 3}} {
		mem := ptx.NewMemory()
		in, out := mem.Put(bytes.Repeat([]byte{255}, int(c.n*inner))), mem.Alloc(int(4*c.parts*inner))
		require.NoError(t, m.Launch(mem, ptx.Launch{Kernel: "sum_byte_columns", Grid: ptx.Dim{X: 2}, Block: ptx.Dim{X: 256},
			Args: []any{out, in, uint64(1), c.n, uint64(inner), uint32(c.parts)}}))
		for column := range uint64(inner) {
			sum := uint64(0)
			for part := range c.parts {
				sum += uint64(binary.LittleEndian.Uint32(mem.Bytes(out+4*(part*inner+column), 4)))
			}
			require.Equal(t, 255*c.n, sum, "column %d of %d rows", column, c.n)
		}
	}
}
