package daemon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"
	"weak"

	"levee/graph"
	"levee/graph/value"
	"levee/nodes"
	"levee/runtime"
	"levee/watch"
)

// What is read of what people drop.
const maxModule = 32 << 20

// Workflow is a workflow file that was read and checked, with the modules it named at that moment.
type Workflow struct {
	Path   string // absolute
	Dir    string // its folder: what all its paths are relative to
	Source []byte
	Graph  *graph.Graph
	Grants Grants
	Denied error // *DeniedError when it asks for more than the ceiling allows, *DeviceError when the machine lacks a device

	ID    [32]byte        // over the source and the modules: equal IDs behave equally
	Files map[string]bool // the modules and workflows beside it that it uses, and theirs, by path relative to Dir

	zone    *time.Location               // of its times
	modules map[[32]byte]*runtime.Module // as the engine takes them, by hash
	placed  map[*graph.Node]string       // the device of each node that does not run on the processors
	foreign *graph.File                  // of a file of another system, for Import
	mapped  map[string]string            // what --map said: a run goes on with the same, also in workflows that are nodes
	height  int                          // how far down workflows are nodes in it
	asks    bool                         // it, or one of these, has a node that asks a person

	sites func() map[string]*graph.Node // the nodes of Graph by site, and its edges: made when they are asked for
	edges func() *edgeTable
}

func (w *Workflow) setGraph(g *graph.Graph) {
	w.Graph = g
	w.edges = sync.OnceValue(func() *edgeTable { return newEdgeTable(g) })
	w.sites = sync.OnceValue(func() map[string]*graph.Node {
		sites := make(map[string]*graph.Node)
		g.Walk(func(n *graph.Node) { sites[n.Site] = n })
		return sites
	})
}

// Import writes a workflow of another system in our own format. It behaves alike: it is the very tree that was checked.
func (w *Workflow) Import() ([]byte, error) {
	if w.foreign == nil {
		return nil, fmt.Errorf("%s is a workflow of levee's own format already", filepath.Base(w.Path))
	}
	return w.foreign.Import()
}

// Input finds an input by its name, or by the one that it has in a file of another system.
func (w *Workflow) Input(name string) (*value.Port, bool) {
	if ours, ok := w.Graph.Aliases[name]; ok {
		name = ours
	}
	ports := value.Signature{Inputs: w.Graph.Inputs}
	return ports.Input(name)
}

// Checker loads workflows and checks them against the modules they name. It runs nothing.
type Checker struct {
	cfg      Config
	registry *nodes.Registry
	devices  *devices
	modules  moduleTable
}

// NewChecker is for looking at workflows without a daemon.
func NewChecker(cfg Config) (*Checker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	registry, err := nodes.New(cfg.NodeDirs...)
	return &Checker{cfg: cfg, registry: registry, devices: newDevices(cfg.Devices)}, err
}

// LoadFile reads and checks a workflow anywhere; ceilings are relative to its own folder. The error is graph.Problems when
// the file is wrong.
func (c *Checker) LoadFile(name string) (*Workflow, error) {
	return c.load(name, func(dir *watch.Dir) ([]byte, error) { return dir.ReadFile(filepath.Base(name), graph.MaxFileSize) })
}

// LoadText checks a workflow that came some other way than in a file: a RunJobRequest of nodetool, or any other form. What it
// names lies in the folder of name, which need not be there itself.
func (c *Checker) LoadText(name string, source []byte) (*Workflow, error) {
	return c.load(name, func(*watch.Dir) ([]byte, error) { return source, nil })
}

func (c *Checker) load(name string, read func(dir *watch.Dir) ([]byte, error)) (*Workflow, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	dir, err := c.openDir(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	source, err := read(dir)
	if err != nil {
		return nil, err
	}
	return c.check(name, source, dir, ".")
}

func (c *Checker) openDir(path string) (*watch.Dir, error) {
	dir, err := watch.OpenDir(path)
	if err == nil {
		dir.AllowShared = c.cfg.SharedFiles
	}
	return dir, err
}

// openFlow reads a workflow file below a folder, and opens the folder in which it lies.
func openFlow(dir *watch.Dir, rel string) (*watch.Dir, []byte, error) {
	sub, err := dir.Sub(path.Dir(rel))
	if err != nil {
		return nil, nil, err
	}
	source, err := sub.ReadFile(path.Base(rel), graph.MaxFileSize)
	if err != nil {
		sub.Close()
		return nil, nil, err
	}
	return sub, source, nil
}

// check makes a workflow of the text of a file. dir is the file's folder, base that folder's path relative to what ceilings
// are relative to.
func (c *Checker) check(name string, source []byte, dir *watch.Dir, base string) (*Workflow, error) {
	in := nest{rel: filepath.Base(name), known: make(map[string]nested), mapped: c.cfg.Map}
	return c.checkNested(name, source, dir, base, in)
}

func (c *Checker) checkNested(name string, source []byte, dir *watch.Dir, base string, in nest) (*Workflow, error) {
	w := &Workflow{Path: name, Dir: filepath.Dir(name), Source: source, Files: make(map[string]bool), modules: make(map[[32]byte]*runtime.Module)}
	source = graph.Redact(source) // nobody needs a sender's tokens in the history
	w.Source, w.mapped = source, in.mapped
	file, _ := graph.Parse(in.rel, source)
	if file.Map = in.mapped; file.Foreign != "" {
		w.foreign = file
	}
	id := sha256.New()
	fmt.Fprintf(id, "%d\x00", len(source))
	id.Write(source)
	resolve := c.registry.Resolver(func(rel string) ([]byte, error) {
		w.Files[rel] = true
		content, err := dir.ReadFile(rel, maxModule)
		if err == nil && path.Ext(rel) == ".wasm" { // the engine's word comes first, it is the stricter and has codes
			err = w.take(&c.modules, rel, sha256.Sum256(content), content)
		}
		return content, err
	})
	g, problems := graph.Check(file, func(uses string) (*graph.Type, error) {
		if graph.IsWorkflow(uses) {
			return c.flowType(w, uses, dir, base, in, id)
		}
		t, err := resolve(uses)
		if err != nil {
			return nil, err
		}
		id.Write(t.Module.Hash[:])
		w.asks = w.asks || nodeType{t}.wantsTo(nodes.WantAnswer)
		if err := w.take(&c.modules, t.Module.Name, t.Module.Hash, t.Module.Wasm); err != nil {
			return nil, err
		}
		if err := w.modules[t.Module.Hash].Offers(t.Export); err != nil {
			return nil, err
		}
		return &graph.Type{Name: t.FullName, Signature: t.Signature, Devices: t.Devices, Handle: t}, nil
	})
	if g != nil {
		problems = append(problems, ungranted(file, g)...)
		problems = append(problems, beyond(file, g)...)
		problems = append(problems, selfTriggered(file, g)...)
		problems = append(problems, w.unknownZone(file, g)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	id.Sum(w.ID[:0])
	w.setGraph(g)
	if w.Grants, w.Denied = grants(g, c.cfg.Ceiling, base); w.Denied == nil {
		w.placed, w.Denied = c.devices.place(g, w.Grants)
	}
	w.Denied = deniedBelow(g, w.Denied)
	return w, nil
}

// ungranted finds the nodes that want files of a workflow that allows none.
func ungranted(file *graph.File, g *graph.Graph) (problems graph.Problems) {
	g.Walk(func(n *graph.Node) {
		t, ok := handle(n)
		if !ok {
			return
		}
		for _, want := range []struct {
			wants bool
			verb  string
			dirs  []string
		}{{t.reads(), "read", g.Allow.Read}, {t.writes(), "write", g.Allow.Write}} {
			if want.wants && len(want.dirs) == 0 {
				problems = append(problems, file.Problem(n.Pos, "grant",
					"%s wants to %s files: add allow: { %s: [FOLDER] } to the workflow", t.FullName, want.verb, want.verb))
			}
		}
	})
	return problems
}

// selfTriggered finds triggers that only the workflow's own files could match: these never start it, see triggeredBy.
func selfTriggered(file *graph.File, g *graph.Graph) (problems graph.Problems) {
	if g.Trigger == nil {
		return nil
	}
	for _, glob := range g.Trigger.Files {
		if dir := globDir(glob); within(dir, g.Allow.Write) {
			problems = append(problems, file.Problem(g.Trigger.Pos, "trigger",
				"%q lies in a folder that the workflow may write (allow.write: %q): it would start itself for ever; write to another folder", glob, g.Allow.Write))
		}
	}
	return problems
}

// triggeredBy reports whether a file, relative to the workflow's folder, matches its trigger. What lies in folders that the
// workflow writes does not count, or a glob like **/*.jpg would feed it with its own results.
func (w *Workflow) triggeredBy(rel string) bool {
	return !within(rel, w.Graph.Allow.Write) &&
		slices.ContainsFunc(w.Graph.Trigger.Files, func(glob string) bool { return watch.Match(glob, rel) })
}

// nodeType is a node type as the daemon asks about it.
type nodeType struct{ *nodes.NodeType }

func handle(n *graph.Node) (nodeType, bool) {
	if n.Type == nil {
		return nodeType{}, false
	}
	t, ok := n.Type.Handle.(*nodes.NodeType)
	return nodeType{t}, ok
}

func (t nodeType) reads() bool  { return t.wantsTo(nodes.WantRead) }
func (t nodeType) writes() bool { return t.wantsTo(nodes.WantWrite) }
func (t nodeType) files() bool  { return t.reads() || t.writes() }

func (t nodeType) wantsTo(what string) bool { return slices.Contains(t.Wants, what) }

// moduleWants reports whether any node type of the module wants something.
func (t nodeType) moduleWants(what string) bool {
	for i := range t.Module.Manifest.Nodes {
		if slices.Contains(t.Module.Manifest.Nodes[i].Wants, what) {
			return true
		}
	}
	return false
}

// Problems returns what is wrong in a workflow file when that is what err says.
func Problems(err error) (graph.Problems, bool) {
	var ps graph.Problems
	ok := errors.As(err, &ps)
	return ps, ok
}

// take adds the engine's form of a module to those of the workflow.
func (w *Workflow) take(t *moduleTable, name string, hash [32]byte, wasm []byte) error {
	if w.modules[hash] != nil {
		return nil
	}
	m, err := t.checked(name, hash, wasm)
	if err == nil {
		w.modules[hash] = m
	}
	return err
}

// CheckModule refuses a module that no workflow could use: it imports what levee does not have, or a function of its manifest cannot be
// called.
func CheckModule(f *nodes.ModuleFile) error {
	m, err := runtime.NewModule(f.Name, f.Wasm, nodeExtension)
	for i := range f.Manifest.Nodes {
		if err == nil {
			err = m.Offers(f.Manifest.Nodes[i].Export)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.File, err)
	}
	return nil
}

// moduleTable finds the engine's form of modules by hash, so that one that many workflows use is looked at and held once. It
// keeps none alive: on a box that runs for years modules come and go.
type moduleTable struct {
	mu   sync.Mutex
	seen map[[32]byte]weak.Pointer[runtime.Module] // guarded by mu
}

func (t *moduleTable) checked(name string, hash [32]byte, wasm []byte) (*runtime.Module, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.seen[hash].Value(); m != nil {
		return m, nil
	}
	m, err := runtime.NewModule(name, wasm, nodeExtension)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(t.seen, func(_ [32]byte, p weak.Pointer[runtime.Module]) bool { return p.Value() == nil })
	if t.seen == nil {
		t.seen = make(map[[32]byte]weak.Pointer[runtime.Module])
	}
	t.seen[hash] = weak.Make(m)
	return m, nil
}
