package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"levee/cache"
	"levee/daemon"
	"levee/daemon/journal"
)

func (a *app) runsCommand() *cobra.Command {
	var filter journal.Filter
	var failed bool
	var status []string
	cmd := &cobra.Command{
		Use: "runs", Short: "List the runs, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.history(a.drain)
			if err != nil {
				return err
			}
			defer h.Close()
			if failed {
				status = append(status, string(journal.Failed))
			}
			for _, name := range status {
				s := journal.Status(name)
				if !slices.Contains(journal.Statuses, s) {
					return usagef("--status %s: one of %v", name, journal.Statuses)
				}
				filter.Status = append(filter.Status, s)
			}
			runs, err := h.Runs(a.drain, filter)
			if err != nil {
				return err
			}
			placed, err := h.Placed(a.drain, runs)
			if err != nil {
				return err
			}
			if !a.json {
				a.listRuns(placed)
				return nil
			}
			for _, r := range placed {
				a.printJSON(r)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&filter.Children, "all", false, "also the runs of nodes that are workflows")
	filter.Last = 20
	cmd.Flags().Var(number(&filter.Last, 0, math.MaxInt32), "last", "how many; 0: all (default 20)")
	cmd.Flags().BoolVar(&failed, "failed", false, "only failed ones")
	cmd.Flags().StringSliceVar(&status, "status", nil, "only those that are queued, running, waiting, suspended, completed, failed or cancelled")
	return cmd
}

func (a *app) listRuns(runs []daemon.PlacedRun) {
	var rows [][]string
	if a.terminal(a.out) && len(runs) > 0 { // other programs get the rows only
		rows = append(rows, []string{"RUN", "BEGAN", "TOOK", "STATUS", "WORKFLOW", "NODES", "WHY"})
	}
	for _, r := range runs {
		length := ""
		if !r.Finished.IsZero() {
			length = took(r.Finished.Sub(r.Accepted))
		}
		status := string(r.Status)
		if r.Position > 0 {
			status += fmt.Sprintf(" %d", r.Position)
		}
		rows = append(rows, []string{
			r.ID[:8], r.Accepted.Format(time.DateTime), length, status, daemon.Printable(joinFile(r.Run)),
			counts(r.Run), daemon.Printable(daemon.Clip(oneLine(r.Error, r.Why), shownError)),
		})
	}
	writeColumns(a.out, rows, func(col int) bool { return col == 2 })
}

// counts says how many nodes of an ended run did what: they are counted at its end.
func counts(r journal.Run) string {
	if !r.Status.Terminal() {
		return ""
	}
	return fmt.Sprintf("%d ran, %d cached", r.Counts.Ran, r.Counts.Cached)
}

func joinFile(r journal.Run) string {
	if r.File != "" {
		return r.Name + " " + r.File
	}
	return r.Name
}

func oneLine(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			line, _, _ := strings.Cut(t, "\n")
			return line
		}
	}
	return ""
}

func (a *app) inspectCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "inspect RUN [NODE]", Short: "Show a run: its nodes, outputs and cause of failure", Args: cobra.RangeArgs(1, 2), ValidArgsFunction: a.offerRuns(),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.history(a.drain)
			if err != nil {
				return err
			}
			defer h.Close()
			run, err := h.Run(a.drain, args[0])
			if err != nil {
				return err
			}
			if output != "" {
				return a.writeOutput(h, run, output)
			}
			return a.inspect(h, run, strings.Join(args[1:], ""))
		},
	}
	cmd.Flags().StringVar(&output, "output", "", "write this output's bytes to stdout instead")
	return cmd
}

// inspect shows a run, or one node of it.
func (a *app) inspect(h *daemon.History, run journal.Run, node string) error {
	invs, err := h.Invocations(a.drain, run.ID, node)
	if err != nil {
		return err
	}
	children, err := h.Children(a.drain, run.ID)
	if err != nil {
		return err
	}
	state, err := h.Now(a.drain, run)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(state)
		for i := range invs {
			a.printJSON(invs[i])
		}
		for i := range children {
			a.printJSON(children[i])
		}
		return nil
	}
	a.showRun(run, invs)
	if state.Position > 0 {
		fmt.Fprintf(a.out, "place %d in the queue\n", state.Position)
	}
	if state.Running {
		fmt.Fprintf(a.out, "%d of %d so far", state.Progress.Done, state.Progress.Total)
		if len(state.Current) > 0 {
			fmt.Fprintf(a.out, ", at work: %s", daemon.Printable(listText(state.Current, 5)))
		}
		fmt.Fprintln(a.out)
	}
	if node == "" {
		a.showChildren(children)
	}
	return nil
}

// writeOutput writes the encoding of an output: texts, bytes and JSON as they are.
func (a *app) writeOutput(h *daemon.History, run journal.Run, name string) error {
	for _, o := range run.Outputs {
		if o.Name == name {
			b, err := h.Cache.Bytes(a.drain, o.Value)
			if err != nil {
				return err
			}
			_, err = a.out.Write(b)
			return err
		}
	}
	return usagef("run %s has no output %q", run.ID[:8], name)
}

func (a *app) showRun(r journal.Run, invs []journal.Invocation) {
	fmt.Fprintf(a.out, "run %s  %s  %s\n", r.ID, r.Status, r.Workflow)
	if r.Parent != "" {
		fmt.Fprintf(a.out, "node %s of run %s\n", daemon.Printable(r.ParentPath), r.Parent[:8])
	}
	fmt.Fprintf(a.out, "started %s (%s)", r.Accepted.Format(time.RFC3339), daemon.Printable(r.Why))
	if !r.Finished.IsZero() {
		fmt.Fprintf(a.out, ", took %s", took(r.Finished.Sub(r.Accepted)))
	}
	fmt.Fprintln(a.out)
	if r.Status.Terminal() {
		fmt.Fprintf(a.out, "%d ran, %d cached, %d failed, %d skipped\n", r.Counts.Ran, r.Counts.Cached, r.Counts.Failed, r.Counts.Skipped)
	}
	if r.Bare {
		fmt.Fprintln(a.out, "its details were forgotten (levee keeps them for a time only)")
	}
	if r.Doubt != "" {
		fmt.Fprintf(a.out, "not whole: %s\n", daemon.Printable(r.Doubt))
	}
	if r.Error != "" {
		fmt.Fprintf(a.out, "error: %s\n", daemon.Printable(r.Error))
	}
	if len(invs) > 0 {
		fmt.Fprintln(a.out)
	}
	var rows [][]string
	for _, i := range invs {
		note := daemon.Clip(oneLine(i.Error, i.Cause), shownError)
		if note == "" && i.Compile >= time.Millisecond {
			note = "compiling it took " + took(i.Compile)
		}
		length := ""
		if !i.Ended.IsZero() {
			length = took(i.Ended.Sub(i.Started))
		}
		rows = append(rows, []string{daemon.Printable(i.Path), i.Type, string(i.Status), length, daemon.Printable(note)})
	}
	writeColumns(a.out, rows, func(col int) bool { return col == 3 })
	if len(r.Outputs) > 0 {
		fmt.Fprintln(a.out)
	}
	for _, o := range r.Outputs {
		fmt.Fprintf(a.out, "%s: %s\n", o.Name, showValue(o.Value))
	}
}

// showChildren lists the runs of nodes that are workflows.
func (a *app) showChildren(children []journal.Run) {
	if len(children) > 0 {
		fmt.Fprintln(a.out)
	}
	var rows [][]string
	for _, r := range children {
		rows = append(rows, []string{daemon.Printable(r.ParentPath), "run " + r.ID[:8], string(r.Status), counts(r), daemon.Printable(daemon.Clip(oneLine(r.Error), shownError))})
	}
	writeColumns(a.out, rows, nil)
}

func (a *app) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "why RUN NODE", Short: "Say what a node's result depends on, and what was different the last time", Args: cobra.ExactArgs(2), ValidArgsFunction: a.offerRuns(),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.history(a.drain)
			if err != nil {
				return err
			}
			defer h.Close()
			list, err := h.Why(a.drain, args[0], args[1])
			if err != nil {
				return err
			}
			for _, e := range list {
				if a.json {
					a.printJSON(e)
				} else {
					a.showWhy(e)
				}
			}
			return nil
		},
	}
}

func (a *app) showWhy(e daemon.Explanation) {
	if e.Child != "" {
		fmt.Fprintf(a.out, "%s  %s  is a workflow: its nodes have results, see levee why %s NODE\n", daemon.Printable(e.Invocation.Path), e.Invocation.Status, e.Child[:8])
		return
	}
	fmt.Fprintf(a.out, "%s  %s  key %s\n", daemon.Printable(e.Invocation.Path), e.Invocation.Status, e.Key.Short())
	if e.Parts == nil {
		fmt.Fprintln(a.out, "  its result is not in the cache: it failed, was not run, or was trimmed")
		return
	}
	changed := map[string]cache.Difference{}
	if e.Nearest != nil {
		for _, d := range e.Nearest.Diff {
			changed[d.Label] = d
		}
	}
	var rows [][]string
	for _, p := range e.Parts {
		mark, was := " ", ""
		if d, ok := changed[p.Label]; ok {
			mark, was = "*", "was "+daemon.PartText(d.Was)
			if d.Was.Label == "" {
				was = "was not there"
			}
		}
		rows = append(rows, []string{"  " + mark + " " + daemon.Printable(p.Label), daemon.Printable(daemon.PartText(p)), daemon.Printable(was)})
	}
	writeColumns(a.out, rows, nil)
	switch {
	case e.Nearest == nil:
		fmt.Fprintln(a.out, "  there is no other result of this node to compare with")
	default:
		fmt.Fprintf(a.out, "  compared with the result of %s: %s\n", e.Nearest.Created.Format(time.RFC3339), daemon.DiffText(e.Nearest.Diff))
	}
}
