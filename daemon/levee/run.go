package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/graph"
	"levee/graph/value"
)

func (a *app) runCommand() *cobra.Command {
	var set, input []string
	var req daemon.Request
	var timeout time.Duration
	var detach bool
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow once; - reads it from stdin",
		Example: "  levee run hello.flow.yaml --set name=Ada\n" +
			"  levee run sums.flow.yaml --input data=@flights.csv",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: workflowFiles,
		RunE: func(cmd *cobra.Command, names []string) (err error) {
			args := append(givenBy("set", set), givenBy("input", input)...)
			if detach {
				if req.Verify || timeout > 0 {
					return usagef("--detach leaves the run to levee serve: --verify and --timeout are not for it")
				}
				return a.detach(names[0], args, req)
			}
			ctx, cancel := context.WithCancelCause(a.drain)
			defer cancel(nil)
			defer func() { err = cause(ctx, err) }() // before it is cancelled
			if timeout > 0 {
				stop := time.AfterFunc(timeout, func() {
					cancel(failure{daemon.ExitLimit, fmt.Errorf("the run took longer than --timeout %s", timeout)})
				})
				defer stop.Stop()
			}
			d, err := a.open(ctx)
			if err != nil {
				return err
			}
			defer d.Close()
			flow, err := load(cmd, d.Checker, names[0])
			if err != nil {
				return err
			}
			if err := a.fill(ctx, d, flow, &req, args); err != nil {
				return err
			}
			if err := flow.CheckSites(req.Only, req.From); err != nil {
				return err
			}
			req.Why = "levee run"
			return a.runOnce(ctx, d, flow, req)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&set, "set", nil, "NAME=VALUE: an input; VALUE is a text, number or JSON as its type says, or @FILE for a table")
	f.StringArrayVar(&input, "input", nil, "NAME=@FILE: an input from a file; may be repeated for a list of files")
	f.BoolVar(&req.NoCache, "no-cache", false, "run every node")
	f.StringArrayVar(&req.Only, "only", nil, "NODE: run only this node, afresh, and what it needs; may be repeated")
	f.StringArrayVar(&req.From, "from", nil, "NODE: run this node and all that hangs on it afresh; may be repeated")
	f.BoolVar(&req.Verify, "verify", false, "run every node and compare with the stored results: finds modules that are not deterministic")
	f.BoolVar(&detach, "detach", false, "put the run into the queue of the levee serve that serves the file's folder, print its id, and do not wait")
	f.Var(span(&timeout), "timeout", "give up after this long")
	a.engineFlags(cmd)
	a.mapFlag(cmd)
	return cmd
}

// load reads a workflow from a file, or for - from stdin.
func load(cmd *cobra.Command, c *daemon.Checker, name string) (*daemon.Workflow, error) {
	if name != "-" {
		return loadFile(c, name)
	}
	text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), graph.MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	return c.LoadText("stdin", text)
}

// loadFile reads the workflow file that somebody named. That something else is there is a mistake of the command line.
func loadFile(c *daemon.Checker, name string) (*daemon.Workflow, error) {
	switch at, err := os.Stat(name); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usagef("there is no %s", name)
	case err == nil && at.IsDir():
		return nil, usagef("%s is a folder: name a workflow file in it, such as %s; levee serve %s runs all of them", name, filepath.Join(name, "hello.flow.yaml"), name)
	case filepath.Ext(name) == ".wasm":
		return nil, usagef("%s is a module: levee call %s runs it alone", name, name)
	}
	return c.LoadFile(name)
}

func workflowFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}

// given is a value from the command line: --set NAME=VALUE or --input NAME=@FILE.
type given struct{ flag, text string }

func givenBy(flag string, texts []string) (list []given) {
	for _, text := range texts {
		list = append(list, given{flag, text})
	}
	return list
}

// fill gives the request its inputs and files.
func (a *app) fill(ctx context.Context, d *daemon.Daemon, flow *daemon.Workflow, req *daemon.Request, args []given) (err error) {
	req.Inputs = make(map[string]value.Value)
	files := map[string][]string{} // of inputs that are lists of files
	for _, arg := range args {
		port, text, err := inputOf(flow, arg)
		if err != nil {
			return err
		}
		var v value.Value
		switch file, isFile := fileOf(port, text, arg.flag); {
		case isFile && port.Type == filesType:
			files[port.Name] = append(files[port.Name], file)
			v, err = d.InputFiles(ctx, files[port.Name])
		case isFile:
			v, err = d.InputFile(ctx, port, file)
		case arg.flag == "input":
			return usagef("--input %s: wants %s=@FILE; a value is given by --set", arg.text, port.Name)
		case arg.flag == "set" && port.Type == value.Bytes && strings.HasPrefix(text, "@"):
			return usagef("--set %s: a file is given by --input %s", arg.text, arg.text)
		default:
			v, err = d.InputText(ctx, port, text)
		}
		if err != nil {
			return usagef("--%s %s: %w", arg.flag, port.Name, err)
		}
		req.Inputs[port.Name] = v
	}
	for _, p := range flow.Graph.Inputs {
		if _, ok := req.Inputs[p.Name]; !ok && p.Required() {
			how := "--set " + p.Name + "=VALUE"
			if p.Type == value.Bytes || p.Type == filesType {
				how = "--input " + p.Name + "=@FILE"
			}
			return usagef("the workflow needs a value for %s (%s): %s", p.Name, p.Type, how)
		}
	}
	req.Files, err = d.TriggerFiles(ctx, flow)
	if t := flow.Graph.Trigger; err == nil && t != nil && t.PerFile {
		return usagef("the workflow runs once per file of %s: serve its folder", strings.Join(t.Files, ", "))
	}
	return err
}

// filesType is the type of an input that takes several files.
var filesType = value.ListOf(value.Bytes)

// inputOf splits NAME=VALUE, and finds the input of that name.
func inputOf(flow *daemon.Workflow, arg given) (*value.Port, string, error) {
	name, text, ok := strings.Cut(arg.text, "=")
	if !ok {
		form := map[string]string{"set": "NAME=VALUE", "input": "NAME=@FILE", "in": "PORT=VALUE or PORT=@FILE"}[arg.flag]
		return nil, "", usagef("--%s %s: wants %s", arg.flag, arg.text, form)
	}
	port, ok := flow.Input(name)
	if !ok {
		return nil, "", usagef("--%s %s: %sthe workflow has no input %q%s", arg.flag, arg.text, noInputNode(flow, name), name, inputNames(flow))
	}
	return port, text, nil
}

// fileOf is the file that @FILE names. Only a table can also be given so by --set: no table begins with an @.
func fileOf(port *value.Port, text, flag string) (name string, ok bool) {
	if name, ok = strings.CutPrefix(text, "@"); !ok || flag == "set" && port.Type != value.Table {
		return "", false
	}
	return name, true
}

// noInputNode is what nodetool says of a parameter that no input takes.
func noInputNode(flow *daemon.Workflow, name string) string {
	if flow.Graph.Foreign == "" {
		return ""
	}
	return fmt.Sprintf("No input node found for param: %s: ", name)
}

func inputNames(flow *daemon.Workflow) string {
	var names []string
	for _, p := range flow.Graph.Inputs {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return " (it has none)"
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}

// runOnce runs a workflow with progress on stderr and its outputs on stdout.
func (a *app) runOnce(ctx context.Context, d *daemon.Daemon, flow *daemon.Workflow, req daemon.Request) error {
	lines, show := a.progress(d, flow)
	req.Observer = show
	if lines != nil {
		defer a.watch(lines.status)()
	}
	res, err := d.Run(ctx, flow, req)
	if err != nil {
		return err
	}
	return a.ended(ctx, d, flow, lines, res)
}

func resultJSON(r *daemon.Result) map[string]any {
	m := map[string]any{
		"type": "result", "job_id": r.ID, "status": r.Status, "outputs": listed(r.Outputs), "counts": r.Counts,
		"written": listed(r.Written), "us": r.Duration.Microseconds(), "mismatches": listed(r.Mismatches),
	}
	if r.Waits != nil {
		m["error"] = r.Waits.Error()
	}
	return m
}
