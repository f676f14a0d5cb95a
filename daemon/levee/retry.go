package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) retryCommand() *cobra.Command {
	var from []string
	var noCache, current bool
	cmd := &cobra.Command{
		Use: "retry RUN", Short: "Run again what a run was, with the same inputs and files",
		Long: "Starts a new run like one that has ended: the workflow as it was then, its inputs and its files. What succeeded is found in the cache,\n" +
			"what failed runs again.",
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.offerRuns(),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.open(a.drain)
			if err != nil {
				return err
			}
			defer d.Close()
			flow, req, edited, err := d.Retry(a.drain, args[0], current)
			if err != nil {
				return err
			}
			if err := flow.CheckSites(from); err != nil {
				return err
			}
			if edited && !current {
				fmt.Fprintln(a.err, "the workflow was edited since: this is how it was then (--current runs what lies there now)")
			}
			if d.FilesChanged(a.drain, flow, &req) {
				fmt.Fprintln(a.err, "the files were changed since: these are those of then (a new run takes what lies there now)")
			}
			req.From, req.NoCache = from, noCache
			return a.runOnce(a.drain, d, flow, req)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&from, "from", nil, "NODE: run this node and all that hangs on it afresh; may be repeated")
	f.BoolVar(&noCache, "no-cache", false, "run every node")
	f.BoolVar(&current, "current", false, "run the workflow as it lies there now")
	a.engineFlags(cmd)
	a.mapFlag(cmd)
	return cmd
}
