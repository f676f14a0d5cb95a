package wasm_test

import (
	"levee/testdata/guests"
	"levee/testdata/hostile"
	"levee/testdata/hostile/asm"
)

// samples are small valid modules that together use every section and most kinds of instructions.
func samples() map[string][]byte {
	return map[string][]byte{
		"add":    guests.Add(),
		"count":  guests.Count(true),
		"echo":   guests.Echo(),
		"fail":   guests.Fail("no"),
		"file":   guests.ReadFile("a.txt"),
		"grow":   guests.Grow(3),
		"log":    guests.Log(1, "hello"),
		"stdio":  guests.Stdio(3),
		"trap":   guests.Trap(),
		"mixed":  mixed(),
		"bulk":   bulk(),
		"vector": vector(),
	}
}

// mixed has tables, globals, data, elements, a start function, custom sections and multi-value blocks.
func mixed() []byte {
	var m asm.Module
	m.Memory(1, 70_000-4_464) // 65,536: as far as a memory can go
	m.Table(4, -1)
	m.Global(asm.I64, asm.I64Const(-1<<63))
	m.Global(asm.F32, asm.Op(0x43, 0, 0, 0x80, 0x3f))
	m.Global(asm.F64, asm.Op(0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f))
	m.Global(asm.FuncRef, asm.RefNullFunc())
	pair := byte(m.Type("i32", "i32 i32"))
	double := m.Func("i32", "i32", "", asm.Get(0), asm.Get(0), asm.Op(asm.I32Add))
	square := m.Func("i32", "i32", "i64 f64", asm.Get(0), asm.Get(0), asm.Op(0x6c))
	m.ExportFunc("apply", "i32 i32", "i32", "", asm.Get(0), asm.Get(1), asm.CallIndirect(m.Type("i32", "i32")))
	m.ExportFunc("choose", "i32", "i32", "",
		asm.Op(asm.Block, asm.BlockVoid, asm.Block, asm.BlockVoid, asm.Block, asm.BlockVoid),
		asm.Get(0), asm.Op(0x0e, 2, 0, 1, 2, asm.End), asm.I32Const(10), asm.Op(asm.Return, asm.End),
		asm.I32Const(11), asm.Op(asm.Return, asm.End), asm.I32Const(12))
	m.ExportFunc("both", "i32", "i32", "", asm.Get(0), asm.Op(asm.If, asm.I32), asm.I32Const(5), asm.Op(asm.Else),
		asm.I32Const(20), asm.Op(asm.Block, pair), asm.I32Const(22), asm.Op(asm.End, asm.I32Add, asm.End))
	m.ExportFunc("peek", "i32", "i32", "", asm.Get(0), asm.I32Load8(0))
	m.ExportFunc("typed", "i32", "i32", "", asm.I32Const(7), asm.I32Const(9), asm.Get(0), asm.Op(0x1c, 1, asm.I32))
	m.ExportFunc("grown", "i32", "i32", "", asm.RefNullFunc(), asm.Get(0), asm.TableGrow(0))
	m.Start(m.Func("", "", "", asm.I32Const(8), asm.I32Const(33), asm.I32Store8(0)))
	m.Element(1, double, square)
	m.Data(16, []byte("levee"))
	m.Custom("name", asm.Cat([]byte{1, 4}, asm.U32(1), []byte{0, 1, 'd'}))
	m.Custom("levee", []byte(`{"levee":1}`))
	return m.Bytes()
}

// bulk copies, fills and initialises memory and tables, with passive segments and a data count section.
func bulk() []byte {
	run := asm.Body("", asm.Cat(
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(4), asm.Op(0xfc, 8, 0, 0, 0xfc, 9, 0),
		asm.I32Const(8), asm.I32Const(0), asm.I32Const(4), asm.Op(0xfc, 10, 0, 0),
		asm.I32Const(0), asm.I32Const(7), asm.I32Const(2), asm.Op(0xfc, 11, 0),
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(1), asm.Op(0xfc, 12, 0, 0, 0xfc, 13, 0),
		asm.I32Const(1), asm.I32Const(0), asm.I32Const(1), asm.Op(0xfc, 14, 0, 0),
		asm.I32Const(2), asm.RefNullFunc(), asm.I32Const(1), asm.Op(0xfc, 17, 0),
		asm.Op(0xfc, 16, 0, asm.Drop, 0x3f, 0, asm.Drop),
		asm.I32Const(1), asm.I32Const(1), asm.Op(0x25, 0, 0x26, 0),
		asm.I32Const(8), asm.I32Load(0)))
	return asm.Raw(
		asm.Section(asm.SecType, asm.Vec(asm.FuncType("", "i32"))),
		asm.Section(asm.SecFunction, asm.Vec([]byte{0})),
		asm.Section(asm.SecTable, asm.Vec([]byte{asm.FuncRef, 0, 3})),
		asm.Section(asm.SecMemory, asm.Vec([]byte{0, 1})),
		asm.Section(asm.SecExport, asm.Vec(
			asm.Cat(asm.Name("memory"), []byte{asm.KindMemory, 0}), asm.Cat(asm.Name("bulk"), []byte{asm.KindFunc, 0}))),
		asm.Section(asm.SecElement, asm.Vec([]byte{1, 0, 1, 0}, []byte{5, asm.FuncRef, 1, 0xd2, 0, asm.End}, []byte{3, 0, 1, 0})),
		asm.Section(asm.SecDataCount, asm.U32(1)),
		asm.Section(asm.SecCode, asm.Vec(run)),
		asm.Section(asm.SecData, asm.Vec(asm.Cat([]byte{1}, asm.Bytes([]byte{1, 2, 3, 4})))),
	)
}

// vector uses SIMD: constants, lanes, shuffles, loads, stores and a two-byte opcode.
func vector() []byte {
	var m asm.Module
	m.Memory(1, 2)
	sixteen := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	m.ExportFunc("sum", "", "i32", "v128",
		asm.Op(0xfd, 12), sixteen, asm.Op(0xfd, 12), sixteen, asm.Op(0xfd, 13), sixteen, asm.Set(0),
		asm.I32Const(0), asm.Get(0), asm.Op(0xfd, 11, 4, 0), // v128.store
		asm.I32Const(0), asm.Op(0xfd, 0, 4, 0), asm.I32Const(0), asm.Op(0xfd, 0, 4, 0), asm.Op(0xfd, 0xae, 1), asm.Set(0), // i32x4.add
		asm.I32Const(0), asm.Get(0), asm.Op(0xfd, 84, 0, 0, 3), asm.Set(0), // v128.load8_lane
		asm.Get(0), asm.Op(0xfd, 27, 2)) // i32x4.extract_lane
	return m.Bytes()
}

func manyFunctions(n int) []byte {
	var m asm.Module
	m.Memory(1, -1)
	m.Run("")
	for range n {
		m.Func("i32", "i32", "i64 i32", asm.Get(0), asm.IfVoid(asm.Op(asm.Nop)), asm.I32Const(300_000), asm.Op(0x0e, 0, 0))
	}
	return m.Bytes()
}

// seeds are the small inputs that fuzzing begins with.
func seeds() [][]byte {
	var all [][]byte
	for _, b := range samples() {
		all = append(all, b)
	}
	for _, m := range hostile.Modules() {
		if len(m.Wasm) < 2_000 {
			all = append(all, m.Wasm)
		}
	}
	return all
}
