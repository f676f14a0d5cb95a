package hostile

import "levee/testdata/hostile/asm"

const compileTimeout = "E_COMPILE_TIMEOUT"

// compile holds what attacks the compiler (C1 to C11). What is too deep or too large is refused from its bytes; the
// rest is small and sound, and only killing the compiler ends it.
func compile() []Module {
	refused := func(id, name string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Preflight, Want: limit}
	}
	endless := func(id, name string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Compile, Want: compileTimeout}
	}
	nested := func(op byte, n int) []byte {
		return tiny("", asm.Repeat(n, op, asm.BlockVoid), asm.Repeat(n, asm.End))
	}
	return []Module{
		refused("C1", "100,000 nested blocks", nested(asm.Block, 100_000)),
		refused("C2", "20,000 nested loops", nested(asm.Loop, 20_000)),
		refused("C3", "a br_table of a million targets", tiny("", asm.Op(asm.Block, asm.BlockVoid), asm.I32Const(0),
			asm.Op(0x0e), asm.U32(1_000_000), asm.Repeat(1_000_001, 0), asm.Op(asm.End))),
		endless("C3b", "1,000 br_tables of 1,000 targets over 100 blocks", tables(1_000, 1_000, 100)),
		endless("C4", "5,000 locals, changed in 4,000 ifs", phis(5_000, 4_000)),
		endless("C5", "60 locals, changed in 30,000 ifs", phis(60, 30_000)),
		refused("C6", "5 M instructions in one function (35 MB)", tiny("i32", asm.Repeat(5_000_000, 0x20, 0, 0x41, 7, asm.I32Add, 0x21, 0))),
		refused("C6b", "300,000 instructions in one function (2 MB)", tiny("i32", asm.Repeat(300_000, 0x20, 0, 0x41, 7, asm.I32Add, 0x21, 0))),
		endless("C7", "1,000 nested loops over 1,000 locals (14 KB)", loops(1_000)),
		refused("C8", "a million functions", functions(1_000_000)),
		refused("C9", "5,000 parameters", asm.Raw(asm.Section(asm.SecType, asm.U32(1), []byte{0x60}, asm.U32(5_000), asm.Repeat(5_000, asm.I32), []byte{0}))),
		refused("C10", "a million values on the stack", tiny("", asm.Repeat(1_000_000, 0x41, 0), asm.Repeat(1_000_000, asm.Drop))),
		refused("C10b", "500 M values on the stack, by calls that give 1,000 each", manyResults()),
		refused("C11", "500,000 exports", exports(500_000)),
	}
}

// phis changes a local in each of n ifs: at each join the compiler asks of every local whether it changed.
func phis(locals, n int) []byte {
	var code [][]byte
	for i := range n {
		l := uint32(i % locals)
		code = append(code, asm.Get(l), asm.IfVoid(asm.I32Const(int32(i)), asm.Set(uint32((i*7)%locals))))
	}
	return runWithLocals(locals, asm.Cat(code...))
}

// loops nests n loops, each of which changes a local of its own.
func loops(n int) []byte {
	code := asm.Repeat(n, asm.Loop, asm.BlockVoid)
	for i := range n {
		code = append(code, asm.Cat(asm.Get(uint32(i)), asm.I32Const(1), asm.Op(asm.I32Add), asm.Tee(uint32(i)), asm.BrIf(0), asm.Op(asm.End))...)
	}
	return runWithLocals(n, code)
}

// tables has n br_tables of targets each, from within blocks.
func tables(n, targets, blocks int) []byte {
	one := asm.Cat(asm.Get(0), asm.Op(0x0e), asm.U32(uint32(targets)))
	for i := range targets + 1 {
		one = append(one, asm.U32(uint32(i%blocks))...)
	}
	code := asm.Repeat(blocks, asm.Block, asm.BlockVoid)
	for range n {
		code = append(code, asm.Get(0)...)
		code = append(code, asm.IfVoid(one)...)
	}
	code = append(code, asm.Repeat(blocks, asm.End)...)
	return runWithLocals(200, code)
}

// runWithLocals is a module whose run has that many i32 locals, in one group.
func runWithLocals(n int, code []byte) []byte {
	body := asm.Bytes(asm.Cat(asm.Vec(asm.Cat(asm.U32(uint32(n)), []byte{asm.I32})), code, []byte{asm.End}))
	return asm.Raw(
		asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))),
		asm.Section(asm.SecFunction, asm.Vec([]byte{0})),
		asm.Section(asm.SecMemory, asm.Vec([]byte{0, 1})),
		asm.Section(asm.SecExport, asm.Vec(
			asm.Cat(asm.Name("memory"), []byte{asm.KindMemory, 0}), asm.Cat(asm.Name("run"), []byte{asm.KindFunc, 0}))),
		asm.Section(asm.SecCode, asm.Vec(body)),
	)
}

func functions(n int) []byte {
	return asm.Raw(
		asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))),
		asm.Section(asm.SecFunction, asm.U32(uint32(n)), asm.Repeat(n, 0)),
		asm.Section(asm.SecCode, asm.U32(uint32(n)), asm.Repeat(n, 2, 0, asm.End)),
	)
}

func exports(n int) []byte {
	var list []byte
	for i := range n {
		list = append(list, asm.Cat(asm.Bytes([]byte{byte(i), byte(i >> 8), byte(i >> 16)}), []byte{asm.KindFunc, 0})...)
	}
	return asm.Raw(
		asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))),
		asm.Section(asm.SecFunction, asm.Vec([]byte{0})),
		asm.Section(asm.SecExport, asm.U32(uint32(n)), list),
		asm.Section(asm.SecCode, asm.Vec([]byte{2, 0, asm.End})),
	)
}

// manyResults calls a function that gives 1,000 values 500,000 times in a row. The body is within the limits.
func manyResults() []byte {
	thousand := asm.Cat([]byte{0x60, 0}, asm.U32(1000), asm.Repeat(1000, asm.I32))
	run := asm.Bytes(asm.Cat([]byte{0}, asm.Repeat(500_000, 0x10, 0), []byte{asm.Unreachable, asm.End}))
	return asm.Raw(
		asm.Section(asm.SecType, asm.Vec(thousand, asm.FuncType("", ""))),
		asm.Section(asm.SecFunction, asm.Vec([]byte{0}, []byte{1})),
		asm.Section(asm.SecCode, asm.Vec(asm.Bytes([]byte{0, asm.Unreachable, asm.End}), run)),
	)
}
