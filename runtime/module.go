//go:build linux

package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"levee/runtime/wasm"
)

// Info is what preflight found in a module.
type Info = wasm.Info

// Module is one .wasm file that passed preflight. It is immutable; what it costs is its bytes.
type Module struct {
	Hash [32]byte // SHA-256 of Wasm
	Wasm []byte
	Info *Info
	Name string // for messages

	code     []byte     // what the engine compiles: Wasm without custom sections, with tables clamped and data segments joined
	id       [32]byte   // what native code is kept under: Hash, and the version of the extension that it uses
	ext      *Extension // that it uses; nil: none
	needs    grants
	streams  bool            // imports output_item
	callable map[string]bool // exported functions without parameters and results
}

// NewModule checks a module and what it imports: of the node ABI, and of x, which may be nil. It runs nothing. The error is a [*ModuleError].
// The module keeps b, which the caller must not change afterwards.
func NewModule(name string, b []byte, x *Extension) (*Module, error) {
	info, err := wasm.Preflight(b)
	if err != nil {
		return nil, err
	}
	if err := checkLinks(info, x); err != nil {
		return nil, err
	}
	lim := wasm.DefaultLimits()
	// The memory limit belongs to the call, whose allocator enforces it; here only tables are clamped.
	lim.MemoryPages = 65536
	code, err := wasm.Sanitize(b, lim)
	if err != nil {
		return nil, err
	}
	if code, err = wasm.JoinData(code, info); err != nil {
		return nil, err
	}
	m := &Module{Hash: sha256.Sum256(b), Wasm: b, Info: info, Name: name, code: code, callable: map[string]bool{}}
	for _, im := range info.Imports {
		m.needs |= hostFuncs[im.Module][im.Name].needs
		if x.find(im.Module, im.Name) != nil {
			m.ext = x
		}
		m.streams = m.streams || im.Name == "output_item"
	}
	m.id = m.Hash
	if m.ext != nil {
		m.id = sha256.Sum256(append(m.Hash[:], x.Version...))
	}
	for _, e := range info.Exports {
		if e.Kind == wasm.KindFunc && e.Type == wasm.Func("", "") {
			m.callable[e.Name] = true
		}
	}
	return m, nil
}

func (m *Module) String() string {
	return fmt.Sprintf("%s (%s)", m.Name, hex.EncodeToString(m.Hash[:6]))
}

// Extension is the version of the extension that the module uses, empty when it uses none: results depend on it.
func (m *Module) Extension() string {
	if m.ext == nil {
		return ""
	}
	return m.ext.Version
}

// grants says what of the outside a call may reach. A worker serves one set of them only.
type grants uint8

const (
	grantRead grants = 1 << iota
	grantList
	grantWrite
)

// beyond names the functions that the module imports although g does not cover them. Its imports are the truth about
// what it can do.
func (m *Module) beyond(g grants) (names []string) {
	for _, im := range m.Info.Imports {
		if f := hostFuncs[im.Module][im.Name]; f.needs&^g != 0 {
			names = append(names, im.Name)
		}
	}
	return names
}

// checkLinks refuses a module that imports what this version does not offer, or that cannot be called at all.
func checkLinks(info *Info, x *Extension) error {
	for _, im := range info.Imports {
		f, ok := find(x, im.Module, im.Name)
		switch {
		case !ok:
			return refused("imports %q from %q, which this version does not offer", im.Name, im.Module)
		case f.typ != im.Type:
			return refused("imports %s.%s as %v, but it is %v", im.Module, im.Name, im.Type, f.typ)
		}
	}
	if len(info.Imports) > 0 && info.MemoryExport != "memory" {
		return refused("imports host functions but does not export its memory under the name \"memory\"")
	}
	if e, ok := info.Export("_initialize"); ok && (e.Kind != wasm.KindFunc || e.Type != wasm.Func("", "")) {
		return refused("exports _initialize, but not as a function without parameters and results")
	}
	return nil
}

func refused(format string, args ...any) error {
	return &ModuleError{Code: CodeRefused, What: fmt.Sprintf(format, args...)}
}

// checkExport refuses a call of something that is not a function without parameters and results.
func (m *Module) checkExport(name string) error {
	if m.callable[name] {
		return nil
	}
	return m.notCallable(name)
}

// Offers refuses an export that is no node's function. The error is a [*ModuleError].
func (m *Module) Offers(export string) error {
	if err := m.checkExport(export); err != nil {
		return refused("%v", err)
	}
	return nil
}

func (m *Module) notCallable(name string) error {
	e, ok := m.Info.Export(name)
	switch {
	case !ok:
		return fmt.Errorf("it exports no function %q", name)
	case e.Kind != wasm.KindFunc:
		return fmt.Errorf("its export %q is a %v, not a function", name, e.Kind)
	}
	return fmt.Errorf("its export %q is %v; a node's function takes and returns nothing", name, e.Type)
}
