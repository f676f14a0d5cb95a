package wasm_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"levee/runtime/wasm"
	"levee/testdata/hostile/asm"
)

const (
	i32RemS, i32RemU = 0x6f, 0x70
	i64RemS, i64RemU = 0x81, 0x82
)

// unmended has a function for each instruction that is mended, one that has none of them, and one with two.
func unmended() []byte {
	var m asm.Module
	both := asm.Cat(asm.Get(0), asm.Get(1))
	m.ExportFunc("i32s", "i32 i32", "i32", "", both, asm.Op(i32RemS))
	m.ExportFunc("i32u", "i32 i32", "i32", "i64 f32", both, asm.Op(i32RemU))
	m.ExportFunc("i64s", "i64 i64", "i64", "i32 i32", both, asm.Op(i64RemS))
	m.ExportFunc("i64u", "i64 i64", "i64", "", both, asm.Op(i64RemU))
	m.ExportFunc("none", "i32 i32", "i32", "i32", both, asm.Op(asm.I32Sub))
	m.ExportFunc("two", "i32 i32", "i32", "", both, asm.Op(i32RemU), both, asm.Op(i32RemS, asm.I32Add))
	m.ExportFunc("f32sign", "i32 i32", "i32", "", asm.Get(0), asm.Op(0xbe), asm.Get(1), asm.Op(0xbe, 0x98, 0xbc)) // f32.copysign
	m.ExportFunc("f64sign", "i64 i64", "i64", "", asm.Get(0), asm.Op(0xbf), asm.Get(1), asm.Op(0xbf, 0xa6, 0xbd))
	for _, t := range []string{"i32", "i64"} {
		clz, shl, or := byte(0x67), byte(0x74), byte(0x72)
		shift := asm.I32Const(8)
		if t == "i64" {
			clz, shl, or, shift = 0x79, 0x86, 0x84, asm.I64Const(8)
		}
		m.ExportFunc(t+"zeros", t+" "+t, t, "", asm.Get(0), asm.Op(clz), shift, asm.Op(shl), asm.Get(1), asm.Op(clz+1, or))
	}
	// Branches on comparisons of an and with 0: on either side, through a local, and beside what comes between.
	flags := func(name, t string, locals string, cond ...[]byte) {
		m.ExportFunc(name, t+" "+t, "i32", locals, asm.Cat(cond...), []byte{asm.If, asm.I32}, asm.I32Const(1), []byte{asm.Else}, asm.I32Const(2), []byte{asm.End})
	}
	anded, anded64 := asm.Cat(both, asm.Op(0x71)), asm.Cat(both, asm.Op(0x83))
	flags("i32less", "i32", "", asm.I32Const(0), anded, asm.Op(0x48))
	flags("i32local", "i32", "i32", anded, asm.Set(2), asm.I32Const(0), asm.Get(2), asm.Op(0x4c))
	flags("i32above", "i32", "", anded, asm.I32Const(0), asm.Op(0x4b))
	flags("i64less", "i64", "", asm.I64Const(0), anded64, asm.I32Const(0), asm.Op(asm.Drop, 0x55))
	flags("i64most", "i64", "", anded64, asm.I64Const(0), asm.Op(0x58))
	m.ExportFunc("i32ones", "i32 i32", "i32", "", both, asm.Op(asm.I32Add, 0x69))
	m.ExportFunc("i64f32", "i64 i64", "i32", "", asm.Get(0), asm.Op(0xb5, 0xbc), asm.Get(1), asm.Op(0xb5, 0xbc, asm.I32Xor))
	m.ExportFunc("i64f64", "i64 i64", "i64", "", asm.Get(0), asm.Op(0xba, 0xbd), asm.Get(1), asm.Op(0xba, 0xbd, 0x85))
	m.ExportFunc("i64x2", "i64 i64", "i64", "v128", asm.Get(0), asm.Op(0xfd, 18), asm.Get(1), asm.Op(0xfd, 30, 1), // of x, y with y, 5
		asm.Get(1), asm.Op(0xfd, 18), asm.I64Const(5), asm.Op(0xfd, 30, 1, 0xfd, 0xd5, 1), asm.Tee(2), asm.Op(0xfd, 29, 0), asm.Get(2), asm.Op(0xfd, 29, 1, 0x85))
	m.ExportFunc("dead", "i32 i32", "i32", "", asm.Op(asm.Unreachable, i32RemS))
	m.ExportFunc("signs", "i64 i64", "i32", "", asm.Get(0), asm.Op(0xfd, 18), asm.Get(1), asm.Op(0xfd, 30, 1), asm.Op(0xfd, 0xc4, 1)) // splat, lane 1, bitmask
	return m.Bytes()
}

func TestMendedInstructions(t *testing.T) {
	for _, arch := range []string{"amd64", "amd64v2", "arm64"} {
		t.Run(arch, func(t *testing.T) { checkMended(t, arch) })
	}
	same, err := wasm.Mend(unmended(), "riscv64")
	require.NoError(t, err)
	require.Equal(t, unmended(), same)
}

func checkMended(t *testing.T, arch string) {
	mended, err := wasm.Mend(unmended(), arch)
	require.NoError(t, err)
	require.NotEqual(t, unmended(), mended)
	again, err := wasm.Mend(mended, arch)
	require.NoError(t, err)
	require.Equal(t, mended, again, "nothing of it is left")
	_, err = wasm.Preflight(mended)
	require.NoError(t, err)
	stub, err := wasm.Stub(unmended())
	require.NoError(t, err)
	same, err := wasm.Stub(mended)
	require.NoError(t, err)
	require.Equal(t, stub, same, "native code of what is mended is found under the same name")

	rt := engine(t)
	before, err := rt.InstantiateWithConfig(t.Context(), unmended(), wazero.NewModuleConfig().WithName(""))
	require.NoError(t, err)
	after, err := rt.InstantiateWithConfig(t.Context(), mended, wazero.NewModuleConfig().WithName(""))
	require.NoError(t, err)
	values := []uint64{0, 1, 2, 7, 60, 870, math.MaxInt32, 1 << 31, math.MaxUint32, math.MaxUint32 - 6, math.MaxInt64, 1 << 63, math.MaxUint64, math.MaxUint64 - 9}
	for _, name := range []string{"i32s", "i32u", "i64s", "i64u", "none", "two", "f32sign", "f64sign", "i32zeros", "i64zeros", "i32less", "i32local", "i32above", "i64less", "i64most", "i32ones", "i64f32", "i64f64", "i64x2",
		"dead", "signs"} {
		for _, x := range values {
			for _, y := range values {
				if name[1] != '6' && name != "signs" {
					x, y = x&math.MaxUint32, y&math.MaxUint32
				}
				want, err := before.ExportedFunction(name).Call(t.Context(), x, y)
				got, mendedErr := after.ExportedFunction(name).Call(t.Context(), x, y)
				if err != nil {
					trap, _, _ := strings.Cut(err.Error(), "\n")
					require.ErrorContains(t, mendedErr, trap, "%s(%d, %d)", name, x, y)
					continue
				}
				require.NoError(t, mendedErr, "%s(%d, %d)", name, x, y)
				require.Equal(t, want, got, "%s(%d, %d)", name, x, y)
			}
		}
	}
}

// Every instruction is read as the engine reads it: what is mended is a module still.
func TestMendedModulesCompile(t *testing.T) {
	rt := engine(t)
	for name, b := range samples() {
		for _, arch := range []string{"amd64", "amd64v2", "arm64"} {
			mended, err := wasm.Mend(sanitized(t, b), arch)
			require.NoError(t, err, "%s on %s", name, arch)
			compiled, err := rt.CompileModule(t.Context(), mended)
			require.NoError(t, err, "%s on %s", name, arch)
			require.NoError(t, compiled.Close(t.Context()))
		}
	}
}
