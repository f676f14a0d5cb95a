package wasm

import "strings"

// ValType is a value type as the binary format writes it.
type ValType byte

// The value types of release 2.0.
const (
	I32       ValType = 0x7f
	I64       ValType = 0x7e
	F32       ValType = 0x7d
	F64       ValType = 0x7c
	V128      ValType = 0x7b
	FuncRef   ValType = 0x70
	ExternRef ValType = 0x6f
)

func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "unknown"
}

func (t ValType) isRef() bool { return t == FuncRef || t == ExternRef }

// Kind says what an import or export is.
type Kind byte

// The kinds, numbered as in the binary format.
const (
	KindFunc Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

func (k Kind) String() string {
	switch k {
	case KindFunc:
		return "function"
	case KindTable:
		return "table"
	case KindMemory:
		return "memory"
	case KindGlobal:
		return "global"
	}
	return "unknown"
}

// FuncType is a function's signature. Each byte of Params and Results is a [ValType]; strings, so that signatures
// compare with ==.
type FuncType struct {
	Params, Results string
}

// Func makes a signature: Func("i32 i64", "i32") takes an i32 and an i64 and returns an i32. A word that is no value
// type makes a signature that equals none.
func Func(params, results string) FuncType {
	return FuncType{pack(params), pack(results)}
}

func pack(words string) string {
	var b []byte
	for _, w := range strings.Fields(words) {
		t := ValType(0)
		for _, v := range []ValType{I32, I64, F32, F64, V128, FuncRef, ExternRef} {
			if v.String() == w {
				t = v
			}
		}
		b = append(b, byte(t))
	}
	return string(b)
}

// String gives the signature as people write it, like "(i32, i32) -> i64"; long ones are cut.
func (f FuncType) String() string {
	var sb strings.Builder
	sb.WriteByte('(')
	list(&sb, f.Params)
	sb.WriteByte(')')
	switch len(f.Results) {
	case 0:
	case 1:
		sb.WriteString(" -> ")
		list(&sb, f.Results)
	default:
		sb.WriteString(" -> (")
		list(&sb, f.Results)
		sb.WriteByte(')')
	}
	return sb.String()
}

func list(sb *strings.Builder, types string) {
	const shown = 16
	for i := range len(types) {
		if i > 0 {
			sb.WriteString(", ")
		}
		if i == shown {
			sb.WriteString("...")
			return
		}
		sb.WriteString(ValType(types[i]).String())
	}
}

func (f FuncType) hasRef() bool {
	for _, types := range [2]string{f.Params, f.Results} {
		for i := range len(types) {
			if ValType(types[i]).isRef() {
				return true
			}
		}
	}
	return false
}

// Import is a function that the module wants from the host. Nothing else can be imported.
type Import struct {
	Module, Name string
	Type         FuncType
}

// Export is something that the module shows to the host.
type Export struct {
	Name  string
	Kind  Kind
	Index uint32
	Type  FuncType // of functions
}

// Memory is the module's linear memory, in pages of 64 KiB.
type Memory struct {
	Min, Max uint32
	HasMax   bool
}

// Table is a table of references.
type Table struct {
	Type     ValType
	Min, Max uint32
	HasMax   bool
}

// CustomSection says where in the module's bytes the content of a custom section lies, its name not included.
type CustomSection struct {
	Name         string
	Offset, Size int
}

// Info is what a module says about itself, checked. It shares no memory with the module's bytes.
type Info struct {
	Imports []Import
	Exports []Export
	Tables  []Table
	Memory  *Memory // nil: it has none
	// MemoryExport is the name under which the memory is exported, preferring "memory"; empty when it is not.
	MemoryExport   string
	CustomSections []CustomSection

	HasStart  bool
	Types     int
	Functions int // defined, imports not counted
	Globals   int
	NumData   int // data segments
	CodeBytes int // size of all function bodies

	MaxDepth         int // deepest nesting of blocks
	MaxBody          int // bytes of the largest body
	MaxBranchTargets int // targets of the largest br_table

	UsesSIMD   bool // a v128 instruction, constant, local, global or signature
	GrowsTable bool // table.grow
	// ChangesTables: table.set, grow, fill, copy or init, or elem.drop. Such a module's tables differ after a call, so
	// an instance of it cannot be reset by restoring memory and globals.
	ChangesTables bool
	// ChangesSegments: memory.init or data.drop; the same holds for its data segments.
	ChangesSegments bool

	elements int // element segments
}

// Export returns the export of that name.
func (in *Info) Export(name string) (Export, bool) {
	for _, e := range in.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}
