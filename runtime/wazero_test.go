//go:build linux

package runtime

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/testdata/hostile/asm"
)

// crowded is a module that computes a value while all registers are taken, and needs it afterwards. It traps where that is not want.
// All it computes with is read from memory, so that the compiler knows nothing beforehand.
func crowded(want int32, value ...[]byte) []byte {
	const others = 40
	var m asm.Module
	m.Memory(1, 1)
	m.Data(0, []byte{0x66, 3, 0, 0, 60}) // 870, 60
	kept, locals := uint32(others), "i32"
	var code []byte
	for i := range uint32(others) {
		locals += " i32"
		code = asm.Cat(code, asm.I32Const(int32(8+4*i)), asm.I32Load(0), asm.Set(i))
	}
	code = asm.Cat(code, asm.Cat(value...), asm.Set(kept))
	code = asm.Cat(code, asm.I32Const(0), asm.I32Load(0), []byte{asm.If, asm.BlockVoid})
	for i := range uint32(others) {
		code = asm.Cat(code, asm.I32Const(int32(8+4*i)), asm.Get(i), asm.I32Const(1), asm.Op(asm.I32Add), asm.I32Store(0))
	}
	code = asm.Cat(code, asm.Op(asm.End), asm.TrapUnless(asm.Get(kept), asm.I32Const(want), asm.Op(asm.I32Eq)))
	m.Run(locals, code)
	return m.Bytes()
}

// What wazero v1.12.0 gets wrong on arm64 unless it is mended.
func TestCrowdedRegisters(t *testing.T) {
	e := newEngine(t)
	word := func(at int32) []byte { return asm.Cat(asm.I32Const(at), asm.I32Load(0)) }
	wide := func(at int32) []byte { return asm.Cat(word(at), asm.Op(asm.I64ExtendU)) }
	lanes := asm.Cat(word(0), asm.Op(0xfd, 17), asm.I32Const(31), asm.Op(0xfd, 0xab, 1)) // i32x4.splat, shl: 0 in every sign
	for name, m := range map[string][]byte{
		"i32.rem_s":     crowded(30, word(0), word(4), asm.Op(0x6f)),
		"i32.rem_u":     crowded(30, word(0), word(4), asm.Op(0x70)),
		"i64.rem_s":     crowded(30, wide(0), wide(4), asm.Op(0x81, 0xa7)),
		"i64.rem_u":     crowded(30, wide(0), wide(4), asm.Op(0x82, 0xa7)),
		"i64x2.bitmask": crowded(3, lanes, asm.Op(0xfd, 77), asm.Op(0xfd, 0xc4, 1)), // v128.not
	} {
		res, err := e.Run(t.Context(), &Call{Module: module(t, name, m), Node: name, Export: "run"})
		require.NoError(t, err, name)
		res.Close()
	}
}
