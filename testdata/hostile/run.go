package hostile

import "levee/testdata/hostile/asm"

const (
	timeout = "E_TIMEOUT"
	trap    = "E_TRAP"
)

const (
	outOfBounds   = "out of bounds memory access"
	badTable      = "invalid table access"
	badSignature  = "indirect call type mismatch"
	stackOverflow = "stack overflow"
)

// runs holds what attacks the machine by running (R1 to R11).
func runs() []Module {
	ends := func(id, name, want, detail string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Run, Want: want, Detail: detail}
	}
	refused := func(id, name string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Preflight, Want: limit}
	}
	var recursive asm.Module
	recursive.Memory(1, -1)
	recursive.Run("", asm.Call(0))

	var mutual asm.Module // with many locals to fill the stack faster
	mutual.Memory(1, -1)
	mutual.Run("i64 i64 i64 i64 i64 i64 i64 i64", asm.I64Const(1), asm.Call(1), asm.Op(asm.Drop))
	mutual.Func("i64", "i64", "", asm.Get(0), asm.I64Const(1), asm.Op(asm.I64Add), asm.Call(1))

	var start asm.Module
	start.Memory(1, -1)
	start.Run("")
	start.Start(start.Func("", "", "", spin()))

	var grow asm.Module // the table has no maximum; -1 must come back, else it traps
	grow.Memory(1, -1)
	grow.Table(0, -1)
	grow.Run("", asm.TrapUnless(asm.RefNullFunc(), asm.I32Const(-16), asm.TableGrow(0), asm.I32Const(-1), asm.Op(asm.I32Eq)))

	tablesOf := func(n int, entries uint32) []byte {
		var m asm.Module
		m.Run("")
		for range n {
			m.Table(entries, -1)
		}
		return m.Bytes()
	}
	var big asm.Module
	big.Memory(65_536, -1)
	big.Run("")

	return []Module{
		ends("R1", "a loop without end", timeout, "", tiny("", spin())),
		ends("R2", "recursion without end", trap, stackOverflow, recursive.Bytes()),
		ends("R2b", "recursion without end, with values to keep", trap, stackOverflow, mutual.Bytes()),
		ends("R3", "45 functions, each calling the next twice", timeout, "", tree(45)),
		ends("R4", "5,000 times memory.fill of 64 MiB", timeout, "", fills(5_000)),
		ends("R5", "grows memory until it may not", OK, "", tiny("", asm.LoopVoid(
			asm.I32Const(1), asm.MemoryGrow(), asm.I32Const(-1), asm.Op(asm.I32Ne), asm.BrIf(0)))),
		ends("R5b", "grows memory until it may not, touching every page", OK, "", tiny("i32", asm.LoopVoid(
			asm.I32Const(1), asm.MemoryGrow(), asm.Tee(0), asm.I32Const(-1), asm.Op(asm.I32Ne),
			asm.IfVoid(asm.Get(0), asm.I32Const(16), asm.Op(0x74), asm.I32Const(1), asm.I32Store(0), asm.Br(1))))),
		refused("R6", "a memory that begins with 4 GiB", big.Bytes()),
		ends("R7", "writes through 4 GiB of addresses", trap, outOfBounds, tiny("i32", asm.LoopVoid(
			asm.Get(0), asm.I32Const(1), asm.I32Store(0), asm.Get(0), asm.I32Const(4096), asm.Op(asm.I32Add), asm.Tee(0), asm.BrIf(0)))),
		refused("R8", "a table that begins with 2^27 entries", tablesOf(1, 1<<27)),
		ends("R9", "table.grow by 4 G entries", OK, "", grow.Bytes()),
		refused("R10", "100 tables of a million entries", tablesOf(100, 1_000_000)),
		refused("R10b", "10 tables of a million entries", tablesOf(10, 1_000_000)),
		ends("R11", "a loop without end in the start function", timeout, "", start.Bytes()),
	}
}

// tree calls 2^n times without a loop, so checks at back-edges never come.
func tree(n int) []byte {
	var m asm.Module
	m.Memory(1, -1)
	m.Run("", asm.Call(1), asm.Call(1))
	for i := range n - 2 {
		next := asm.Call(uint32(i + 2))
		m.Func("", "", "", next, next)
	}
	m.Func("", "", "")
	return m.Bytes()
}

// fills is straight-line code: each instruction takes milliseconds and cannot be interrupted.
func fills(n int) []byte {
	var m asm.Module
	m.Memory(1024, -1)
	one := asm.Cat(asm.I32Const(0), asm.I32Const(1), asm.I32Const(64<<20), asm.MemoryFill())
	m.Run("", asm.Repeat(n, one...))
	return m.Bytes()
}

// traps holds one module per trap (R12 to R19): the error must name the right one.
func traps() []Module {
	traps := func(id, name, detail string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Run, Want: trap, Detail: detail}
	}
	indirect := func(entry int32) []byte { // of a table [run's neighbour of another signature, null]
		var m asm.Module
		m.Memory(1, -1)
		m.Table(2, 2)
		m.Run("", asm.I32Const(entry), asm.CallIndirect(0))
		m.Element(0, m.Func("i32", "", ""))
		return m.Bytes()
	}
	segment := func(offset int32) []byte {
		var m asm.Module
		m.Memory(1, 1)
		m.Run("")
		m.Data(offset, []byte("outside"))
		return m.Bytes()
	}
	return []Module{
		traps("R12", "load behind the end of memory", outOfBounds, tiny("", asm.I32Const(65_536), asm.I32Load(0), asm.Op(asm.Drop))),
		traps("R12b", "load that begins inside and ends outside", outOfBounds, tiny("", asm.I32Const(65_533), asm.I32Load(0), asm.Op(asm.Drop))),
		traps("R13", "address and offset that wrap to zero", outOfBounds, tiny("", asm.I32Const(-4), asm.I32Load(1<<32-4), asm.Op(asm.Drop))),
		traps("R13b", "offset that wraps by one", outOfBounds, tiny("", asm.I32Const(1), asm.I32Load(1<<32-1), asm.Op(asm.Drop))),
		traps("R13c", "memory.fill whose end wraps", outOfBounds, tiny("", asm.I32Const(16), asm.I32Const(1), asm.I32Const(-8), asm.MemoryFill())),
		traps("R14", "unreachable", "unreachable", tiny("", asm.Op(asm.Unreachable))),
		traps("R15", "division by zero", "integer divide by zero", tiny("", asm.I32Const(1), asm.I32Const(0), asm.Op(asm.I32DivS, asm.Drop))),
		traps("R15b", "the one division that overflows", "integer overflow", tiny("", asm.I32Const(-1<<31), asm.I32Const(-1), asm.Op(asm.I32DivS, asm.Drop))),
		traps("R15c", "NaN to an integer", "invalid conversion to integer", tiny("", asm.Op(0x43, 0, 0, 0xc0, 0x7f, 0xa8, asm.Drop))),
		traps("R16", "indirect call of a null entry", badTable, indirect(1)),
		traps("R17", "indirect call of another signature", badSignature, indirect(0)),
		traps("R18", "indirect call behind the table's end", badTable, indirect(2)),
		traps("R18b", "indirect call at 2^32-1", badTable, indirect(-1)),
		traps("R19", "data segment behind the memory's end", outOfBounds, segment(65_530)),
		traps("R19b", "data segment at 2^32-1", outOfBounds, segment(-1)),
	}
}
