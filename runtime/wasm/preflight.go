package wasm

import (
	"bytes"
)

// Sections of the binary format. The tag section belongs to the exceptions proposal.
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
	secTag
)

// order gives each section's place in a module, for they must come in order and only once; custom ones may be anywhere.
var order = [...]int{
	secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secTag: 6, secGlobal: 7, secExport: 8,
	secStart: 9, secElement: 10, secDataCount: 11, secCode: 12, secData: 13,
}

var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data",
	"data count", "tag",
}

const headerSize = 8

var header = []byte("\x00asm\x01\x00\x00\x00")

// module is the state of one preflight.
type module struct {
	reader
	lim  Limits
	info *Info

	types     []FuncType
	funcs     []uint32 // type index of every function, imported ones first
	frames    []byte   // opcodes of the blocks around the instruction that is being read
	locals    int      // of all functions so far
	items     int      // element items so far
	bodies    int      // in the code section
	dataCount int      // of the data count section; -1 without one
}

// Preflight checks a module against [DefaultLimits]. The error is an [*Error].
func Preflight(b []byte) (*Info, error) {
	return PreflightWithin(b, DefaultLimits())
}

// PreflightWithin checks a module against the given limits. The error is an [*Error]. It allocates in proportion to
// what the module is proved to hold, a few times its size at most, and takes time linear in its size.
func PreflightWithin(b []byte, lim Limits) (*Info, error) {
	if err := checkHeader(b, lim); err != nil {
		return nil, err
	}
	m := &module{lim: lim, info: &Info{}, dataCount: -1}
	m.b, m.pos = b, headerSize
	last := 0
	for m.err == nil && m.pos < len(b) {
		start := m.pos
		id := m.u8()
		size := m.count("bytes in a section", lim.ModuleBytes, 1)
		if m.err != nil {
			break
		}
		if int(id) >= len(sectionNames) {
			m.malformed(start, "section id %d is unknown", id)
			break
		}
		if id != secCustom {
			if order[id] <= last {
				m.malformed(start, "the %s section is repeated or out of order", sectionNames[id])
				break
			}
			last = order[id]
		}
		end := m.pos + size
		m.b = b[:end:end]
		m.section(id)
		if m.err == nil && m.pos != end {
			m.malformed(m.pos, "the %s section has %d bytes too many", sectionNames[id], end-m.pos)
		}
		m.b = b
	}
	m.finish()
	if m.err != nil {
		return nil, m.err
	}
	return m.info, nil
}

func checkHeader(b []byte, lim Limits) error {
	notWasm := func(what string) error { return &Error{Code: CodeNotWasm, What: what} }
	switch {
	case len(b) == 0:
		return notWasm("the file is empty")
	case len(b) > lim.ModuleBytes:
		e := &Error{Code: CodeLimit, Limit: int64(lim.ModuleBytes)}
		e.What = "the module has more bytes than the limit"
		return e
	case bytes.HasPrefix(b, header):
		return nil
	case bytes.HasPrefix(b, header[:4]) && len(b) >= headerSize && b[6] == 1 && b[7] == 0:
		return notWasm("this is a WebAssembly component; nodes are core modules (build for wasm32-wasip1 or wasm32-unknown-unknown)")
	case bytes.HasPrefix(b, header[:4]):
		return notWasm("this is WebAssembly of another version than 1, or its header is cut short")
	case bytes.HasPrefix(b, []byte("\x7fELF")):
		return notWasm("this is a native program for Linux (ELF), no WebAssembly module")
	case bytes.HasPrefix(bytes.TrimLeft(b[:min(len(b), 256)], " \t\r\n"), []byte("(module")):
		return notWasm("this is WebAssembly text; turn it into a module with wat2wasm first")
	}
	return notWasm("this is no WebAssembly module: it does not begin with 00 61 73 6d 01 00 00 00")
}

func (m *module) section(id byte) {
	switch id {
	case secCustom:
		m.customSection()
	case secType:
		m.typeSection()
	case secImport:
		m.importSection()
	case secFunction:
		m.functionSection()
	case secTable:
		m.tableSection()
	case secMemory:
		m.memorySection()
	case secGlobal:
		m.globalSection()
	case secExport:
		m.exportSection()
	case secStart:
		m.startSection()
	case secElement:
		m.elementSection()
	case secCode:
		m.codeSection()
	case secData:
		m.dataSection()
	case secDataCount:
		m.dataCount = m.count("data segments", m.lim.DataSegments, 0)
	case secTag:
		m.unsupported(m.pos, "it uses the exceptions proposal (a tag section); compile without wasm exceptions")
	}
}

// finish checks what needs all sections: those that speak about each other may be missing altogether.
func (m *module) finish() {
	if m.err != nil {
		return
	}
	if m.bodies != m.info.Functions {
		m.malformed(len(m.b), "it declares %d functions and has code for %d", m.info.Functions, m.bodies)
	}
	if m.dataCount >= 0 && m.dataCount != m.info.NumData {
		m.malformed(len(m.b), "it announces %d data segments and has %d", m.dataCount, m.info.NumData)
	}
	for _, e := range m.info.Exports {
		if e.Kind != KindMemory {
			continue
		}
		if m.info.MemoryExport == "" || e.Name == "memory" {
			m.info.MemoryExport = e.Name
		}
	}
}

func (m *module) customSection() {
	if len(m.info.CustomSections) >= m.lim.CustomSections {
		m.over(m.pos, "custom sections", uint64(m.lim.CustomSections)+1, m.lim.CustomSections)
		return
	}
	name := m.name("a custom section", m.lim.NameBytes)
	if m.err != nil {
		return
	}
	m.info.CustomSections = append(m.info.CustomSections, CustomSection{Name: name, Offset: m.pos, Size: m.left()})
	m.pos = len(m.b)
}
