package nodes

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"levee/graph/value"
)

// hostModule is the name under which a module imports the host functions of the node ABI.
const hostModule = "levee_v1"

// tensorModule is the name of those for tensors and graphs, which run on a GPU where there is one.
const tensorModule = "levee_gpu_v1"

// facts is what a module's binary itself says: the functions it exports and what it imports of files. Manifests are
// held against it.
type facts struct {
	funcs   map[string]bool // exported functions
	memory  bool            // exports a memory named memory
	wanting []string        // the functions imported from hostModule that a manifest must state a want for
	items   bool            // imports output_item
	tensors bool            // imports from tensorModule
}

// maxExports bounds what a module makes us remember; the engine's preflight takes no more either.
const maxExports = 10_000

// wantOf maps host functions to the want that a manifest must state for them.
var wantOf = map[string]string{
	"file_read": WantRead, "file_list": WantRead,
	"file_write": WantWrite, "file_write_input": WantWrite,
}

// readFacts decodes the import and export sections and nothing else. A module that is otherwise broken passes here and is
// refused by the engine's preflight.
func readFacts(wasm []byte) (*facts, error) {
	f := &facts{funcs: map[string]bool{}}
	err := sections(bytes.NewReader(wasm), int64(len(wasm)), func(s section) error {
		c := &cursor{b: wasm[s.body:s.end]}
		switch s.id {
		case sectionImport:
			f.readImports(c)
		case sectionExport:
			if err := f.readExports(c); err != nil {
				return err
			}
		default:
			return nil
		}
		if c.short || len(c.b) > 0 {
			return fmt.Errorf("section %d at byte %d cannot be read", s.id, s.start)
		}
		return nil
	})
	return f, err
}

func (f *facts) readImports(c *cursor) {
	for n := c.uleb(); n > 0 && !c.short; n-- {
		module, name := c.name(), c.name()
		f.tensors = f.tensors || string(module) == tensorModule
		if string(module) == hostModule && string(name) == "output_item" {
			f.items = true
		}
		if string(module) == hostModule && wantOf[string(name)] != "" && !slices.Contains(f.wanting, string(name)) {
			f.wanting = append(f.wanting, string(name))
		}
		switch kind := c.byte(); kind {
		case 0: // function: its type's index
			c.uleb()
		case 1: // table: element type, limits
			c.byte()
			c.limits()
		case 2: // memory
			c.limits()
		case 3: // global: type, mutability
			c.byte()
			c.byte()
		case 4: // tag: attribute, its type's index
			c.byte()
			c.uleb()
		default:
			c.short = true
		}
	}
}

func (f *facts) readExports(c *cursor) error {
	for n := c.uleb(); n > 0 && !c.short; n-- {
		name, kind := c.name(), c.byte()
		c.uleb()
		switch {
		case len(f.funcs) == maxExports:
			return fmt.Errorf("more than %d exports", maxExports)
		case kind == 0 && len(name) <= maxExport:
			f.funcs[string(name)] = true
		case kind == 2 && string(name) == "memory":
			f.memory = true
		}
	}
	return nil
}

// fits reports what a manifest claims and the module does not have.
func (m *Manifest) fits(f *facts) error {
	var errs problems
	wants, gpu, streams := map[string]bool{}, false, false
	for i := range m.Nodes {
		n := &m.Nodes[i]
		at := fmt.Sprintf("manifest.nodes[%d] (%s)", i, n.Name)
		if !f.funcs[n.Export] {
			errs.add(at+".export", "the module exports no function %q", n.Export)
		}
		if n.ABI == Reactor && !f.memory {
			errs.add(at, "the module exports no memory named \"memory\"")
		}
		for _, w := range n.Wants {
			wants[w] = true
		}
		gpu = gpu || slices.Contains(n.Devices, "gpu")
		streams = streams || slices.ContainsFunc(n.Outputs, func(p value.Port) bool { return p.Stream })
	}
	for _, name := range f.wanting {
		if w := wantOf[name]; !wants[w] {
			errs.add("manifest", "the module imports %s.%s, but no node type states %q in its wants", hostModule, name, w)
		}
	}
	if f.tensors && !gpu {
		errs.add("manifest", "the module imports %s, but no node type states \"gpu\" in its devices (write [\"gpu\", \"cpu\"]: without a GPU its graphs run on the processors)", tensorModule)
	}
	switch {
	case f.items && !streams:
		errs.add("manifest", "the module imports %s.output_item, but no output of a node type states \"stream\": true", hostModule)
	case streams && !f.items:
		errs.add("manifest", "an output states \"stream\": true, but the module does not import %s.output_item", hostModule)
	}
	return errs.err()
}

// runs refuses a program of which only other functions are nodes: what compilers make cannot be called before its _start, which ends it.
// Nothing is wrong with one that was written by hand, so modules that are packed already are taken.
func (m *Manifest) runs(f *facts) error {
	begins := func(n Node) bool { return n.Export == "_start" }
	if !f.funcs["_start"] || f.funcs["_initialize"] || slices.ContainsFunc(m.Nodes, begins) {
		return nil
	}
	return errors.New("manifest: the module is a program, whose functions can only be called while it runs: build it as a library (Go: -buildmode=c-shared, C with WASI: -mexec-model=reactor), or state \"abi\": \"stdio\"")
}

// implicit is the manifest of a module that has none: a WASI program.
func implicit(f *facts, name string) (*Manifest, error) {
	if !f.funcs["_start"] {
		return nil, errors.New("the module has no manifest and no _start function: write one and add it with `levee pack`")
	}
	m := &Manifest{Name: name, Version: "0.0.0", Nodes: []Node{stdioNode()}}
	if err := m.fits(f); err != nil {
		return nil, fmt.Errorf("the module has no manifest: %v", err)
	}
	return m, nil
}

// cursor reads a section's body; short is set, and everything further is zero, once it ends early.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.short = true
		return 0
	}
	x := c.b[0]
	c.b = c.b[1:]
	return x
}

func (c *cursor) uleb() uint32 {
	v, width := uleb32(c.b)
	if width == 0 {
		c.short, c.b = true, nil
		return 0
	}
	c.b = c.b[width:]
	return v
}

func (c *cursor) name() []byte {
	n := c.uleb()
	if uint64(n) > uint64(len(c.b)) {
		c.short, c.b = true, nil
		return nil
	}
	s := c.b[:n]
	c.b = c.b[n:]
	return s
}

// limits are a flag byte, a minimum and, when bit 0 of the flag is set, a maximum.
func (c *cursor) limits() {
	flag := c.byte()
	c.skipLEB()
	if flag&1 != 0 {
		c.skipLEB()
	}
}

// skipLEB passes a LEB128 of up to 64 bits.
func (c *cursor) skipLEB() {
	for range 10 {
		if c.byte() < 0x80 {
			return
		}
	}
	c.short = true
}
