package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"levee/cache"
	"levee/daemon"
	"levee/daemon/journal"
)

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	var after int64
	cmd := &cobra.Command{
		Use: "logs RUN [NODE]", Short: "Show what the nodes of a run said; with --json, everything that happened", Args: cobra.RangeArgs(1, 2), ValidArgsFunction: a.offerRuns(),
		Example: "  levee logs 7f3a -f\n  levee logs 7f3a --json --after 120",
		RunE: func(cmd *cobra.Command, args []string) error {
			if after > 0 && !a.json && !follow {
				return usagef("--after goes with --json or --follow")
			}
			h, err := a.history(a.drain)
			if err != nil {
				return err
			}
			defer h.Close()
			run, err := h.Run(a.drain, args[0])
			if err != nil {
				return err
			}
			node := ""
			if len(args) == 2 {
				node = args[1]
			}
			if !a.json && !follow {
				return a.showLogs(h, run.ID, node)
			}
			return h.Messages(a.drain, run.ID, after, follow, func(e journal.Event) {
				switch {
				case node != "" && !under(e.Node, node):
				case a.json:
					a.printJSON(e)
				default:
					a.showSaid(&e)
				}
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the run has ended")
	cmd.Flags().Int64Var(&after, "after", 0, "only messages behind the one with this seq")
	return cmd
}

// under reports whether a path is a node's, or that of one in it.
func under(path, node string) bool {
	rest, ok := strings.CutPrefix(path, node)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// showLogs prints what the nodes of a run said, those that were not run what they said when they were.
func (a *app) showLogs(h *daemon.History, run, node string) error {
	invs, err := h.Invocations(a.drain, run, node)
	for _, i := range invs {
		log := i.Log
		if len(log) == 0 && i.Status == journal.Cached {
			if e, err := h.Cache.Detail(a.drain, cache.Key(i.Key)); err == nil {
				log = e.Log
			}
		}
		for line := range strings.Lines(string(log)) {
			fmt.Fprintf(a.out, "%s  %s\n", daemon.Printable(i.Path), daemon.Printable(strings.TrimRight(line, "\n")))
		}
		if i.Error != "" {
			fmt.Fprintf(a.out, "%s  %s\n", daemon.Printable(i.Path), daemon.Printable(i.Error))
		}
	}
	return err
}

// showSaid prints a message if it is something that was said, or a failure.
func (a *app) showSaid(e *journal.Event) {
	var m struct{ Content, Severity, Stream, Status, Error string }
	if json.Unmarshal(e.Data, &m) != nil {
		return
	}
	switch {
	case e.Type == "log_update":
		what := m.Severity
		if m.Stream != "" {
			what = m.Stream
		}
		fmt.Fprintf(a.out, "%s  %s: %s\n", daemon.Printable(e.Node), what, daemon.Printable(m.Content))
	case e.Type == "node_update" && m.Status == "error":
		fmt.Fprintf(a.out, "%s  %s\n", daemon.Printable(e.Node), daemon.Printable(m.Error))
	}
}
