//go:build linux

package runtime

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"levee/testdata/hostile/asm"
)

// number is how WebAssembly computes with a type.
type number struct {
	name     string
	add, mul byte
	constant func(int64) []byte
	test     []byte // what makes an i32 of it
}

var (
	i32 = number{"i32", asm.I32Add, asm.I32Mul, func(n int64) []byte { return asm.I32Const(int32(n)) }, nil}
	i64 = number{"i64", asm.I64Add, 0x7e, asm.I64Const, asm.Op(0xa7)}
)

// crowded is a module that computes a value of type kept out of 870 and 60, its locals 0 and 1 of type t, while all registers are taken,
// and needs it afterwards. It traps where that is not want. Local 2 is a v128 with these two as its lanes, the first one below 0.
func crowded(want int32, t, kept number, value ...byte) []byte {
	const others = 40
	var m asm.Module
	m.Memory(1, 1)
	first, sum, result := uint32(3), uint32(3+others), uint32(4+others)
	code := asm.Cat(asm.I64Const(-870), asm.Op(0xfd, 18), asm.I64Const(60), asm.Op(0xfd, 30, 1), asm.Set(2)) // i64x2.splat, replace_lane
	locals := "v128"
	for i := first; i < sum; i++ {
		locals += " " + t.name
		code = asm.Cat(code, asm.Get(0), asm.Get(1), t.constant(int64(i)), asm.Op(t.mul, t.add), asm.Set(i))
	}
	code = asm.Cat(code, asm.Get(0), asm.Get(1), asm.Op(t.add), asm.Set(sum-1)) // leaves no register free
	code = asm.Cat(code, value, asm.Set(result), asm.Get(1), t.test, []byte{asm.If, asm.BlockVoid})
	for i := first; i < sum; i++ {
		code = asm.Cat(code, asm.Get(sum), t.constant(31), asm.Op(t.mul), asm.Get(i), asm.Op(t.add), asm.Set(sum))
	}
	code = asm.Cat(code, asm.Op(asm.End), asm.I32Const(0), asm.Get(0), asm.Get(sum), asm.Op(t.add), t.test, asm.I32Store(0), asm.Get(result), kept.test)
	f := m.Func(t.name+" "+t.name, "i32", locals+" "+t.name+" "+kept.name, code)
	m.Run("", asm.TrapUnless(t.constant(870), t.constant(60), asm.Call(f), asm.I32Const(want), asm.Op(asm.I32Eq)))
	return m.Bytes()
}

// signless is a module that takes the sign off -1 while all registers for floats are taken, on a way that is one of two. It traps where it
// is not off.
func signless() []byte {
	var m asm.Module
	toF32, toF64, zero := asm.Op(0xb2), asm.Op(0xb7), asm.Op(0x43, 0, 0, 0, 0) // convert signed i32; i32; f32.const
	x, result := uint32(16), uint32(17)
	var code []byte
	for i := uint32(1); i <= 7; i++ {
		code = asm.Cat(code, asm.Get(0), toF32, asm.Set(i))
	}
	for i := uint32(8); i <= 13; i++ {
		code = asm.Cat(code, asm.Get(0), toF64, asm.Set(i))
	}
	for i := uint32(14); i <= 15; i++ {
		code = asm.Cat(code, asm.Get(0), asm.Op(0xfd, 17), asm.Set(i)) // i32x4.splat
	}
	code = asm.Cat(code, asm.Get(3), zero, asm.Op(0x93), asm.Set(x)) // f32.sub
	code = asm.Cat(code, asm.I32Const(0), []byte{asm.If, asm.BlockVoid}, zero, asm.Set(5), []byte{asm.Else})
	code = asm.Cat(code, asm.Get(x), zero, asm.Op(0x98, 0xbb), asm.Set(result), asm.Op(asm.End)) // f32.copysign, f64.promote_f32
	code = asm.Cat(code, asm.I32Const(0))
	for _, i := range []uint32{8, 9, 10, 11, 12, 13, result} {
		code = asm.Cat(code, asm.Get(i), asm.Op(0xfc, 2, asm.I32Add)) // i32.trunc_sat_f64_s
	}
	for _, i := range []uint32{x, 1, 2, 3, 4, 5, 6, 7} {
		code = asm.Cat(code, asm.Get(i), asm.Op(0xfc, 0, asm.I32Add)) // i32.trunc_sat_f32_s
	}
	for i := uint32(14); i <= 15; i++ {
		code = asm.Cat(code, asm.Get(i), asm.Op(0xfd, 27, 0, asm.I32Add)) // i32x4.extract_lane
	}
	f := m.Func("i32", "i32", "f32 f32 f32 f32 f32 f32 f32 f64 f64 f64 f64 f64 f64 v128 v128 f32 f64", code)
	m.Run("", asm.TrapUnless(asm.I32Const(-1), asm.Call(f), asm.I32Const(1-6-8-2), asm.Op(asm.I32Eq)))
	return m.Bytes()
}

// countsZeros is a module that counts the zeros of 0, its local 0, by one instruction, with so many other values in registers, and needs all of
// them afterwards. It traps where their sum is wrong.
func countsZeros(bits int32, t number, count byte) []byte {
	const others = 20
	var m asm.Module
	code, locals, sum, want := []byte(nil), t.name, uint32(2+others), bits
	for i := uint32(2); i < sum; i++ {
		locals += " " + t.name
		want += int32(i)
		code = asm.Cat(code, asm.Get(1), t.constant(int64(i)), asm.Op(t.add), asm.Set(i))
	}
	code = asm.Cat(code, asm.Get(0), asm.Op(count), asm.Set(sum))
	for i := uint32(2); i < sum; i++ {
		code = asm.Cat(code, asm.Get(i), asm.Get(sum), asm.Op(t.add), asm.Set(sum))
	}
	f := m.Func(t.name+" "+t.name, "i32", locals, asm.Cat(code, asm.Get(0), asm.Get(sum), asm.Op(t.add), t.test))
	m.Run("", asm.TrapUnless(t.constant(0), t.constant(0), asm.Call(f), asm.I32Const(want), asm.Op(asm.I32Eq)))
	return m.Bytes()
}

// branched is a module that branches on a condition of 5 and 4, its locals 0 and 1 of type i64. It traps where that does not hold.
func branched(condition ...byte) []byte {
	var m asm.Module
	m.Memory(1, 1)
	f := m.Func("i64 i64", "i32", "", condition, asm.IfVoid(asm.I32Const(1), asm.Op(asm.Return)), asm.I32Const(0))
	m.Run("", asm.TrapUnless(asm.I64Const(5), asm.I64Const(4), asm.Call(f)))
	return m.Bytes()
}

// What wazero v1.12.0 gets wrong unless it is mended, wherever registers are: the first on amd64 and arm64, the others on arm64.
func TestFlagsAndHalves(t *testing.T) {
	anded := asm.Cat(asm.Get(0), asm.Get(1), asm.Op(0x83))
	for name, m := range map[string][]byte{
		"0 < a & b, signed":   branched(asm.Cat(asm.I64Const(0), anded, asm.Op(0x53))...),
		"a & b > 0, unsigned": branched(asm.Cat(anded, asm.I64Const(0), asm.Op(0x56))...),
		"i32.popcnt": branched(asm.Cat(asm.I32Const(0), asm.I32Const(-1), asm.I32Store8(0), asm.I32Const(0), []byte{0x2c, 0, 0, 0x69}, // i32.load8_s
			asm.I32Const(32), asm.Op(asm.I32Eq))...),
	} {
		t.Run(name, func(t *testing.T) { runHere(t, m) })
	}
}

// Functions that were found by chance: they crowd the registers around f64.convert_i64_u and i64x2.mul, which comes out wrong on amd64 unless
// it is mended. The interpreter says what is right.
func TestFoundByChance(t *testing.T) {
	names, err := filepath.Glob("testdata/crowded/*.wasm")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			require.NoError(t, err)
			var left [2][]byte
			for i, engine := range []wazero.RuntimeConfig{wazero.NewRuntimeConfigCompiler(), wazero.NewRuntimeConfigInterpreter()} {
				g := guest{rt: wazero.NewRuntimeWithConfig(t.Context(), engine)}
				compiled, err := g.compile(t.Context(), b)
				require.NoError(t, err)
				in, err := g.rt.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig())
				require.NoError(t, err)
				for _, n := range []int64{0, 1, -7, 1 << 50} {
					_, err = in.ExportedFunction("f").Call(t.Context(), api.EncodeI32(int32(n)), uint64(n))
					require.NoError(t, err)
					memory, _ := in.Memory().Read(0, 4096)
					left[i] = append(left[i], memory...)
				}
				require.NoError(t, g.rt.Close(t.Context()))
			}
			require.Equal(t, left[1], left[0])
		})
	}
}

// runHere compiles and runs a module as a worker does.
func runHere(t *testing.T, m []byte) {
	g := guest{rt: wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler())}
	compiled, err := g.compile(t.Context(), m)
	require.NoError(t, err)
	in, err := g.rt.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig())
	require.NoError(t, err)
	_, err = in.ExportedFunction("run").Call(t.Context())
	require.NoError(t, err)
	require.NoError(t, g.rt.Close(t.Context()))
}

func TestCountedZeros(t *testing.T) {
	for name, m := range map[string][]byte{
		"i32.clz": countsZeros(32, i32, 0x67),
		"i32.ctz": countsZeros(32, i32, 0x68),
		"i64.clz": countsZeros(64, i64, 0x79),
		"i64.ctz": countsZeros(64, i64, 0x7a),
	} {
		t.Run(name, func(t *testing.T) { runHere(t, m) })
	}
}

// The same on a processor without BMI, as small boxes have: wazero then makes several instructions of one, with jumps between them.
func TestCountedZerosWithoutBMI(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run=^TestCountedZeros$")
	cmd.Env = append(os.Environ(), "GODEBUG=cpu.bmi1=off,cpu.bmi2=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// What wazero v1.12.0 gets wrong unless it is mended: copysign on amd64, the others on arm64.
func TestCrowdedRegisters(t *testing.T) {
	e := newEngine(t)
	both := asm.Cat(asm.Get(0), asm.Get(1))
	for name, m := range map[string][]byte{
		"i32.rem_s":     crowded(30, i32, i32, asm.Cat(both, asm.Op(0x6f))...),
		"i32.rem_u":     crowded(30, i32, i32, asm.Cat(both, asm.Op(0x70))...),
		"i64.rem_s":     crowded(30, i64, i64, asm.Cat(both, asm.Op(0x81))...),
		"i64.rem_u":     crowded(30, i64, i64, asm.Cat(both, asm.Op(0x82))...),
		"i64x2.bitmask": crowded(1, i64, i32, asm.Cat(asm.Get(2), asm.Op(0xfd, 0xc4, 1))...),
		"f32.copysign":  signless(),
	} {
		t.Run(name, func(t *testing.T) {
			res, err := e.Run(t.Context(), &Call{Module: module(t, name, m), Node: name, Export: "run"})
			require.NoError(t, err)
			res.Close()
		})
	}
}
