package daemon

import (
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"levee/graph"
	"levee/graph/value"
	"levee/nodes"
	"levee/watch"
)

// A workflow is a node of another one by uses: ./other.flow.yaml. It is read and checked with the workflow that uses it, so that an
// edit of it is an edit of that one too; what it may do lies within what that one may.

// How far workflows may be nodes of workflows, and how many files one workflow may be made of: they come from strangers.
const (
	maxNesting = 16
	maxFlows   = 256
)

// nest is how a file comes to be checked: as itself, or as the node of others.
type nest struct {
	rel    string   // its path from the folder of the outermost workflow
	chain  []string // those of the workflows around it, the outermost first
	known  map[string]nested
	mapped map[string]string // modules for types of foreign files
}

type nested struct {
	flow *Workflow
	err  error
}

// enter is the nest of a file that the file of in uses. The error tells of recursion, or of too much of it.
func (in nest) enter(uses string) (nest, error) {
	chain := append(slices.Clone(in.chain), in.rel)
	inner := nest{rel: path.Join(path.Dir(in.rel), uses), chain: chain, known: in.known, mapped: in.mapped}
	switch i := slices.Index(chain, inner.rel); {
	case i >= 0:
		return inner, fmt.Errorf("%s: a workflow cannot be a node of itself: %s", uses, strings.Join(append(chain[i:], inner.rel), " -> "))
	case len(in.known) >= maxFlows:
		return inner, fmt.Errorf("%s: more than %d workflows in one", uses, maxFlows)
	}
	return inner, nil
}

// subflow is the workflow that a node is.
func subflow(n *graph.Node) (*Workflow, bool) {
	if n.Type == nil {
		return nil, false
	}
	w, ok := n.Type.Handle.(*Workflow)
	return w, ok
}

// flowType makes a node type of the workflow that w uses.
func (c *Checker) flowType(w *Workflow, uses string, dir *watch.Dir, base string, in nest, id hash.Hash) (*graph.Type, error) {
	rel := strings.TrimPrefix(uses, "./")
	inner, err := in.enter(rel)
	if err != nil {
		return nil, err
	}
	w.Files[rel] = true
	child, err := c.subflow(filepath.Join(w.Dir, filepath.FromSlash(rel)), rel, dir, path.Join(base, path.Dir(rel)), inner)
	if errors.Is(err, fs.ErrNotExist) {
		err = &nodes.ResolveError{Uses: uses, Detail: "there is no file " + rel + " beside the workflow"}
	}
	if err != nil {
		return nil, err
	}
	if w.height = max(w.height, child.height+1); len(in.chain)+1+child.height >= maxNesting {
		return nil, fmt.Errorf("%s: workflows are nodes of each other %d deep, at most %d", uses, len(in.chain)+2+child.height, maxNesting)
	}
	if pos := child.Graph.TriggerUse; pos != (graph.Pos{}) {
		return nil, fmt.Errorf("%s: %s:%d:%d reads its trigger, which it has as a run of its own only: make it an input", uses, inner.rel, pos.Line, pos.Col)
	}
	for file := range child.Files {
		w.Files[path.Join(path.Dir(rel), file)] = true
	}
	w.asks = w.asks || child.asks
	id.Write(child.ID[:])
	return &graph.Type{Name: uses, Signature: signatureOf(child.Graph), Handle: child}, nil
}

// subflow reads and checks a file once, however many nodes it is.
func (c *Checker) subflow(name, rel string, dir *watch.Dir, base string, in nest) (*Workflow, error) {
	if k, ok := in.known[in.rel]; ok {
		return k.flow, k.err
	}
	flow, err := func() (*Workflow, error) {
		sub, source, err := openFlow(dir, rel)
		if err != nil {
			return nil, err
		}
		defer sub.Close()
		return c.checkNested(name, source, sub, base, in)
	}()
	in.known[in.rel] = nested{flow, err}
	return flow, err
}

// signatureOf are a workflow's ports as a node: its inputs and its outputs. An output that a run may end without is optional.
func signatureOf(g *graph.Graph) (s value.Signature) {
	s.Inputs = g.Inputs
	for i, sure := range g.Sure() {
		o := &g.Outputs[i]
		s.Outputs = append(s.Outputs, value.Port{Name: o.Name, Type: o.From.Type, Optional: !sure})
	}
	return s
}

// beyond finds what workflows that are nodes may do and the one that uses them may not, and says which line is missing.
func beyond(file *graph.File, g *graph.Graph) (problems graph.Problems) {
	g.Walk(func(n *graph.Node) {
		child, ok := subflow(n)
		if !ok {
			return
		}
		folder := path.Dir(strings.TrimPrefix(n.Uses, "./"))
		for _, want := range []struct {
			verb       string
			asks, have []string
		}{{"read", child.Graph.Allow.Read, g.Allow.Read}, {"write", child.Graph.Allow.Write, g.Allow.Write}} {
			for _, d := range want.asks {
				if d = path.Join(folder, d); !within(d, want.have) {
					problems = append(problems, file.Problem(n.Pos, "grant",
						"%s wants to %s %s: add allow: { %s: [%s] } to the workflow", n.Uses, want.verb, d, want.verb, d))
				}
			}
		}
		for _, used := range slices.Sorted(maps.Keys(child.Files)) {
			if used = path.Join(folder, used); within(used, g.Allow.Write) {
				problems = append(problems, file.Problem(n.Pos, "path",
					"%s uses %s, which is in a folder of allow.write, so that a node could change it", n.Uses, used))
			}
		}
	})
	return problems
}

// deniedBelow adds what workflows that are nodes are denied to what the one around them is.
func deniedBelow(g *graph.Graph, denied error) error {
	var grants DeniedError
	var devices DeviceError
	add := func(err error, where string) {
		var g *DeniedError
		var d *DeviceError
		if errors.As(err, &g) {
			for _, w := range g.Wants {
				grants.Wants = append(grants.Wants, w+where)
			}
		}
		if errors.As(err, &d) {
			for _, n := range d.Needs {
				devices.Needs = append(devices.Needs, n+where)
			}
		}
	}
	add(denied, "")
	seen := map[*Workflow]bool{}
	g.Walk(func(n *graph.Node) {
		if child, ok := subflow(n); ok && !seen[child] {
			seen[child] = true
			add(child.Denied, " (in "+n.Uses+")")
		}
	})
	switch {
	case len(grants.Wants) > 0:
		return &grants
	case len(devices.Needs) > 0:
		return &devices
	}
	return nil
}
