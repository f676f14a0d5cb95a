package ptx

import (
	"cmp"
	"fmt"
	"slices"
)

// Where the address spaces lie among the generic addresses. Addresses within shared and local memory do not start at 0, so that a
// pointer that is nil is found.
const (
	paramWindow  = 0x7c00_0000_0000 // of the kernel
	localWindow  = 0x7d00_0000_0000
	sharedWindow = 0x7e00_0000_0000
	localBase    = 0x100
	sharedBase   = 0x400

	firstGlobal = 0x7000_0000_0000
	guard       = 512 // bytes between allocations
)

// Memory is the global memory of a device: allocations that do not touch. Contents are little-endian.
type Memory struct {
	spans []*span // by base
	next  uint64
	epoch uint64 // counts the barriers of all launches that look for races
}

type span struct {
	base     uint64
	data     []byte
	readOnly bool
	name     string // of the variable that it is
	ledger   ledger
}

func NewMemory() *Memory { return &Memory{next: firstGlobal} }

// Alloc makes an allocation of n zero bytes and gives its address, a multiple of 256.
func (m *Memory) Alloc(n int) uint64 {
	return m.add(make([]byte, n)).base
}

// Put makes an allocation that holds a copy of p.
func (m *Memory) Put(p []byte) uint64 {
	return m.add(slices.Clone(p)).base
}

func (m *Memory) add(data []byte) *span {
	s := &span{base: m.next, data: data}
	m.next += (uint64(len(data)) + guard + 255) &^ 255
	m.spans = append(m.spans, s)
	return s
}

// Map makes an allocation of the bytes themselves at an address that the caller chooses.
func (m *Memory) Map(addr uint64, data []byte) error {
	i, _ := m.search(addr)
	if i < len(m.spans) && m.spans[i].base < addr+uint64(len(data)) || i > 0 && m.spans[i-1].base+uint64(len(m.spans[i-1].data)) > addr {
		return fmt.Errorf("ptx: %d bytes at %#x overlap what is there", len(data), addr)
	}
	m.spans = slices.Insert(m.spans, i, &span{base: addr, data: data})
	m.next = max(m.next, (addr+uint64(len(data))+guard+255)&^255)
	return nil
}

// Free ends an allocation.
func (m *Memory) Free(addr uint64) error {
	i, ok := m.search(addr)
	if !ok {
		return fmt.Errorf("ptx: no allocation at %#x", addr)
	}
	m.spans = slices.Delete(m.spans, i, i+1)
	return nil
}

func (m *Memory) search(addr uint64) (int, bool) {
	return slices.BinarySearchFunc(m.spans, addr, func(s *span, a uint64) int { return cmp.Compare(s.base, a) })
}

// Bytes is n bytes at an address, which the caller may read and write; nil where they are not in one allocation.
func (m *Memory) Bytes(addr uint64, n int) []byte {
	s := m.find(addr)
	if s == nil || n < 0 || addr-s.base > uint64(len(s.data)) || uint64(n) > uint64(len(s.data))-(addr-s.base) {
		return nil
	}
	return s.data[addr-s.base:][:n:n]
}

// find gives the last allocation that starts at or below the address.
func (m *Memory) find(addr uint64) *span {
	i, ok := m.search(addr)
	if ok {
		return m.spans[i]
	}
	if i == 0 {
		return nil
	}
	return m.spans[i-1]
}

// where says in words where an address lies.
func (m *Memory) where(addr uint64) string {
	s := m.find(addr)
	if s == nil {
		return "below all allocations"
	}
	name := s.name
	if name == "" {
		name = "the allocation"
	}
	return fmt.Sprintf("%d bytes after the start of %s of %d bytes at %#x", addr-s.base, name, len(s.data), s.base)
}

// load gives the module's global variables their places in a memory, once.
func (m *Module) load(mem *Memory) map[string]uint64 {
	if at := m.loaded[mem]; at != nil {
		return at
	}
	at := map[string]uint64{}
	for _, v := range m.globals {
		data := make([]byte, v.size)
		copy(data, v.init)
		s := mem.add(data)
		s.readOnly, s.name = v.space == constSpace, v.name
		at[v.name] = s.base
	}
	m.loaded[mem] = at
	return at
}

// Global is the address of a global variable of the module in a memory, and its size; 0 where there is none.
func (m *Module) Global(mem *Memory, name string) (addr uint64, size int) {
	i := slices.IndexFunc(m.globals, func(v *variable) bool { return v.name == name })
	if i < 0 {
		return 0, 0
	}
	return m.load(mem)[name], m.globals[i].size
}
