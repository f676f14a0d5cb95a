package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"levee/daemon"
	"levee/graph/value"
)

// detach leaves a run to the process that serves the folder of a workflow.
func (a *app) detach(file string, set, input []string, req daemon.Request) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	c, err := daemon.FindServer(a.drain, cfg, path)
	if err != nil {
		return err
	}
	defer c.Close()
	checker, err := daemon.NewChecker(cfg)
	if err != nil {
		return err
	}
	flow, err := checker.LoadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("there is no %s", file)}
	}
	if err != nil {
		return err
	}
	for _, sites := range [][]string{req.Only, req.From} {
		if err := flow.CheckSites(sites); err != nil {
			return usageError{err}
		}
	}
	q := daemon.RunRequest{Workflow: path, Inputs: make(map[string]json.RawMessage), NoCache: req.NoCache, Only: req.Only, From: req.From}
	for _, arg := range set {
		if err := addInput(q.Inputs, flow, "set", arg); err != nil {
			return err
		}
	}
	for _, arg := range input {
		if err := addInput(q.Inputs, flow, "input", arg); err != nil {
			return err
		}
	}
	got, err := c.Submit(a.drain, q)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(got)
		return nil
	}
	fmt.Fprintln(a.out, got.Run)
	if got.Position > 0 {
		fmt.Fprintf(a.err, "queued, place %d (levee logs -f %s)\n", got.Position, got.Run[:8])
	} else {
		fmt.Fprintf(a.err, "%s (levee logs -f %s)\n", got.Status, got.Run[:8])
	}
	return nil
}

// addInput adds a value to a request, as JSON.
func addInput(inputs map[string]json.RawMessage, flow *daemon.Workflow, flag, arg string) error {
	name, text, ok := strings.Cut(arg, "=")
	if !ok {
		return usageError{fmt.Errorf("--%s %s: wants NAME=VALUE", flag, arg)}
	}
	ports := value.Signature{Inputs: flow.Graph.Inputs}
	if ours, ok := flow.Graph.Aliases[name]; ok {
		name = ours
	}
	port, ok := ports.Input(name)
	if !ok {
		return usageError{fmt.Errorf("--%s %s: the workflow has no input %q%s", flag, arg, name, inputNames(flow))}
	}
	if file, isFile := strings.CutPrefix(text, "@"); isFile && flag == "input" {
		content, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return usageError{fmt.Errorf("--input %s: %w", name, err)}
		}
		text = string(content)
	}
	v, err := value.ParseText(port.Type, text)
	if err != nil {
		return usageError{fmt.Errorf("--%s %s: %w", flag, name, err)}
	}
	enc, _ := v.Inline()
	doc, err := value.ToJSON(v.Type, enc, -1)
	if err != nil {
		return usageError{fmt.Errorf("--%s %s: %w", flag, name, err)}
	}
	inputs[name] = doc
	return nil
}
