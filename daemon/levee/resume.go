package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/daemon/journal"
)

func (a *app) resumeCommand() *cobra.Command {
	var set []string
	cmd := &cobra.Command{
		Use: "resume RUN", Short: "Answer what a run asks and let it go on, or take up one that was cut short",
		Long: "Lets a suspended run go on with answers to the nodes that wait for them; some answers may come later. Without --set it takes up a run\n" +
			"whose process is gone. The run goes on with the workflow as it was when the run began; what had finished does not run again.",
		Example: "  levee resume 3f2a --set ask=yes\n  levee resume 3f2a --set 'photos[3].ok=no' --set title=Summer",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.offerRuns(journal.Suspended, journal.Running, journal.Waiting, journal.Queued),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.open(a.drain)
			if err != nil {
				return err
			}
			defer d.Close()
			return a.resume(a.drain, d, args[0], set)
		},
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "NODE=VALUE: an answer; VALUE is a text, number or JSON as the node says")
	a.engineFlags(cmd)
	return cmd
}

func (a *app) resume(ctx context.Context, d *daemon.Daemon, prefix string, set []string) error {
	p, err := d.Pending(ctx, prefix)
	if err == nil && len(set) == 0 && p.Run.Status == journal.Suspended {
		err = p.Unanswered()
	}
	if err == nil && len(set) > 0 {
		err = d.Answer(ctx, p, set)
	}
	if err != nil {
		return err
	}
	lines, show := a.progress(d, p.Flow)
	if lines != nil {
		defer a.watch(lines.status)()
	}
	res, err := d.Resume(ctx, p, show)
	switch {
	case err != nil:
		return err
	case res == nil && len(set) > 0:
		fmt.Fprintf(a.err, "noted: run %s goes on in another process\n", p.Run.ID[:8])
		return nil
	case res == nil:
		return usagef("run %s is in the hands of another process", p.Run.ID[:8])
	}
	return a.ended(ctx, d, p.Flow, lines, res)
}

// progress is where what happens in a run is shown; the console is nil with --json.
func (a *app) progress(d *daemon.Daemon, flow *daemon.Workflow) (*console, daemon.Observer) {
	if a.json {
		print := a.printMessage
		return nil, daemon.Observer{Observe: print, Children: print}
	}
	lines := newConsole(a, d, flow)
	return lines, daemon.Observer{Observe: lines.event, Working: lines.working}
}

// ended shows how a run ended. The error carries the exit code.
func (a *app) ended(ctx context.Context, d *daemon.Daemon, flow *daemon.Workflow, lines *console, res *daemon.Result) error {
	if a.json {
		a.printJSON(resultJSON(res))
	} else {
		lines.end(res)
		a.printOutputs(flow, "", res.Outputs)
	}
	for _, m := range res.Mismatches {
		fmt.Fprintf(a.err, "not deterministic: node %s, module %s: output %s differs from the stored result\n", m.Node, m.Module, m.Output)
	}
	switch {
	case res.Waits != nil:
		a.ask(ctx, d, res.ID)
		return exitError(daemon.ExitSuspended)
	case len(res.Mismatches) > 0 && res.Err == nil:
		return exitError(daemon.ExitFailed)
	case res.Err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return res.Err
}

// ask says what a suspended run waits for, and how to answer.
func (a *app) ask(ctx context.Context, d *daemon.Daemon, run string) {
	p, err := d.Pending(ctx, run)
	if err != nil {
		a.printError(err)
		return
	}
	if a.json {
		for _, q := range p.Questions {
			a.printJSON(map[string]any{"type": "question", "job_id": q.Run, "node_id": q.Path, "name": q.Name, "question": q.Text})
		}
		return
	}
	const most = 20
	for _, q := range p.Questions[:min(len(p.Questions), most)] {
		fmt.Fprintf(a.err, "%s asks: %s\n  levee resume %s --set %s\n", daemon.Printable(q.Name), daemon.Printable(q.Text), run[:8], shellWord(q.Name+"=VALUE"))
	}
	if more := len(p.Questions) - most; more > 0 {
		fmt.Fprintf(a.err, "and %s more (levee resume %s lists them)\n", daemon.CountText(more, "question"), run[:8])
	}
}

// shellWord quotes a word in which a shell would see a pattern.
func shellWord(s string) string {
	if strings.Contains(s, "[") {
		return "'" + s + "'"
	}
	return s
}
