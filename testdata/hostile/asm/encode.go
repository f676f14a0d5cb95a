// Package asm writes WebAssembly modules for tests, valid or not, without a tool chain. [Module] assembles valid ones;
// [Section] and the functions beside it put any bytes together.
package asm

import "strings"

// Header begins every core module.
const Header = "\x00asm\x01\x00\x00\x00"

// Section ids.
const (
	SecCustom = iota
	SecType
	SecImport
	SecFunction
	SecTable
	SecMemory
	SecGlobal
	SecExport
	SecStart
	SecElement
	SecCode
	SecData
	SecDataCount
)

// Value types; BlockVoid is the type of a block without a result.
const (
	I32       = 0x7f
	I64       = 0x7e
	F32       = 0x7d
	F64       = 0x7c
	V128      = 0x7b
	FuncRef   = 0x70
	ExternRef = 0x6f
	BlockVoid = 0x40
)

// Instructions that need no function of their own; give them to [Op].
const (
	Unreachable = 0x00
	Nop         = 0x01
	Block       = 0x02
	Loop        = 0x03
	If          = 0x04
	Else        = 0x05
	End         = 0x0b
	Return      = 0x0f
	Drop        = 0x1a
	I32Eqz      = 0x45
	I32Eq       = 0x46
	I32Ne       = 0x47
	I32LtU      = 0x49
	I32Add      = 0x6a
	I32Sub      = 0x6b
	I32Mul      = 0x6c
	I32DivS     = 0x6d
	I32Xor      = 0x73
	I32ShrU     = 0x76
	I64Add      = 0x7c
	I64ExtendU  = 0xad
)

// U32 encodes an unsigned number.
func U32(n uint32) []byte {
	var b []byte
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// S64 encodes a signed number of up to 64 bits.
func S64(n int64) []byte {
	var b []byte
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// Cat joins parts.
func Cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Repeat gives part n times.
func Repeat(n int, part ...byte) []byte {
	return []byte(strings.Repeat(string(part), n))
}

// Vec encodes a vector: how many items, then the items.
func Vec(items ...[]byte) []byte {
	return Cat(U32(uint32(len(items))), Cat(items...))
}

// Bytes encodes a vector of bytes.
func Bytes(b []byte) []byte { return Cat(U32(uint32(len(b))), b) }

// Name encodes a name.
func Name(s string) []byte { return Bytes([]byte(s)) }

// Section encodes a section with its id and size.
func Section(id byte, parts ...[]byte) []byte {
	return Cat([]byte{id}, Bytes(Cat(parts...)))
}

// Raw joins the header and sections to a module.
func Raw(sections ...[]byte) []byte {
	return Cat([]byte(Header), Cat(sections...))
}

// Types turns words like "i32 i64" into value types.
func Types(words string) []byte {
	var b []byte
	for _, w := range strings.Fields(words) {
		b = append(b, map[string]byte{
			"i32": I32, "i64": I64, "f32": F32, "f64": F64, "v128": V128, "funcref": FuncRef, "externref": ExternRef,
		}[w])
	}
	return b
}

// FuncType encodes a signature, like FuncType("i32 i32", "i64").
func FuncType(params, results string) []byte {
	return Cat([]byte{0x60}, Bytes(Types(params)), Bytes(Types(results)))
}

// Body encodes a function body; End is appended to the code.
func Body(locals string, code ...[]byte) []byte {
	var groups [][]byte
	for _, t := range Types(locals) {
		groups = append(groups, []byte{1, t})
	}
	return Bytes(Cat(Vec(groups...), Cat(code...), []byte{End}))
}

// Op gives instructions, or any bytes, as they are.
func Op(ops ...byte) []byte { return ops }

// I32Const and I64Const push a number.
func I32Const(n int32) []byte { return Cat([]byte{0x41}, S64(int64(n))) }
func I64Const(n int64) []byte { return Cat([]byte{0x42}, S64(n)) }

// Get, Set and Tee are local.get, local.set and local.tee.
func Get(i uint32) []byte { return Cat([]byte{0x20}, U32(i)) }
func Set(i uint32) []byte { return Cat([]byte{0x21}, U32(i)) }
func Tee(i uint32) []byte { return Cat([]byte{0x22}, U32(i)) }

// Call calls a function; CallIndirect one of table 0, with a signature.
func Call(i uint32) []byte             { return Cat([]byte{0x10}, U32(i)) }
func CallIndirect(typ uint32) []byte   { return Cat([]byte{0x11}, U32(typ), []byte{0}) }
func Br(label uint32) []byte           { return Cat([]byte{0x0c}, U32(label)) }
func BrIf(label uint32) []byte         { return Cat([]byte{0x0d}, U32(label)) }
func I32Load(offset uint32) []byte     { return Cat([]byte{0x28, 2}, U32(offset)) }
func I64Load(offset uint32) []byte     { return Cat([]byte{0x29, 3}, U32(offset)) }
func I32Load8(offset uint32) []byte    { return Cat([]byte{0x2d, 0}, U32(offset)) }
func I32Store(offset uint32) []byte    { return Cat([]byte{0x36, 2}, U32(offset)) }
func I64Store(offset uint32) []byte    { return Cat([]byte{0x37, 3}, U32(offset)) }
func I32Store8(offset uint32) []byte   { return Cat([]byte{0x3a, 0}, U32(offset)) }
func MemoryGrow() []byte               { return []byte{0x40, 0} }
func MemoryFill() []byte               { return []byte{0xfc, 11, 0} }
func TableGrow(table uint32) []byte    { return Cat([]byte{0xfc, 15}, U32(table)) }
func RefNullFunc() []byte              { return []byte{0xd0, FuncRef} }
func LoopVoid(code ...[]byte) []byte   { return Cat([]byte{Loop, BlockVoid}, Cat(code...), []byte{End}) }
func BlockOf(code ...[]byte) []byte    { return Cat([]byte{Block, BlockVoid}, Cat(code...), []byte{End}) }
func IfVoid(code ...[]byte) []byte     { return Cat([]byte{If, BlockVoid}, Cat(code...), []byte{End}) }
func TrapUnless(cond ...[]byte) []byte { return Cat(Cat(cond...), Op(I32Eqz), IfVoid(Op(Unreachable))) }
