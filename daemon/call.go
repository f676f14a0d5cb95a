package daemon

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"levee/graph/value"
	"levee/nodes"
)

// CallError says that what a single node was given does not fit it.
type CallError struct{ Node, Reason, See string }

func (e *CallError) Error() string {
	return fmt.Sprintf("%s %s (see levee nodes %s)", e.Node, e.Reason, e.See)
}

// SingleNode is a workflow of one node with these of its inputs given by the run; paths are relative to the working folder.
// The types are for ports that take anything.
func (c *Checker) SingleNode(uses string, inputs map[string]value.Type) (*Workflow, error) {
	wd, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	if strings.Contains(uses, ".wasm") && !strings.HasPrefix(uses, "./") && !filepath.IsAbs(uses) {
		uses = "./" + uses
	}
	dir, err := c.openDir(wd)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	t, err := c.registry.Resolve(uses, func(rel string) ([]byte, error) { return dir.ReadFile(rel, maxModule) })
	if err != nil {
		return nil, err
	}
	m, err := c.modules.checked(t.Module.Name, t.Module.Hash, t.Module.Wasm)
	if err == nil {
		err = m.Offers(t.Export)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Module.File, err)
	}
	doc, err := c.callOf(t, uses, inputs)
	if err != nil {
		return nil, err
	}
	source, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	// The type is in the name, so that why compares calls of one type with each other.
	return c.check(filepath.Join(wd, strings.ReplaceAll(t.FullName, "/", "-")+".flow.json"), source, dir, ".")
}

// callOf is the workflow of one node as a document.
func (c *Checker) callOf(t *nodes.NodeType, uses string, inputs map[string]value.Type) (map[string]any, error) {
	types, wires := map[string]any{}, map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		typ := inputs[name]
		p, ok := t.Input(name)
		if !ok {
			return nil, &CallError{Node: t.FullName, Reason: fmt.Sprintf("has no input %q", name), See: uses}
		}
		if !p.Type.IsVar() {
			typ = p.Type.Subst(nil)
		}
		types[name] = map[string]any{"type": typ}
		wires[name] = "inputs." + name
	}
	for _, p := range t.Inputs {
		if _, given := inputs[p.Name]; !given && p.Required() {
			return nil, &CallError{Node: t.FullName, Reason: fmt.Sprintf("needs a value for %s (%s): --in %s=VALUE or --in %s=@FILE", p.Name, p.Type, p.Name, p.Name), See: uses}
		}
	}
	allow, outputs := map[string]any{}, map[string]any{}
	if slices.Contains(t.Wants, nodes.WantRead) {
		allow["read"] = []string{"."}
	}
	if slices.Contains(t.Wants, nodes.WantWrite) {
		if within(".", c.cfg.Ceiling.Write) {
			return nil, &CallError{Node: t.FullName, Reason: "writes files: say into which folder with --allow-write", See: uses}
		}
		allow["write"] = c.cfg.Ceiling.Write
	}
	for _, p := range t.Outputs {
		outputs[p.Name] = "node." + p.Name
	}
	return map[string]any{
		"levee": 1, "name": t.FullName, "inputs": types, "allow": allow, "outputs": outputs,
		"nodes": map[string]any{"node": map[string]any{"uses": uses, "in": wires}},
	}, nil
}
