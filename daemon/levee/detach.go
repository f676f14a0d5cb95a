package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"levee/daemon"
	"levee/graph/value"
)

// detach leaves a run to the process that serves the folder of a workflow.
func (a *app) detach(file string, args []given, req daemon.Request) error {
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
	flow, err := loadFile(checker, file)
	if err != nil {
		return err
	}
	if err := flow.CheckSites(req.Only, req.From); err != nil {
		return err
	}
	q := daemon.RunRequest{Workflow: path, Inputs: make(map[string]json.RawMessage), NoCache: req.NoCache, Only: req.Only, From: req.From}
	for _, arg := range args {
		if err := addInput(q.Inputs, flow, arg); err != nil {
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
func addInput(inputs map[string]json.RawMessage, flow *daemon.Workflow, arg given) error {
	port, text, err := inputOf(flow, arg)
	if err != nil {
		return err
	}
	doc, err := inputJSON(port, text, arg.flag, inputs[port.Name])
	if err != nil {
		return usagef("--%s %s: %w", arg.flag, port.Name, err)
	}
	inputs[port.Name] = doc
	return nil
}

// inputJSON is what somebody gave for an input as JSON; before is what he gave for it already.
func inputJSON(port *value.Port, text, flag string, before json.RawMessage) (json.RawMessage, error) {
	if name, isFile := fileOf(port, text, flag); isFile {
		content, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			return nil, err
		}
		if port.Type == filesType {
			var items [][]byte
			if err := json.Unmarshal([]byte(cmp.Or(string(before), "[]")), &items); err != nil {
				return nil, err
			}
			return json.Marshal(append(items, content))
		}
		text = string(content)
	}
	v, err := value.ParseText(port.Type, text)
	if err != nil {
		return nil, err
	}
	enc, _ := v.Inline()
	if port.Type == value.Table {
		return value.TableLiteral(enc)
	}
	return value.ToJSON(v.Type, enc, -1)
}
