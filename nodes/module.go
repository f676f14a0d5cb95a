package nodes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"levee/graph/value"
)

// ModuleFile is one module: its bytes and what it offers.
type ModuleFile struct {
	Name     string   // the manifest's name
	Version  string   // the manifest's version
	File     string   // where it came from, for messages: a path, or "core: text.wasm"
	Hash     [32]byte // SHA-256 of Wasm: the module's identity
	Wasm     []byte   // the whole file; must not be changed
	Manifest *Manifest
}

// NodeType is a node type that a workflow can use.
type NodeType struct {
	Node
	FullName string // pack/type
	Module   *ModuleFile
}

// reference is the uses: text that names exactly this node type of exactly this module.
func (t *NodeType) reference() string {
	return t.FullName + "@sha256:" + hex.EncodeToString(t.Module.Hash[:])
}

// ReadModule reads a module file's manifest, holds it against what the module imports and exports, and narrows it by the
// sidecar, if any. A module without a manifest is a WASI program with one node type named run. file is its name, for messages
// and for the name of a module without a manifest.
func ReadModule(file string, wasm, sidecar []byte) (*ModuleFile, error) {
	m, err := readModuleManifest(file, wasm)
	if err == nil && sidecar != nil {
		m, err = m.narrow(sidecar)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %v", file, err)
	}
	return &ModuleFile{Name: m.Name, Version: m.Version, File: file, Hash: sha256.Sum256(wasm), Wasm: wasm, Manifest: m}, nil
}

func readModuleManifest(file string, wasm []byte) (*Manifest, error) {
	doc, err := readManifestSection(bytes.NewReader(wasm), int64(len(wasm)))
	if err != nil {
		return nil, err
	}
	f, err := readFacts(wasm)
	if err != nil {
		return nil, err
	}
	if doc == nil {
		return implicit(f, fileName(file))
	}
	m, err := ParseManifest(doc)
	if err == nil {
		err = m.fits(f)
	}
	return m, err
}

// fileName makes a manifest's name of a file's: my Tool.wasm becomes my-tool.
func fileName(file string) string {
	base := strings.ToLower(strings.TrimSuffix(path.Base(file), ".wasm"))
	name := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, base)
	if !nameForm.MatchString(name) {
		return "module"
	}
	return name
}

// node returns the node type of that name; "" when there is only one.
func (f *ModuleFile) node(uses, name string) (*NodeType, error) {
	if name == "" && len(f.Manifest.Nodes) == 1 {
		return f.types()[0], nil
	}
	names := make([]string, len(f.Manifest.Nodes))
	for i, t := range f.types() {
		if t.Name == name {
			return t, nil
		}
		names[i] = t.Name
	}
	if len(names) == 0 {
		return nil, &ResolveError{Uses: uses, Detail: f.File + " offers no node types: its sidecar takes all of them away"}
	}
	if name == "" {
		return nil, &ResolveError{Uses: uses, Detail: fmt.Sprintf("%s has %d node types", f.File, len(names)), Hint: "say which behind #: " + some(names)}
	}
	hint := "it has " + some(names)
	if near := value.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return nil, &ResolveError{Uses: uses, Detail: fmt.Sprintf("%s has no node type %s", f.File, name), Hint: hint}
}

func (f *ModuleFile) types() []*NodeType {
	out := make([]*NodeType, len(f.Manifest.Nodes))
	for i, n := range f.Manifest.Nodes {
		out[i] = &NodeType{Node: n, FullName: f.Name + "/" + n.Name, Module: f}
	}
	return out
}

func some(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
