package gpu

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/gpu/suite"
)

// FuzzFunctions calls host functions as a guest may: any of them, with any arguments, over any memory. Nothing but the end of the call
// may come of it.
func FuzzFunctions(f *testing.F) {
	call := func(function byte, args ...uint64) (b []byte) {
		b = append(b, function)
		for i := range 4 {
			if i < len(args) {
				b = binary.LittleEndian.AppendUint64(b, args[i])
			} else {
				b = append(b, make([]byte, 8)...)
			}
		}
		return b
	}
	h := uint64(1<<32 | 1)
	shape := le(2, 3)
	f.Add(shape, append(call(1, uint64(op.F32), 0, 2), call(5, h, 0, 0, 24)...))
	f.Add(shape, append(call(6, 0), append(call(7, 0, h), call(3, h, 0, 64)...)...))
	f.Add(sumGraph(op.Handle(h), op.Handle(h+1)), append(call(6, 1), append(call(10, 0, 200), call(11, 1, 0)...)...))
	f.Add(append([]byte("twice"), suite.Late...), append(call(9, 5, 120, 0, 5), call(8, 0, 5)...))
	f.Fuzz(func(t *testing.T, memory, calls []byte) {
		c := newCaller(t)
		copy(c.guest.memory[:], memory)
		c.guest.module = suite.Kernels
		c.guest.types = []string{"tensor<f32,[n,m]>", "image"}
		c.guest.inputs = [][]byte{append([]byte{2, 0, 0, 0}, append(le(1, 2), le(7)...)...), memory}
		c.guest.outputs = []string{"tensor<f32,[n,m]>", "any"}
		functions := Functions()
		for n := 0; len(calls) >= 33 && n < 50; n++ {
			fn := &functions[int(calls[0])%len(functions)]
			var args [4]uint64
			for i := range args {
				args[i] = binary.LittleEndian.Uint64(calls[1+8*i:])
			}
			calls = calls[33:]
			if !goesOn(t, func() { fn.Call(c.s, args[:]) }) {
				break
			}
		}
		c.s.Close()
	})
}

// goesOn says whether a call was not ended. A panic of another kind than a guest's end is a mistake of ours.
func goesOn(t *testing.T, f func()) (on bool) {
	defer func() {
		if r := recover(); r != nil {
			_, known := r.(ended)
			require.True(t, known, "%v", r)
		}
	}()
	f()
	return true
}
