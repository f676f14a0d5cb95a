package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/graph/value"
	"levee/nodes"
	"levee/runtime"
	"levee/watch"
)

// The cases of the core nodes and of the SDKs' examples, run by the real registry and engine in sandboxed workers. A case runs
// twice: what it gives must be the same to the bit, or the cache would keep one of two truths.

const nodesDir = "../nodes"

// TestCoreNodes runs the cases of every core pack. A core node type without a case fails it.
func TestCoreNodes(t *testing.T) {
	b := newBench(t)
	packs, err := filepath.Glob(nodesDir + "/core/*/cases.json")
	require.NoError(t, err)
	require.NotEmpty(t, packs)
	for _, file := range packs {
		b.runAll(t, filepath.Dir(file))
	}
	types, broken := b.registry.List()
	require.Empty(t, broken)
	for _, typ := range types {
		if b.cases[typ.FullName] == 0 {
			t.Errorf("%s has no case", typ.FullName)
		}
	}
}

// TestExampleNodes runs the cases of the examples of the SDKs, built anew where they are not kept.
func TestExampleNodes(t *testing.T) {
	b := newBench(t)
	b.runAll(t, nodesDir+"/sdk/c/example")
	b.runAll(t, nodesDir+"/sdk/rust/example")
	t.Run("go", func(t *testing.T) {
		if testing.Short() {
			t.Skip("builds a module with Go's compiler")
		}
		b.runAll(t, buildGoExample(t, "/sdk/go/example", "words"))
		b.runAll(t, buildGoExample(t, "/sdk/go/example/gpu", "curve"))
	})
}

// buildGoExample makes a folder with an example of the Go SDK as a packed module, and its cases.
func buildGoExample(t *testing.T, folder, name string) string {
	src, dir := nodesDir+folder, t.TempDir()
	raw := filepath.Join(t.TempDir(), "raw.wasm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", raw, ".")
	cmd.Dir, cmd.Env = src, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("go build for wasip1 does not work here: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(raw)
	require.NoError(t, err)
	manifest, err := os.ReadFile(filepath.Join(src, name+".json"))
	require.NoError(t, err)
	packed, err := nodes.Pack(wasm, manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), packed, 0o600))
	cases, err := os.ReadFile(filepath.Join(src, "cases.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cases.json"), cases, 0o600))
	return dir
}

// caseBench runs cases, all on one engine.
type caseBench struct {
	registry *nodes.Registry
	engine   *runtime.Engine

	mu      sync.Mutex
	modules map[[32]byte]*runtime.Module // guarded by mu
	cases   map[string]int               // by node type; written before the cases run
	ran     map[string]int               // of these, how many came to their end; guarded by mu
}

func newBench(t *testing.T) *caseBench {
	b := &caseBench{modules: map[[32]byte]*runtime.Module{}, cases: map[string]int{}, ran: map[string]int{}}
	var err error
	b.registry, err = nodes.New()
	require.NoError(t, err)
	b.engine, err = runtime.New(runtime.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() {
		b.report(t)
		require.NoError(t, b.engine.Close())
	})
	return b
}

// report logs how many cases each node type passed: `go test -v -run Nodes ./daemon`.
func (b *caseBench) report(t *testing.T) {
	var names []string
	total := 0
	for name := range b.cases {
		names = append(names, name)
		total += b.ran[name]
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "\n  %3d of %3d  %s", b.ran[name], b.cases[name], name)
	}
	t.Logf("%d cases of %d node types, each run twice; passed:%s", total, len(names), text.String())
}

// runAll runs the cases of a folder as sub-tests; node types with a path are read from the folder.
func (b *caseBench) runAll(t *testing.T, dir string) {
	cases := readCases(t, dir)
	for i, c := range cases {
		typ, err := b.registry.Resolve(c.Node, readIn(dir))
		require.NoError(t, err, c.Node)
		b.cases[typ.FullName]++
		name := fmt.Sprintf("%s/%d", typ.FullName, i)
		if c.Name != "" {
			name += " " + c.Name
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, again := b.run(t, dir, c), b.run(t, dir, c)
			first.check(t, dir, typ, c)
			require.Equal(t, first.digests(), again.digests(), "the second run gave something else")
			b.mu.Lock()
			defer b.mu.Unlock()
			b.ran[typ.FullName]++
		})
	}
}

// caseResult is what one run of a case gave.
type caseResult struct {
	outputs map[string]value.Value
	files   map[string][]byte // those of the folder afterwards
	err     error
}

// digests names everything that a run gave, so that two runs can be compared.
func (r *caseResult) digests() map[string]string {
	names := map[string]string{}
	for port, v := range r.outputs {
		names["output "+port] = string(v.Type) + " " + v.Digest.String()
	}
	for path, data := range r.files {
		names["file "+path] = value.Sum(data).String()
	}
	if r.err != nil {
		names["error"] = r.err.Error()
	}
	return names
}

func (r *caseResult) check(t *testing.T, dir string, typ *nodes.NodeType, c nodeCase) {
	if c.WantError != "" {
		require.ErrorContains(t, r.err, c.WantError)
		return
	}
	require.NoError(t, r.err)
	for port, want := range c.Want {
		_, ok := typ.Output(port)
		require.True(t, ok, "%s has no output %s", c.Node, port)
		checkOutput(t, dir, port, want, r.outputs[port], c.Tolerance)
	}
	for path, want := range c.WantFiles {
		got, ok := r.files[path]
		require.True(t, ok, "no file %s", path)
		require.Equal(t, fileContent(t, dir, want), got, "file %s", path)
	}
}

// run runs a case of the folder src in a fresh folder.
func (b *caseBench) run(t *testing.T, src string, c nodeCase) *caseResult {
	folder := t.TempDir()
	for path, data := range c.Files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, path), fileContent(t, src, data), 0o600))
	}
	dir, err := watch.OpenDir(folder)
	require.NoError(t, err)
	defer dir.Close()
	call := &caseCall{bench: b, dir: dir, src: src}
	r := &caseResult{files: map[string][]byte{}}
	r.outputs, r.err = call.node(t.Context(), c.Node, c.Inputs)
	paths, err := dir.Glob("**", 0)
	require.NoError(t, err)
	for _, path := range paths {
		r.files[path], err = dir.ReadFile(path, maxCaseFile)
		require.NoError(t, err)
	}
	return r
}

const maxCaseFile = 64 << 20

// caseCall is one run of a case: its folder, and the one that it comes from.
type caseCall struct {
	bench *caseBench
	dir   *watch.Dir
	src   string
}

// readIn reads modules with a path, which lie in dir.
func readIn(dir string) func(string) ([]byte, error) {
	return func(rel string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, rel)) }
}

// node runs a node type with these arguments as a workflow would.
func (c *caseCall) node(ctx context.Context, uses string, args map[string]json.RawMessage) (map[string]value.Value, error) {
	typ, err := c.bench.registry.Resolve(uses, readIn(c.src))
	if err != nil {
		return nil, err
	}
	inputs, vars, err := c.inputs(ctx, typ, args)
	if err != nil {
		return nil, err
	}
	module, err := c.bench.module(typ)
	if err != nil {
		return nil, err
	}
	run := &runtime.Call{
		Module: module, Node: typ.FullName, Export: typ.Export, Inputs: inputs, Outputs: len(typ.Outputs), Files: c.files(typ),
	}
	given := make(map[int][][]byte)
	for i, p := range typ.Outputs {
		run.OutputTypes = append(run.OutputTypes, string(p.Type))
		if p.Stream {
			run.Streams = append(run.Streams, i)
		}
	}
	run.Item = func(_ context.Context, port int, item runtime.Output) error {
		v, err := take(typ.Outputs[port].Type.Elem().Subst(vars), item)
		enc, _ := v.Inline()
		given[port] = append(given[port], enc)
		return err
	}
	res, err := c.bench.engine.Run(ctx, run)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	outputs := make(map[string]value.Value, len(typ.Outputs))
	for i, p := range typ.Outputs {
		if !res.Outputs[i].Written && p.Optional {
			continue
		}
		out := res.Outputs[i]
		if p.Stream {
			out.Bytes = value.EncodeList(given[i])
		}
		if outputs[p.Name], err = take(p.Type.Subst(vars), out); err != nil {
			return nil, fmt.Errorf("output %s: %w", p.Name, err)
		}
	}
	return outputs, nil
}

// take makes a value of what a node wrote; it must be canonical, but for JSON, which is rewritten.
func take(t value.Type, out runtime.Output) (value.Value, error) {
	enc := out.Bytes
	if out.File != nil {
		enc = make([]byte, out.Size)
		if _, err := io.ReadFull(io.NewSectionReader(out.File, 0, out.Size), enc); err != nil {
			return value.Value{}, err
		}
	}
	return value.New(context.Background(), t, bytes.Clone(enc))
}

// inputs makes the inputs of a call by port, as the checker of workflows and a run do: the type variables are bound by all
// arguments together, then every argument becomes what its port wants.
func (c *caseCall) inputs(ctx context.Context, typ *nodes.NodeType, args map[string]json.RawMessage) ([]runtime.Input, map[value.Type]value.Type, error) {
	values, vars, given := make([]value.Value, len(typ.Inputs)), map[value.Type]value.Type{}, 0
	for i, p := range typ.Inputs {
		arg, ok := args[p.Name]
		if !ok {
			continue
		}
		given++
		v, err := argument(c.src, arg, p.Type, func(n *otherNode) (value.Value, error) {
			outputs, err := c.node(ctx, n.Node, n.In)
			if err != nil {
				return value.Value{}, err
			}
			if _, ok := outputs[n.Out]; !ok {
				return value.Value{}, fmt.Errorf("%s gave no output %s", n.Node, n.Out)
			}
			return outputs[n.Out], nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("input %s: %w", p.Name, err)
		}
		if !value.Bind(p.Type, v.Type, vars) {
			return nil, nil, fmt.Errorf("input %s wants %s, got %s", p.Name, p.Type, v.Type)
		}
		values[i] = v
	}
	if given < len(args) {
		return nil, nil, fmt.Errorf("%s has fewer inputs than the case names", typ.FullName)
	}
	inputs := make([]runtime.Input, len(values))
	for i := range values {
		var err error
		if inputs[i], err = input(&typ.Inputs[i], values[i], vars); err != nil {
			return nil, nil, fmt.Errorf("input %s: %w", typ.Inputs[i].Name, err)
		}
	}
	return inputs, vars, nil
}

// input is a port's value for the engine: v, else the default, else nothing.
func input(p *value.Port, v value.Value, vars map[value.Type]value.Type) (runtime.Input, error) {
	port := *p
	port.Type = p.Type.Subst(vars)
	if v.IsZero() {
		def, ok, err := port.DefaultValue()
		if err != nil {
			return runtime.Input{}, err
		}
		if !ok && !port.Optional {
			return runtime.Input{}, errors.New("is needed")
		}
		if v = def; !ok {
			return runtime.Input{Absent: true}, nil
		}
	}
	enc, ok := v.Inline()
	if !ok {
		return runtime.Input{}, errors.New("is not at hand")
	}
	if v.Type != port.Type {
		var err error
		if enc, err = value.Convert(context.Background(), v.Type, port.Type, enc); err != nil {
			return runtime.Input{}, err
		}
		if v, err = value.New(context.Background(), port.Type, enc); err != nil {
			return runtime.Input{}, err
		}
	}
	return runtime.Input{Type: string(port.Type), Bytes: enc, Size: int64(len(enc))}, port.CheckRange(v)
}

// files are the file functions that a node type wants, served from the case's folder.
func (c *caseCall) files(typ *nodes.NodeType) *runtime.Files {
	var f runtime.Files
	for i := range typ.Module.Manifest.Nodes {
		wants := typ.Module.Manifest.Nodes[i].Wants
		if slices.Contains(wants, nodes.WantRead) {
			f.Read, f.List = c.readFile, func(_ context.Context, glob string) ([]string, error) { return c.dir.Glob(glob, 0) }
		}
		if slices.Contains(wants, nodes.WantWrite) {
			f.Write = func(_ context.Context, path string, data *os.File, size int64) error {
				return c.dir.WriteFile(path, io.NewSectionReader(data, 0, size), size)
			}
		}
	}
	return &f
}

func (c *caseCall) readFile(_ context.Context, path string) (*os.File, int64, error) {
	f, info, err := c.dir.Open(path, maxCaseFile)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// module is the checked form of a node type's module, made once.
func (b *caseBench) module(typ *nodes.NodeType) (*runtime.Module, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m, ok := b.modules[typ.Module.Hash]; ok {
		return m, nil
	}
	m, err := runtime.NewModule(typ.Module.Name, typ.Module.Wasm, daemon.NodeExtension)
	if err == nil {
		b.modules[typ.Module.Hash] = m
	}
	return m, err
}
