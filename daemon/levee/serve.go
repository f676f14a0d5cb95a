package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/graph"
)

func (a *app) serveCommand() *cobra.Command {
	var opts daemon.ServeOptions
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Watch a folder and run the workflows in it",
		Long: "Watches a folder and runs the workflows in it (*.flow.yaml, *.flow.json, workflow.yaml, ...). A dropped or edited workflow is checked and\n" +
			"run; what did not change is not run again. A broken edit prints its problems, and the last good version stays.\n" +
			"SIGTERM or Ctrl-C waits for what runs; a second one leaves it to the next start, which resumes it.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			d, err := a.open(a.drain)
			if err != nil {
				return err
			}
			defer d.Close()
			s := &server{a: a, d: d, runs: make(map[string]*console)}
			opts.Notify = s.notice
			if a.json {
				opts.Notify = a.noticeJSON
			} else {
				a.greet(d, dir)
			}
			err = d.Serve(a.drain, a.cut, dir, opts)
			if err == nil && opts.Once && s.failed {
				return exitError(daemon.ExitFailed)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.DurationVar(&opts.Settle, "settle", 250*time.Millisecond, "how long a file must be quiet before it is read")
	f.BoolVar(&opts.Once, "once", false, "do what there is to do, then end")
	a.engineFlags(cmd)
	return cmd
}

func (a *app) greet(d *daemon.Daemon, dir string) {
	r := d.Sandbox()
	p := d.Paths()
	fmt.Fprintf(a.err, "levee %s serves %s\n", version, dir)
	fmt.Fprintf(a.err, "  engine   %s, isolation %s (Landlock ABI %d, seccomp %v)\n", r.Engine, r.Isolation, r.Landlock, r.Seccomp)
	fmt.Fprintf(a.err, "  history  %s\n  results  %s\n", p.State, p.Cache)
}

// server prints what happens in a served folder. notice is called from one goroutine at a time.
type server struct {
	a      *app
	d      *daemon.Daemon
	runs   map[string]*console // by run
	failed bool
}

func (s *server) notice(n daemon.Notice) {
	w := s.a.err
	switch n.Kind {
	case daemon.Loaded:
		fmt.Fprintf(w, "+ %s  %s\n", n.Path, summary(n.Flow))
	case daemon.Broken:
		n.Problems.Write(w, graph.TextFormat)
		if n.Kept {
			fmt.Fprintf(w, "! %s  the last good version stays\n", n.Path)
		}
		s.failed = true
	case daemon.Gone:
		fmt.Fprintf(w, "- %s\n", n.Path)
	case daemon.Waiting, daemon.Unchanged:
		fmt.Fprintf(w, "= %s  %s\n", n.Path, daemon.Printable(n.Text))
	case daemon.Warning:
		fmt.Fprintf(w, "! %s\n", daemon.Printable(joinNonEmpty(n.Path, n.Text)))
	case daemon.Draining:
		fmt.Fprintf(w, "%s; a second signal leaves what runs to the next start\n", n.Text)
	case daemon.Happened:
		s.event(n)
	case daemon.Ended:
		s.ended(n)
	}
}

func (s *server) event(n daemon.Notice) {
	c := s.runs[n.Event.Run]
	if c == nil {
		c = newConsole(s.a, s.d, n.Flow)
		c.indent = "  " + n.Flow.Graph.Name + "  " // lines of several runs come mixed
		c.tty = c.tty && len(s.runs) == 0          // lines of several runs cannot write over each other
		s.runs[n.Event.Run] = c
		var job struct{ Why string }
		json.Unmarshal(n.Event.Data, &job)
		fmt.Fprintf(s.a.err, "> %s  run %s  %s\n", n.Path, n.Event.Run[:8], daemon.Printable(job.Why))
	}
	c.event(*n.Event)
}

func (s *server) ended(n daemon.Notice) {
	c := s.runs[n.Result.ID]
	if c == nil {
		return
	}
	delete(s.runs, n.Result.ID)
	c.end(n.Result)
	if n.Result.Err != nil {
		s.failed = true
		fmt.Fprintf(s.a.err, "  %s\n", daemon.Printable(n.Result.Err.Error()))
	}
	for _, o := range n.Result.Outputs {
		fmt.Fprintf(s.a.out, "%s: %s: %s\n", n.Path, o.Name, showValue(o.Value))
	}
}

func joinNonEmpty(a, b string) string {
	if a == "" {
		return b
	}
	return a + ": " + b
}

// summary says what a workflow is in one line.
func summary(w *daemon.Workflow) string {
	nodes := 0
	w.Graph.Walk(func(*graph.Node) { nodes++ })
	text := count(nodes, "node") + ", " + count(len(w.Graph.Levels()), "level")
	if t := w.Graph.Trigger; t != nil {
		text += ", on " + listText(t.Files, 3)
	}
	for _, dir := range w.Graph.Allow.Read {
		text += ", reads " + dir + "/"
	}
	for _, dir := range w.Graph.Allow.Write {
		text += ", writes " + dir + "/"
	}
	return text
}

func (a *app) noticeJSON(n daemon.Notice) {
	switch n.Kind {
	case daemon.Happened:
		a.printJSON(n.Event)
	case daemon.Ended:
		r := resultJSON(n.Result)
		r["path"] = n.Path
		a.printJSON(r)
	default:
		a.printJSON(n)
	}
}
