package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/daemon/journal"
)

// cancelWait is how long levee cancel waits for the end of a run that another process has in hand.
const cancelWait = 10 * time.Second

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel RUN...", Short: "End runs, and those of their nodes, wherever they are", Args: cobra.MinimumNArgs(1), ValidArgsFunction: a.offerRuns(journal.Queued, journal.Running, journal.Waiting, journal.Suspended),
		Long: "Ends runs that wait in a queue, that are under way in any process, that wait for an answer, or that were cut short. That a run\n" +
			"shall end is durable before anything else happens: it is never started again.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			for _, run := range args {
				if err := a.cancel(cfg, run); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) cancel(cfg daemon.Config, run string) error {
	rec, err := daemon.Cancel(a.drain, cfg, run, cancelWait)
	switch {
	case err != nil:
		return err
	case a.json:
		a.printJSON(rec)
	case rec.Status.Terminal():
		fmt.Fprintf(a.err, "run %s %s\n", rec.ID[:8], rec.Status)
	default:
		fmt.Fprintf(a.err, "run %s will end: its process has not answered yet\n", rec.ID[:8])
	}
	return nil
}
