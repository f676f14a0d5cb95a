package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/graph"
)

func (a *app) checkCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:               "check FILE...",
		Short:             "Check workflows without running anything",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: workflowFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch graph.Format(format) {
			case graph.TextFormat, graph.JSONFormat, graph.GitHubFormat:
			default:
				return usagef("--format %q: text, json or github", format)
			}
			if a.json {
				format = string(graph.JSONFormat)
			}
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			checker, err := daemon.NewChecker(cfg)
			if err != nil {
				return err
			}
			var all []error
			for _, file := range args {
				all = append(all, a.checkFile(checker, file, graph.Format(format)))
			}
			if code := exitCode(errors.Join(all...)); code != daemon.ExitOK {
				return exitError(code)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or github (annotations)")
	a.ceilingFlags(cmd)
	a.mapFlag(cmd)
	return cmd
}

func (a *app) checkFile(c *daemon.Checker, file string, format graph.Format) error {
	flow, err := loadFile(c, file)
	if problems, ok := daemon.Problems(err); ok {
		for i := range problems {
			if p := &problems[i]; p.File == filepath.Base(file) {
				p.File = file
			} else { // of a workflow that it uses
				p.File = filepath.Join(filepath.Dir(file), p.File)
			}
		}
		problems.Write(a.out, format)
		return problems
	}
	if err != nil {
		a.printError(err)
		return err
	}
	if flow.Denied != nil {
		fmt.Fprintf(a.err, "%s: %s\n", file, flow.Denied)
		return flow.Denied
	}
	if format == graph.TextFormat {
		fmt.Fprintf(a.out, "%s: ok, %s\n", file, summary(flow, time.Now()))
		for i, level := range flow.Graph.Levels() {
			for _, n := range level {
				fmt.Fprintf(a.out, "  level %d  %-16s  %s\n", i+1, n.ID, what(n))
			}
		}
	}
	return nil
}

func what(n *graph.Node) string {
	switch n.Kind {
	case graph.Each:
		return fmt.Sprintf("each %s: %s", n.As, daemon.CountText(len(n.Body.Nodes), "node"))
	case graph.Repeat:
		return fmt.Sprintf("repeat up to %d: %s", n.Repeat.Max, daemon.CountText(len(n.Body.Nodes), "node"))
	case graph.Group:
		return "group: " + daemon.CountText(len(n.Body.Nodes), "node")
	}
	return n.Uses
}
