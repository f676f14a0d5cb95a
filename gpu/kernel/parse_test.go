package kernel

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"levee/gpu/op"
	"levee/testdata/hostile/asm"
)

// one is a module of one function, exported as "f".
func one(params, results, locals string, code ...[]byte) []byte {
	var m asm.Module
	m.ExportFunc("f", params, results, locals, code...)
	return m.Bytes()
}

func refused(t *testing.T, wasm []byte, export string, words ...string) {
	t.Helper()
	f, err := Parse(wasm, export)
	require.Nil(t, f)
	var e *op.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, op.BadKernel, e.Fault)
	for _, w := range words {
		require.ErrorContains(t, err, w)
	}
	require.Less(t, len(err.Error()), 400)
}

func TestCorpusRefusals(t *testing.T) {
	wasm := corpus(t)
	refused(t, wasm, "counts", "instruction 0x28 is memory", "at byte")
	refused(t, wasm, "looks", "is memory")
	refused(t, wasm, "calls", "instruction 0x10 calls function", "have the compiler inline")
	refused(t, wasm, "gives_nothing", "0 results")
	refused(t, wasm, "nowhere", `exports no function "nowhere"`)
	refused(t, wasm[:40], "axpb")
	refused(t, []byte("\x7fELF"), "axpb", "no core WebAssembly module")
}

func TestOnlyTheAcceptedSet(t *testing.T) {
	get, i0 := asm.Get(0), asm.I32Const(0)
	for want, code := range map[string][]byte{
		"a value is missing":            asm.Op(asm.Drop),
		"2 values are left over":        asm.Cat(get, get, get),
		"f32 where i32 is needed":       asm.Op(0x43, 0, 0, 0, 0),
		"is a global variable":          asm.Op(0x23, 0),
		"is a table":                    asm.Op(0x25, 0),
		"is a call through a table":     asm.CallIndirect(0),
		"is a tail call":                asm.Op(0x12, 0),
		"is an exception":               asm.Op(0x06, 0x40),
		"is a reference":                asm.RefNullFunc(),
		"0xfc 11 is memory or a table":  asm.Cat(i0, i0, i0, asm.MemoryFill()),
		"0xfd is SIMD":                  asm.Op(0xfd, 12),
		"0xfe is an atomic operation":   asm.Op(0xfe, 3, 0),
		"0xff is no instruction":        asm.Op(0xff),
		"0xc5 is no instruction":        asm.Op(0xc5),
		"0x40 is memory":                asm.Cat(i0, asm.MemoryGrow()),
		"local 1 is used":               asm.Get(1),
		"a branch to label 1 of 1":      asm.Br(1),
		"else without if":               asm.Op(asm.Else),
		"if without else gives":         asm.Cat(get, asm.Op(asm.If, asm.I32), get, asm.Op(asm.End)),
		"block whose result is no":      asm.Op(asm.Block, asm.V128),
		"there is no type 9":            asm.Op(asm.Block, 9),
		"select between different":      asm.Cat(get, asm.I64Const(1), get, asm.Op(0x1b)),
		"select with 2 types":           asm.Cat(get, get, get, asm.Op(0x1c, 2, asm.I32, asm.I32)),
		"nested more than 64 deep":      asm.Repeat(80, asm.Loop, asm.BlockVoid),
		"more than 512 values":          asm.Repeat(600, 0x20, 0),
		"more than 1024 blocks":         asm.Repeat(1100, asm.Block, asm.BlockVoid, asm.End),
		"more than 8192 instructions":   asm.Repeat(9000, asm.Nop),
		"3000 instructions that branch": asm.Cat(get, asm.Repeat(3000, asm.Cat(get, asm.Op(asm.I32DivS))...)),
		"65539 bytes, at most 65536":    asm.Repeat(65537, asm.Nop),
		"a number is longer than 32":    asm.Op(0x20, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"1100 targets of a br_table":    asm.Cat(i0, asm.Op(0x0e), asm.U32(1100), asm.Repeat(1101, 0)),
		"more than 1024 targets":        asm.Cat(asm.Repeat(2, asm.Cat(i0, i0, asm.Op(0x0e), asm.U32(600), asm.Repeat(601, 0))...), i0),
		"with different numbers of val": asm.Cat(asm.Op(asm.Block, asm.BlockVoid), get, i0, asm.Op(0x0e, 1, 0, 1)),
		"bytes after the end":           asm.Cat(get, asm.Op(asm.End, asm.Nop)),
	} {
		refused(t, one("i32", "i32", "", code), "f", want)
	}
	refused(t, one("i32 i32 i32 i32 i32 i32 i32 i32 i32", "i32", ""), "f", "9 parameters, the limit is 8")
	refused(t, one("i32", "i32 i32 i32 i32 i32", ""), "f", "5 results, 1 to 4")
	refused(t, one("v128", "i32", ""), "f", "no number")
	refused(t, one("i32", "i32", "funcref"), "f", "a local that is no number")
	var m asm.Module
	m.Export("f", asm.KindFunc, 7)
	refused(t, m.Bytes(), "f", "no function of the module's own")
	locals := asm.Raw(asm.Section(asm.SecType, asm.Vec(asm.FuncType("", "i32"))), asm.Section(asm.SecFunction, asm.Vec(asm.U32(0))),
		asm.Section(asm.SecExport, asm.Vec(asm.Cat(asm.Name("f"), asm.Op(0, 0)))),
		asm.Section(asm.SecCode, asm.Vec(asm.Bytes(asm.Cat(asm.U32(1), asm.U32(1<<32-1), asm.Op(asm.I32, asm.End))))))
	refused(t, locals, "f", "more than 1024 parameters and locals")
}

func TestImportsOfKernels(t *testing.T) {
	with := func(module, name, params, result string, code ...[]byte) []byte {
		var m asm.Module
		m.Import("env", "other", "", "")
		f := m.Import(module, name, params, result)
		m.ExportFunc("f", "", result, "", asm.Cat(code...), asm.Call(f))
		return m.Bytes()
	}
	f, err := Parse(with(Imports, "f64_3", "i64", "f64", asm.I64Const(4)), "f")
	require.NoError(t, err)
	require.Equal(t, op.Signature{Params: []op.DType{}, Results: []op.DType{op.F64}, Slots: []op.DType{0, 0, 0, op.F64}, Flops: 4}, f.Signature())
	_, err = Parse(with(Imports, "gid", "", "i64"), "f")
	require.NoError(t, err)
	for _, name := range []string{"f64_8", "f64_", "f64", "f16_0", "f64_00", "f64_-1", "GID", ""} {
		refused(t, with(Imports, name, "i64", "f64", asm.I64Const(4)), "f", "calls nothing but imports of levee_kernel_v1")
	}
	refused(t, with("levee_v1", "f64_3", "i64", "f64", asm.I64Const(4)), "f", "calls nothing but")
	refused(t, with(Imports, "f64_3", "i32", "f64", asm.I32Const(4)), "f", "imported with another type")
	refused(t, with(Imports, "gid", "", "i32"), "f", "imported with another type")
	var m asm.Module
	a, b := m.Import(Imports, "f64_3", "i64", "f64"), m.Import(Imports, "i64_3", "i64", "i64")
	m.ExportFunc("f", "", "f64", "", asm.I64Const(1), asm.Call(b), asm.Call(a))
	refused(t, m.Bytes(), "f", "slot 3 is read as i64 and as f64")
}

// TestModuleIsCanonical: the minimal module is a valid one, gives itself, and does not depend on the module around the function.
func TestModuleIsCanonical(t *testing.T) {
	wasm := corpus(t)
	_, entries, err := Companion(wasm)
	require.NoError(t, err)
	rt := wazero.NewRuntime(t.Context())
	defer rt.Close(t.Context())
	for _, e := range entries {
		again, err := Parse(e.Func.Module(), "kernel")
		require.NoError(t, err, e.Name)
		require.Equal(t, e.Func, again, e.Name)
		require.Equal(t, e.Func.Key(), again.Key())
		_, err = rt.CompileModule(t.Context(), e.Func.Module())
		require.NoError(t, err, e.Name)
	}
	f, err := Parse(one("i32", "i32", "i64", asm.Op(asm.Nop), asm.Get(0), asm.Op(asm.Return), asm.Get(0), asm.Op(asm.Drop)), "f")
	require.NoError(t, err)
	g, err := Parse(one("i32", "i32", "i64", asm.Get(0), asm.Br(0), asm.BlockOf(asm.Br(0))), "f")
	require.NoError(t, err)
	require.Equal(t, f.Key(), g.Key())
}

// TestCodeThatIsNeverReached is checked and left out, in places where its values could be of any type.
func TestCodeThatIsNeverReached(t *testing.T) {
	get := asm.Get(0)
	for _, code := range [][]byte{
		asm.Op(asm.Unreachable),
		asm.Cat(asm.Op(asm.Unreachable), asm.Op(asm.I32Add)),
		asm.Cat(asm.Op(asm.Unreachable, 0x1b)),
		asm.Cat(asm.Op(asm.Block, asm.I32), get, asm.Br(1), asm.Op(asm.End, 0x45)),
		asm.Cat(asm.LoopVoid(asm.Br(0)), get),
		asm.Cat(asm.LoopVoid(asm.LoopVoid(asm.Br(1)), asm.BlockOf(get, asm.BrIf(0))), get),
		asm.Cat(get, asm.Op(asm.If, asm.I32), asm.Op(asm.Unreachable), asm.Op(asm.Else), asm.Op(asm.Unreachable), asm.Op(asm.End)),
		asm.Cat(asm.Op(asm.Block, asm.F32), asm.Op(asm.Unreachable), asm.Op(asm.End, asm.Drop), get),
		asm.Cat(get, get, asm.Op(0x0e, 0, 0), asm.Op(asm.If, asm.I64), asm.I64Const(1), asm.Op(asm.Else), asm.I64Const(2), asm.Op(asm.End, 0xa7)),
	} {
		wasm := one("i32", "i32", "", code)
		f, err := Parse(wasm, "f")
		require.NoError(t, err, "%x", code)
		again, err := Parse(f.Module(), "kernel")
		require.NoError(t, err, "%x", code)
		require.Equal(t, f, again)
		companion, _, err := Companion(wasm)
		require.NoError(t, err)
		newMachine(t, companion)
	}
	refused(t, one("i32", "i32", "", asm.Op(asm.Unreachable), asm.I64Const(1), asm.Op(asm.I32Add)), "f", "i64 where i32 is needed")
	refused(t, one("i32", "i32", "", asm.Op(asm.Unreachable), asm.Op(0x23, 0)), "f", "is a global variable")
}

// TestCompanionIsAlwaysAModule: with a memory, and within its limits.
func TestCompanionIsAlwaysAModule(t *testing.T) {
	var m asm.Module
	companion, entries, err := Companion(m.Bytes())
	require.NoError(t, err)
	require.Empty(t, entries)
	mem := newMachine(t, companion).mod.Memory()
	require.Equal(t, uint32(1<<16), mem.Size())
	for i := range 300 {
		m.ExportFunc("f"+strings.Repeat("x", i), "i32", "i32", "", asm.Get(0))
	}
	m.Export("again", asm.KindFunc, 0)
	var hard asm.Module
	for i := range 9 {
		hard.ExportFunc(strings.Repeat("f", i+1), "i32", "i32", "", asm.Get(0), asm.Repeat(1500, asm.Cat(asm.Get(0), asm.Op(asm.I32DivS))...))
	}
	_, entries, err = Companion(hard.Bytes())
	require.NoError(t, err)
	require.Len(t, entries, 3) // their squares
	companion, entries, err = Companion(m.Bytes())
	require.NoError(t, err)
	require.Len(t, entries, maxKernels)
	newMachine(t, companion)
	require.Equal(t, "k255", entries[255].Batch)
	_, _, err = Companion(companion[:len(companion)-3])
	require.Error(t, err)
}

// FuzzParse: whatever the bytes are, it gives a kernel or a refusal; and what it accepts, the engine does too.
func FuzzParse(f *testing.F) {
	f.Add(corpus(f))
	_, entries, err := Companion(corpus(f))
	require.NoError(f, err)
	for _, e := range entries {
		f.Add(e.Func.Module())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4<<10 {
			return
		}
		companion, entries, err := Companion(b)
		if err != nil {
			return
		}
		require.True(t, bytes.HasPrefix(companion, magic))
		if len(entries) == 0 {
			return
		}
		rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
		defer rt.Close(t.Context())
		_, err = rt.CompileModule(t.Context(), companion)
		require.NoError(t, err)
		for _, e := range entries {
			again, err := Parse(e.Func.Module(), "kernel")
			require.NoError(t, err)
			require.Equal(t, e.Func, again)
			sig := again.Signature()
			again.Run(make([]byte, 1024), 0, 0, 3)
			newDevice(t, again, Types{sig.Params, make([]bool, len(sig.Params)), sig.Results})
		}
	})
}
