package wasm

// Instructions that the walker treats on their own.
const (
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opCall         = 0x10
	opCallIndirect = 0x11
	opTypedSelect  = 0x1c
	opLocalGet     = 0x20
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opLoad         = 0x28 // first of loads and stores
	opStore32      = 0x3e // last of them
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	prefixMisc     = 0xfc
	prefixVector   = 0xfd
	vecConst       = 0x0c
)

// class says what follows an opcode.
type class byte

const (
	classUnknown class = iota
	classProposal
	classPlain // nothing follows
	classBlock
	classElse
	classEnd
	classLabel
	classBrTable
	classCall
	classCallIndirect
	classTypedSelect
	classLocal
	classGlobal
	classTable
	classMemArg
	classMemory
	classI32
	classI64
	classF32
	classF64
	classRefNull
	classRefFunc
	classMisc
	classVector
)

// classes maps every opcode. It is written by init so that the ranges can be read against the specification.
var classes = makeClasses()

func makeClasses() (t [256]class) {
	set := func(c class, from, to int) {
		for op := from; op <= to; op++ {
			t[op] = c
		}
	}
	set(classPlain, 0x00, 0x01) // unreachable, nop
	set(classPlain, 0x0f, 0x0f) // return
	set(classPlain, 0x1a, 0x1b) // drop, select
	set(classPlain, 0x45, 0xc4) // numbers
	set(classPlain, 0xd1, 0xd1) // ref.is_null
	set(classBlock, opBlock, opIf)
	set(classElse, opElse, opElse)
	set(classEnd, opEnd, opEnd)
	set(classLabel, opBr, opBrIf)
	set(classBrTable, opBrTable, opBrTable)
	set(classCall, opCall, opCall)
	set(classCallIndirect, opCallIndirect, opCallIndirect)
	set(classTypedSelect, opTypedSelect, opTypedSelect)
	set(classLocal, opLocalGet, opLocalTee)
	set(classGlobal, opGlobalGet, opGlobalSet)
	set(classTable, opTableGet, opTableSet)
	set(classMemArg, opLoad, opStore32)
	set(classMemory, opMemorySize, opMemoryGrow)
	set(classI32, opI32Const, opI32Const)
	set(classI64, opI64Const, opI64Const)
	set(classF32, opF32Const, opF32Const)
	set(classF64, opF64Const, opF64Const)
	set(classRefNull, opRefNull, opRefNull)
	set(classRefFunc, opRefFunc, opRefFunc)
	set(classMisc, prefixMisc, prefixMisc)
	set(classVector, prefixVector, prefixVector)
	set(classProposal, 0x06, 0x0a) // exceptions
	set(classProposal, 0x12, 0x15) // tail calls, function references
	set(classProposal, 0x18, 0x19) // exceptions
	set(classProposal, 0x1f, 0x1f) // exceptions
	set(classProposal, 0xd3, 0xd6) // gc, function references
	set(classProposal, 0xfb, 0xfb) // gc
	set(classProposal, 0xfe, 0xfe) // threads
	return t
}

// proposal names what an opcode of classProposal belongs to.
func proposal(op byte) string {
	switch op {
	case 0x12, 0x13:
		return "tail calls"
	case 0x14, 0x15, 0xd4, 0xd5, 0xd6:
		return "function references"
	case 0xd3, 0xfb:
		return "gc"
	case 0xfe:
		return "threads"
	}
	return "exceptions"
}

func (m *module) codeSection() {
	off := m.pos
	m.bodies = m.count("function bodies", m.lim.Functions, 3)
	if m.err == nil && m.bodies != m.info.Functions {
		m.malformed(off, "it declares %d functions and has code for %d", m.info.Functions, m.bodies)
		return
	}
	m.frames = make([]byte, 0, 64)
	section := m.b
	imported := len(m.info.Imports)
	for i := range m.bodies {
		size := m.count("bytes in a function body", m.lim.BodyBytes, 1)
		if m.err != nil {
			return
		}
		m.info.CodeBytes += size
		m.info.MaxBody = max(m.info.MaxBody, size)
		end := m.pos + size
		m.b = section[:end:end]
		locals := m.localDecls(len(m.types[m.funcs[imported+i]].Params))
		m.walk(uint32(locals))
		if m.err != nil {
			return
		}
		m.b = section
	}
}

// localDecls reads a function's local declarations and returns how many locals it has, parameters included.
func (m *module) localDecls(params int) int {
	off := m.pos
	groups := m.count("groups of locals", m.lim.BodyBytes, 2)
	var sum uint64
	for range groups {
		sum += uint64(m.u32())
		if m.valType() == V128 {
			m.info.UsesSIMD = true
		}
		if m.err != nil {
			return 0
		}
	}
	if sum > uint64(m.lim.Locals) {
		m.over(off, "locals of a function", sum, m.lim.Locals)
		return 0
	}
	if m.locals += int(sum); m.locals > m.lim.LocalsTotal {
		m.over(off, "locals of all functions", uint64(m.locals), m.lim.LocalsTotal)
	}
	return params + int(sum)
}

// walk reads a function's instructions. It leaves operand types to the engine's validator.
func (m *module) walk(locals uint32) {
	m.frames = append(m.frames[:0], opBlock)
	pushes := 0 // by multi-value calls and blocks
	for m.err == nil {
		off := m.pos
		op := m.u8()
		switch classes[op] {
		case classPlain:
		case classBlock:
			pushes += m.blockType(off)
			if len(m.frames) > m.lim.Depth {
				m.over(off, "nested blocks", uint64(len(m.frames)), m.lim.Depth)
			}
			m.frames = append(m.frames, op)
			m.info.MaxDepth = max(m.info.MaxDepth, len(m.frames)-1)
		case classElse:
			if m.frames[len(m.frames)-1] != opIf {
				m.malformed(off, "else without if")
			}
			m.frames[len(m.frames)-1] = opElse
		case classEnd:
			m.frames = m.frames[:len(m.frames)-1]
			if len(m.frames) == 0 {
				if m.left() > 0 {
					m.malformed(m.pos, "%d bytes after the end of a function", m.left())
				}
				return
			}
		case classLabel:
			m.label()
		case classBrTable:
			m.brTable()
		case classCall:
			if f := m.funcIndex(); m.err == nil {
				pushes += multi(m.types[m.funcs[f]].Results)
			}
		case classCallIndirect:
			if t := m.typeIndex(); m.err == nil {
				pushes += multi(m.types[t].Results)
			}
			m.tableIndex()
		case classLocal:
			if i := m.u32(); i >= locals {
				m.malformed(off, "local %d is used, but the function has %d", i, locals)
			}
		case classGlobal:
			if i := m.u32(); int64(i) >= int64(m.info.Globals) {
				m.malformed(off, "global %d is used, but there are %d", i, m.info.Globals)
			}
		case classMemArg:
			m.memArg()
		case classI32:
			m.signed(32)
		case classI64:
			m.signed(64)
		default:
			m.rare(off, op)
		}
		if pushes > m.lim.MultiResults {
			m.over(off, "values pushed by a function's multi-value calls and blocks", uint64(pushes), m.lim.MultiResults)
		}
	}
}

// rare reads what follows the opcodes that compilers seldom emit, and refuses those that nodes may not use.
func (m *module) rare(off int, op byte) {
	switch classes[op] {
	case classTypedSelect:
		if n := m.u8(); n != 1 && m.err == nil {
			m.malformed(off, "select with %d types", n)
		}
		m.valType()
	case classTable:
		m.tableIndex()
		m.info.ChangesTables = m.info.ChangesTables || op == opTableSet
	case classMemory:
		m.memoryIndex()
	case classF32:
		m.skip(4, "a constant")
	case classF64:
		m.skip(8, "a constant")
	case classRefNull:
		m.refType()
	case classRefFunc:
		m.funcIndex()
	case classMisc:
		m.misc(off)
	case classVector:
		m.vector(off)
	case classProposal:
		m.unsupported(off, "instruction 0x%02x belongs to the %s proposal, which nodes may not use", op, proposal(op))
	default:
		if m.err == nil {
			m.malformed(off, "0x%02x is no instruction", op)
		}
	}
}

func multi(types string) int {
	if len(types) < 2 {
		return 0
	}
	return len(types)
}
