package hostile

import (
	"levee/testdata/hostile/asm"
)

const (
	notWasm     = "E_NOT_WASM"
	limit       = "E_LIMIT"
	malformed   = "E_MALFORMED"
	unsupported = "E_UNSUPPORTED"
)

// most is 2^32-1 as a declared count.
var most = asm.U32(1<<32 - 1)

// decode holds what attacks whoever reads the bytes: D1 to D22.
func decode() []Module {
	refused := func(id, name, want string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Preflight, Want: want}
	}
	// empty is a module with one function that does nothing, up to its code section.
	upToCode := func(n int, code ...[]byte) []byte {
		return asm.Raw(
			asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))),
			asm.Section(asm.SecFunction, asm.U32(uint32(n)), asm.Repeat(n, 0)),
			asm.Section(asm.SecExport, asm.Vec(asm.Cat(asm.Name("run"), []byte{asm.KindFunc, 0}))),
			asm.Section(asm.SecCode, code...),
		)
	}
	body := func(locals ...[]byte) []byte {
		return asm.Bytes(asm.Cat(asm.Vec(locals...), []byte{asm.End}))
	}
	thousand := make([][]byte, 1000)
	for i := range thousand {
		thousand[i] = body(asm.Cat(asm.U32(1_000_000), []byte{asm.I32}))
	}
	fat := make([][]byte, 1000) // each within the limit, together 50 M
	for i := range fat {
		fat[i] = body(asm.Cat(asm.U32(50_000), []byte{asm.I64}))
	}
	return []Module{
		refused("D1", "empty file", notWasm, nil),
		refused("D2", "magic number only", notWasm, []byte(asm.Header[:4])),
		refused("D3", "a component", notWasm, []byte("\x00asm\x0d\x00\x01\x00")),
		refused("D4", "a native program with another name", notWasm, asm.Cat([]byte("\x7fELF\x02\x01\x01\x00"), asm.Repeat(500, 0))),
		refused("D5", "2^32-1 imports declared", limit, asm.Raw(asm.Section(asm.SecImport, most))),
		refused("D6", "2^32-1 functions declared", limit, asm.Raw(asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))), asm.Section(asm.SecFunction, most))),
		refused("D7", "2^32-1 tables declared", limit, asm.Raw(asm.Section(asm.SecTable, most))),
		refused("D8", "2^32-1 globals declared", limit, asm.Raw(asm.Section(asm.SecGlobal, most))),
		refused("D9", "2^32-1 exports declared", limit, asm.Raw(asm.Section(asm.SecExport, most))),
		refused("D10", "2^32-1 element segments declared", limit, asm.Raw(asm.Section(asm.SecElement, most))),
		refused("D11", "2^32-1 function bodies declared", limit, asm.Raw(asm.Section(asm.SecCode, most))),
		refused("D12", "2^32-1 data segments declared", limit, asm.Raw(asm.Section(asm.SecData, most))),
		refused("D12b", "2^32-1 data segments announced", limit, asm.Raw(asm.Section(asm.SecDataCount, most))),
		refused("D12c", "2^32-1 memories declared", unsupported, asm.Raw(asm.Section(asm.SecMemory, most))),
		refused("D13", "2^32-1 types declared", limit, asm.Raw(asm.Section(asm.SecType, most))),
		refused("D14", "2^32-1 parameters of one type", limit, asm.Raw(asm.Section(asm.SecType, asm.U32(1), []byte{0x60}, most))),
		refused("D14b", "2^32-1 results of one type", limit, asm.Raw(asm.Section(asm.SecType, asm.U32(1), []byte{0x60, 0}, most))),
		refused("D15", "100 M imports declared", limit, asm.Raw(asm.Section(asm.SecImport, asm.U32(100_000_000)))),
		refused("D15b", "1,000 imports declared, none there", malformed, asm.Raw(asm.Section(asm.SecImport, asm.U32(1000)))),
		refused("D16", "2^32-1 locals", limit, upToCode(1, asm.U32(1), body(asm.Cat(most, []byte{asm.I32})))),
		refused("D16b", "2^32-1 groups of locals", limit, upToCode(1, asm.U32(1), asm.Bytes(asm.Cat(most, []byte{asm.End})))),
		refused("D17", "50 M locals", limit, upToCode(1, asm.U32(1), body(asm.Cat(asm.U32(50_000_000), []byte{asm.I32})))),
		refused("D18", "1,000 functions of a million locals", limit, upToCode(1000, asm.Vec(thousand...))),
		refused("D18b", "1,000 functions of 50,000 locals", limit, upToCode(1000, asm.Vec(fat...))),
		refused("D19", "function body of 4 GiB declared", limit, upToCode(1, asm.U32(1), most)),
		refused("D20", "data segment of 4 GiB declared", limit, asm.Raw(
			asm.Section(asm.SecMemory, asm.Vec([]byte{0, 1})), asm.Section(asm.SecData, asm.U32(1), []byte{0}, asm.I32Const(0), []byte{asm.End}, most))),
		refused("D21", "name of 4 GiB declared", limit, asm.Raw(asm.Section(asm.SecImport, asm.U32(1), most, asm.Repeat(8, 0)))),
		refused("D22", "custom section of 4 GiB declared", limit, asm.Raw([]byte{asm.SecCustom}, most)),
		refused("D22b", "custom section of 1 MiB declared, cut short", malformed, asm.Raw([]byte{asm.SecCustom}, asm.U32(1<<20))),
		refused("D22c", "a million empty custom sections", limit, asm.Raw(asm.Repeat(1_000_000, 0, 1, 0))),
		refused("D25", "2^32-1 items in an element segment", limit, asm.Raw(
			asm.Section(asm.SecTable, asm.Vec([]byte{asm.FuncRef, 0, 1})), asm.Section(asm.SecElement, asm.U32(1), []byte{0}, asm.I32Const(0), []byte{asm.End}, most))),
		refused("D25b", "2^32-1 expressions in an element segment", limit, asm.Raw(
			asm.Section(asm.SecTable, asm.Vec([]byte{asm.FuncRef, 0, 1})), asm.Section(asm.SecElement, asm.U32(1), []byte{4}, asm.I32Const(0), []byte{asm.End}, most))),
		refused("D26", "a number of six bytes", malformed, asm.Raw([]byte{asm.SecType, 0x84, 0x80, 0x80, 0x80, 0x80, 0x00, 0, 0, 0, 0})),
		refused("D26b", "a number beyond 32 bits", malformed, asm.Raw([]byte{asm.SecType, 0xff, 0xff, 0xff, 0xff, 0x7f})),
		refused("D27", "a section twice", malformed, asm.Raw(asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))), asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))))),
		refused("D27b", "sections out of order", malformed, asm.Raw(asm.Section(asm.SecFunction, asm.Vec()), asm.Section(asm.SecType, asm.Vec()))),
		refused("D27c", "an unknown section", malformed, asm.Raw(asm.Section(77))),
		refused("D27d", "bytes behind a section's content", malformed, asm.Raw(asm.Section(asm.SecType, asm.Vec(), asm.Repeat(4, 0)))),
		refused("D28", "an import name that is no UTF-8", malformed, asm.Raw(
			asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))),
			asm.Section(asm.SecImport, asm.U32(1), asm.Name("env"), asm.Name("\xff\xfe\x80"), []byte{asm.KindFunc, 0}))),
		refused("D29", "start function out of range", malformed, asm.Raw(asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))), asm.Section(asm.SecStart, asm.U32(9)))),
		refused("D30", "2^32-1 targets of a br_table", limit, upToCode(1, asm.Vec(asm.Bytes(asm.Cat([]byte{0, 0x41, 0, 0x0e}, most, []byte{asm.End}))))),
		refused("D31", "cut short within a function body", malformed, truncated()),
	}
}

// names holds attacks on readers of names (D23, D24). Custom sections never reach the engine's decoder, so these are
// harmless and run.
func names() []Module {
	with := func(sub ...byte) []byte {
		var m asm.Module
		m.Run("")
		m.Custom("name", asm.Cat(sub, most))
		return m.Bytes()
	}
	return []Module{
		{ID: "D23", Name: "name section with 2^32-1 functions", Wasm: with(1, 5), Stage: Run, Want: OK},
		{ID: "D23b", Name: "name section of 4 GiB", Wasm: with(1), Stage: Run, Want: OK},
		{ID: "D24", Name: "name section with 2^32-1 locals", Wasm: with(2, 7, 1, 0), Stage: Run, Want: OK},
	}
}

// truncated is a sound module of a kilobyte, cut at half.
func truncated() []byte {
	b := tiny("i32", asm.Repeat(200, 0x20, 0, 0x1a, asm.Nop, asm.Nop))
	return b[:500]
}
