package asm

// Kinds of imports and exports.
const (
	KindFunc = iota
	KindTable
	KindMemory
	KindGlobal
)

// Module assembles a module. Imports come before functions. The zero value is empty and ready.
type Module struct {
	types, imports, funcs, bodies, tables, memories, globals, exports, elements, data [][]byte

	custom []byte
	start  *uint32
}

// Type adds a signature, or finds it, and returns its index.
func (m *Module) Type(params, results string) uint32 {
	t := FuncType(params, results)
	for i, have := range m.types {
		if string(have) == string(t) {
			return uint32(i)
		}
	}
	m.types = append(m.types, t)
	return uint32(len(m.types) - 1)
}

// Import adds an imported function and returns its index.
func (m *Module) Import(module, name, params, results string) uint32 {
	t := m.Type(params, results)
	m.imports = append(m.imports, Cat(Name(module), Name(name), []byte{KindFunc}, U32(t)))
	return uint32(len(m.imports) - 1)
}

// Func adds a function and returns its index. End is appended to the code.
func (m *Module) Func(params, results, locals string, code ...[]byte) uint32 {
	m.funcs = append(m.funcs, U32(m.Type(params, results)))
	m.bodies = append(m.bodies, Body(locals, code...))
	return uint32(len(m.imports) + len(m.funcs) - 1)
}

// ExportFunc adds a function under a name.
func (m *Module) ExportFunc(name, params, results, locals string, code ...[]byte) uint32 {
	i := m.Func(params, results, locals, code...)
	m.Export(name, KindFunc, i)
	return i
}

// Run adds the function "run" of type ()->().
func (m *Module) Run(locals string, code ...[]byte) uint32 {
	return m.ExportFunc("run", "", "", locals, code...)
}

// Memory adds the memory and exports it as "memory". A max below 0 means none.
func (m *Module) Memory(minPages uint32, maxPages int64) {
	m.memories = append(m.memories, limits(minPages, maxPages))
	m.Export("memory", KindMemory, 0)
}

// Table adds a table of functions. A max below 0 means none.
func (m *Module) Table(minEntries uint32, maxEntries int64) {
	m.tables = append(m.tables, Cat([]byte{FuncRef}, limits(minEntries, maxEntries)))
}

func limits(lo uint32, hi int64) []byte {
	if hi < 0 {
		return Cat([]byte{0}, U32(lo))
	}
	return Cat([]byte{1}, U32(lo), U32(uint32(hi)))
}

// Global adds a mutable global with a constant as its first value and returns its index.
func (m *Module) Global(typ byte, constant []byte) uint32 {
	m.globals = append(m.globals, Cat([]byte{typ, 1}, constant, []byte{End}))
	return uint32(len(m.globals) - 1)
}

// Export adds an export.
func (m *Module) Export(name string, kind byte, index uint32) {
	m.exports = append(m.exports, Cat(Name(name), []byte{kind}, U32(index)))
}

// HideExports takes back the exports added so far.
func (m *Module) HideExports() { m.exports = nil }

// Start names the start function.
func (m *Module) Start(f uint32) { m.start = &f }

// Element fills table 0 from an offset on with functions.
func (m *Module) Element(offset int32, funcs ...uint32) {
	var items [][]byte
	for _, f := range funcs {
		items = append(items, U32(f))
	}
	m.elements = append(m.elements, Cat([]byte{0}, I32Const(offset), []byte{End}, Vec(items...)))
}

// Data puts bytes at an offset of the memory.
func (m *Module) Data(offset int32, b []byte) {
	m.data = append(m.data, Cat([]byte{0}, I32Const(offset), []byte{End}, Bytes(b)))
}

// Custom adds a custom section at the end.
func (m *Module) Custom(name string, content []byte) {
	m.custom = Cat(m.custom, Section(SecCustom, Name(name), content))
}

// Bytes gives the module.
func (m *Module) Bytes() []byte {
	b := []byte(Header)
	add := func(id byte, items [][]byte) {
		if len(items) > 0 {
			b = append(b, Section(id, Vec(items...))...)
		}
	}
	add(SecType, m.types)
	add(SecImport, m.imports)
	add(SecFunction, m.funcs)
	add(SecTable, m.tables)
	add(SecMemory, m.memories)
	add(SecGlobal, m.globals)
	add(SecExport, m.exports)
	if m.start != nil {
		b = append(b, Section(SecStart, U32(*m.start))...)
	}
	add(SecElement, m.elements)
	add(SecCode, m.bodies)
	add(SecData, m.data)
	return append(b, m.custom...)
}
