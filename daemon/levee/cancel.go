package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
)

// cancelWait is how long levee cancel waits for the end of a run that another process has in hand.
const cancelWait = 10 * time.Second

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel RUN", Short: "End a run, and those of its nodes, wherever they are", Args: cobra.ExactArgs(1),
		Long: "Ends a run that is under way in any process, that waits for an answer, or that was cut short. That it shall end is durable\n" +
			"before anything else happens: it is never started again.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			rec, err := daemon.Cancel(a.drain, cfg, args[0], cancelWait)
			var ended *daemon.ResumeError
			switch {
			case errors.As(err, &ended):
				return usageError{err}
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
		},
	}
}
