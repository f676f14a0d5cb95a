// Package nodes knows what node types there are: it reads the manifests of modules without compiling them, finds the module
// that a workflow's uses: means, and holds the core nodes and the SDKs for writing one's own.
package nodes

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"levee/graph/value"
)

// Registry finds node types. It is safe for use by several goroutines.
type Registry struct{ folders []*folder }

// New returns a registry of the modules in these directories, which the operator registered, and of the core pack. Of two
// modules with one name and version the one in the earlier directory counts, and every directory comes before the core pack.
func New(dirs ...string) (*Registry, error) {
	r := &Registry{}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("modules of %s: not a directory", dir)
		}
		r.folders = append(r.folders, &folder{label: dir, fsys: os.DirFS(dir)})
	}
	r.folders = append(r.folders, &folder{label: "core", fsys: coreModules(), fixed: true})
	return r, nil
}

// Resolve finds the node type that a uses: text means. read returns the content of a file beside the workflow, by its
// relative slash path, and an error that is fs.ErrNotExist when there is none; it is the caller's safe reader. Errors for the
// workflow's author are *ResolveError.
func (r *Registry) Resolve(uses string, read func(path string) ([]byte, error)) (*NodeType, error) {
	ref, err := parseUses(uses)
	if err != nil {
		return nil, err
	}
	switch {
	case ref.path != "":
		m, err := readBeside(uses, ref.path, read)
		if err != nil {
			return nil, err
		}
		return m.node(uses, ref.node)
	case ref.hash != nil:
		return r.byHash(uses, ref)
	}
	return r.byName(uses, ref)
}

// Resolver is Resolve for one check of one workflow: it remembers, so that the same text always means the same module although
// files change meanwhile, and a module that thousands of nodes use is read once. It is for one goroutine.
func (r *Registry) Resolver(read func(path string) ([]byte, error)) func(uses string) (*NodeType, error) {
	type answer struct {
		t   *NodeType
		err error
	}
	known := map[string]answer{}
	return func(uses string) (*NodeType, error) {
		a, ok := known[uses]
		if !ok {
			a.t, a.err = r.Resolve(uses, read)
			known[uses] = a
		}
		return a.t, a.err
	}
}

func readBeside(uses, file string, read func(path string) ([]byte, error)) (*ModuleFile, error) {
	if read == nil {
		return nil, &ResolveError{Uses: uses, Detail: "no files can be read here"}
	}
	wasm, err := read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ResolveError{Uses: uses, Detail: "there is no file " + file + " beside the workflow"}
	}
	if err != nil {
		return nil, &ResolveError{Uses: uses, Detail: err.Error()}
	}
	sidecar, err := read(file + ".json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &ResolveError{Uses: uses, Detail: file + ".json: " + err.Error()}
	}
	switch {
	case err != nil:
		sidecar = nil
	case sidecar == nil:
		sidecar = []byte{} // an empty sidecar is a mistake, not none
	}
	m, err := ReadModule(file, wasm, sidecar)
	if err != nil {
		return nil, &ResolveError{Uses: uses, Detail: err.Error()}
	}
	return m, nil
}

func (r *Registry) byHash(uses string, ref reference) (*NodeType, error) {
	for _, d := range r.folders {
		m, err := d.withHash(*ref.hash)
		switch {
		case err != nil:
			return nil, &ResolveError{Uses: uses, Detail: err.Error()}
		case m == nil:
		case ref.pack != "" && ref.pack != m.Name:
			return nil, &ResolveError{Uses: uses, Detail: fmt.Sprintf("the module with this hash, %s, is named %s", m.File, m.Name)}
		default:
			return m.node(uses, ref.node)
		}
	}
	return nil, &ResolveError{Uses: uses, Detail: "no module with the hash " + hex.EncodeToString(ref.hash[:8]) + "... is registered"}
}

// candidate is a module that a name may mean.
type candidate struct {
	from *folder
	rank int // of the folder: lower ones come first
	entry
}

// byName takes the highest version in all folders that answers the reference and offers the node type.
func (r *Registry) byName(uses string, ref reference) (*NodeType, error) {
	all, broken, err := r.candidates(ref.pack)
	if err != nil {
		return nil, &ResolveError{Uses: uses, Detail: err.Error()}
	}
	pack := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.name != ref.pack })
	fits := slices.DeleteFunc(slices.Clone(pack), func(c candidate) bool { return !c.version.answers(ref.version) })
	switch {
	case len(pack) == 0 || (ref.node == "" && len(fits) > 0):
		return nil, r.unknown(uses, ref, broken)
	case len(fits) == 0:
		have := make([]string, len(pack))
		for i, c := range pack {
			have[i] = c.version.raw
		}
		return nil, &ResolveError{Uses: uses, Detail: fmt.Sprintf("no version %s of %s is registered", cmp.Or(ref.version, "that is released"), ref.pack), Hint: "there is " + some(slices.Compact(have))}
	}
	return r.pick(uses, ref, fits, broken)
}

// pick takes the first of fits that offers the node type, unless a different module of the same folder, name and version does
// too.
func (r *Registry) pick(uses string, ref reference, fits []candidate, broken []error) (*NodeType, error) {
	var t *NodeType
	var best candidate
	for _, c := range fits {
		if t != nil && (c.rank != best.rank || c.version.compare(best.version) != 0) {
			break
		}
		m, err := c.from.load(c.entry)
		if err != nil {
			return nil, &ResolveError{Uses: uses, Detail: err.Error()}
		}
		other, err := m.node(uses, ref.node)
		switch {
		case err != nil:
		case t == nil:
			t, best = other, c
		case other.Module.Hash != t.Module.Hash:
			return nil, &ResolveError{Uses: uses, Detail: fmt.Sprintf("%s and %s are both %s %s", t.Module.File, m.File, m.Name, m.Version), Hint: "name one by its hash: " + t.reference()}
		}
	}
	if t == nil {
		return nil, r.unknown(uses, ref, broken)
	}
	return t, nil
}

// candidates returns every readable module that may be named pack, all if pack is "": the highest version first, then by folder;
// and the errors of those that cannot be read.
func (r *Registry) candidates(pack string) (all []candidate, broken []error, err error) {
	for rank, d := range r.folders {
		list, err := d.entries(pack)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range list {
			if e.err != nil {
				broken = append(broken, e.err)
				continue
			}
			all = append(all, candidate{from: d, rank: rank, entry: e})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(strings.Compare(a.name, b.name), b.version.compare(a.version), cmp.Compare(a.rank, b.rank))
	})
	return all, broken, nil
}

// unknown explains a name that nothing answers, with the nearest one that something does.
func (r *Registry) unknown(uses string, ref reference, broken []error) error {
	types, _ := r.List()
	full := ref.pack
	if ref.node != "" {
		full += "/" + ref.node
	}
	var names, packs, alike []string // alike: those of this name in other packs
	for _, t := range types {
		names, packs = append(names, t.FullName), append(packs, t.Module.Name)
		if t.Name == cmp.Or(ref.node, ref.pack) {
			alike = append(alike, t.FullName)
		}
	}
	pack := ref.pack
	if !slices.Contains(packs, pack) {
		pack = value.Nearest(pack, packs)
	}
	e := &ResolveError{Uses: uses, Detail: "no node type " + full + " is known"}
	switch near := value.Nearest(full, names); {
	case near != "":
		e.Hint = "did you mean " + near + "?"
	case len(alike) > 0:
		e.Hint = "did you mean " + alike[0] + "?"
	case pack != "":
		e.Hint = "`levee nodes " + pack + "` lists those of the pack " + pack
	case len(broken) > 0:
		e.Hint = "a registered module cannot be read: " + broken[0].Error()
	default:
		e.Hint = "`levee nodes` lists those that are"
	}
	return e
}

// List returns every node type of every registered module, by full name, the highest version first, and an error for each
// module that cannot be used.
func (r *Registry) List() (types []*NodeType, broken []error) {
	all, broken, err := r.candidates("")
	if err != nil {
		return nil, append(broken, err)
	}
	for _, c := range all {
		m, err := c.from.load(c.entry)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		types = append(types, m.types()...)
	}
	slices.SortStableFunc(types, func(a, b *NodeType) int { return strings.Compare(a.FullName, b.FullName) })
	return types, broken
}
