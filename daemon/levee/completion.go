package main

import (
	"context"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/nodes"
)

// What a shell offers where a command line goes on.

// mostOffered is how many runs or nodes are offered; who wants another one types it.
const mostOffered = 100

// offerRuns offers the newest runs of these states, of all when none is named, and behind a run its nodes where the command takes one.
func (a *app) offerRuns(status ...journal.Status) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (list []cobra.Completion, what cobra.ShellCompDirective) {
		what = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		j, err := a.look(a.drain)
		if err != nil {
			return nil, what
		}
		defer j.Close()
		takes := func(n int) bool { return cmd.ValidateArgs(make([]string, n)) == nil }
		switch {
		case len(args) == 0, takes(3): // the first, or one of any number of runs
		case len(args) == 1 && takes(2):
			return offerNodes(a.drain, j, args[0]), what
		default:
			return nil, what
		}
		runs, err := j.Runs(a.drain, journal.Filter{Last: mostOffered, Status: status})
		if err != nil {
			return nil, what
		}
		for _, r := range runs {
			list = append(list, cobra.CompletionWithDesc(r.ID[:8], daemon.Printable(joinFile(r)+" "+string(r.Status)+" "+oneLine(r.Why))))
		}
		return list, what
	}
}

// look opens the history alone, which changes nothing: neither a folder nor stored results come from a key that was pressed.
func (a *app) look(ctx context.Context) (*journal.Journal, error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	paths, err := cfg.Paths()
	if err != nil {
		return nil, err
	}
	return journal.Open(ctx, paths.State, journal.Options{ReadOnly: true})
}

func offerNodes(ctx context.Context, j *journal.Journal, run string) (list []cobra.Completion) {
	rec, err := j.Run(ctx, run)
	if err != nil {
		return nil
	}
	invs, err := j.Invocations(ctx, rec.ID, "")
	if err != nil {
		return nil
	}
	for _, i := range invs[:min(len(invs), mostOffered)] {
		list = append(list, cobra.CompletionWithDesc(daemon.Printable(i.Path), i.Type+" "+string(i.Status)))
	}
	return list
}

// offerTypes offers node types; where none begins so, the shell offers files.
func (a *app) offerTypes(_ *cobra.Command, args []string, _ string) (list []cobra.Completion, what cobra.ShellCompDirective) {
	reg, err := nodes.New(a.config.NodeDirs...)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	types, _ := reg.List()
	for _, t := range types {
		list = append(list, cobra.CompletionWithDesc(t.FullName, daemon.Printable(oneLine(t.Doc))))
	}
	return list, cobra.ShellCompDirectiveDefault
}
