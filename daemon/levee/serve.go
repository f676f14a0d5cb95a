package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/daemon/journal"
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
			if at, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
				return usagef("there is no folder %s", dir)
			} else if err == nil && !at.IsDir() {
				return usagef("%s is a file: serve wants a folder (levee run %s runs it once)", dir, dir)
			}
			d, err := a.open(a.drain)
			if err != nil {
				return err
			}
			defer d.Close()
			s := &server{a: a, d: d, runs: make(map[string]*console), early: make(map[string][]string)}
			opts.Notify, opts.Children = s.notice, a.json
			if !a.json {
				a.greet(d, dir)
				opts.Working = s.working
				defer a.watch(s.status)()
			}
			err = d.Serve(a.drain, a.cut, dir, opts)
			switch {
			case err == nil && s.cut:
				return context.Cause(a.drain)
			case err == nil && !a.json && !opts.Once:
				fmt.Fprintln(a.err, "stopped")
			}
			if err == nil && opts.Once && s.failed {
				return exitError(daemon.ExitFailed)
			}
			return err
		},
	}
	f := cmd.Flags()
	opts.Settle = 250 * time.Millisecond
	f.Var(span(&opts.Settle), "settle", "how long a file must be quiet before it is read (default 250ms)")
	f.Var(number(&a.config.Runs, 1, daemon.MostAtOnce), "runs", "runs that go on at the same time (default 8)")
	f.BoolVar(&opts.Once, "once", false, "do what there is to do, then end")
	a.engineFlags(cmd)
	a.mapFlag(cmd)
	return cmd
}

func (a *app) greet(d *daemon.Daemon, dir string) {
	r := d.Sandbox()
	p := d.Paths()
	fmt.Fprintf(a.err, "levee %s serves %s\n", version, dir)
	walls := "no seccomp"
	if r.Seccomp {
		walls = "seccomp"
	}
	fmt.Fprintf(a.err, "  engine   %s, isolation %s (Landlock %d, %s)\n", r.Engine, r.Isolation, r.Landlock, walls)
	fmt.Fprintf(a.err, "  history  %s\n  results  %s\n", p.State, p.Cache)
}

// server prints what happens in a served folder. notice is called from one goroutine at a time.
type server struct {
	a      *app
	d      *daemon.Daemon
	failed bool
	cut    bool // a run was left to the next start

	mu    sync.Mutex
	runs  map[string]*console // guarded by mu; by run
	early map[string][]string // guarded by mu; by run: what began before the run's first event came here
}

func (s *server) notice(n daemon.Notice) {
	s.cut = s.cut || n.Kind == daemon.Ended && n.Result.Status == journal.Interrupted
	s.failed = s.failed || n.Kind == daemon.Broken || n.Kind == daemon.Ended && n.Result.Err != nil
	if s.a.json {
		s.printJSON(n)
	} else {
		s.print(n)
	}
}

func (s *server) print(n daemon.Notice) {
	w := s.a.err
	switch n.Kind {
	case daemon.Loaded:
		fmt.Fprintf(w, "+ %s  %s\n", n.Path, summary(n.Flow, time.Now()))
	case daemon.Broken:
		n.Problems.Write(w, graph.TextFormat)
		if n.Kept {
			fmt.Fprintf(w, "! %s  the last good version stays\n", n.Path)
		}
	case daemon.Gone:
		fmt.Fprintf(w, "- %s\n", n.Path)
	case daemon.Waiting, daemon.Unchanged:
		fmt.Fprintf(w, "= %s  %s\n", n.Path, daemon.Printable(n.Text))
	case daemon.Warning:
		fmt.Fprintf(w, "! %s\n", daemon.Printable(joinNonEmpty(": ", n.Path, n.Text)))
	case daemon.Draining:
		fmt.Fprintf(w, "%s; a second signal leaves what runs to the next start\n", n.Text)
	case daemon.Happened:
		s.event(n)
	case daemon.Ended:
		s.ended(n)
	}
}

func (s *server) event(n daemon.Notice) {
	c := s.console(n.Event.Run)
	if c == nil {
		var job struct {
			Status  journal.Status
			Message string
		}
		json.Unmarshal(n.Event.Data, &job)
		if job.Status == journal.Queued { // told when it begins
			return
		}
		c = newConsole(s.a, s.d, n.Flow)
		if t := n.Flow.Graph.Trigger; t != nil && t.PerFile {
			c.file = s.d.TriggerFile(context.Background(), n.Event.Run, 0)
		}
		c.indent = "  " + joinNonEmpty("  ", n.Flow.Graph.Name, c.file) + "  " // lines of several runs come mixed
		s.mu.Lock()
		s.runs[n.Event.Run] = c
		for _, path := range s.early[n.Event.Run] {
			c.working(n.Event.Run, path)
		}
		delete(s.early, n.Event.Run)
		s.mu.Unlock()
		what := joinNonEmpty("  ", n.Path, c.file)
		fmt.Fprintf(s.a.err, "> %s  run %s  %s\n", daemon.Printable(what), n.Event.Run[:8], daemon.Printable(job.Message))
	}
	c.event(*n.Event)
}

func (s *server) console(run string) *console {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[run]
}

// working is called from many goroutines.
func (s *server) working(run, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.runs[run]; c != nil {
		c.working(run, path)
	} else {
		s.early[run] = append(s.early[run], path)
	}
}

// status says what the runs work at, and how many there are.
func (s *server) status(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, id := range slices.Sorted(maps.Keys(s.runs)) {
		c := s.runs[id]
		if text := c.status(now); text != "" {
			texts = append(texts, c.indent+text)
		}
	}
	if len(texts) > 1 {
		texts[0] += fmt.Sprintf("  and %s more", daemon.CountText(len(texts)-1, "run"))
	}
	return strings.Join(texts[:min(1, len(texts))], "")
}

func (s *server) ended(n daemon.Notice) {
	c := s.console(n.Result.ID)
	if c == nil {
		return
	}
	s.mu.Lock()
	delete(s.runs, n.Result.ID)
	s.mu.Unlock()
	c.end(n.Result)
	if n.Result.Err != nil {
		fmt.Fprintf(s.a.err, "  %s\n", daemon.Printable(n.Result.Err.Error()))
	}
	if n.Result.Waits != nil {
		s.a.ask(context.Background(), s.d, n.Result.ID)
	}
	s.a.printOutputs(n.Flow, joinNonEmpty(" ", n.Path, c.file)+": ", n.Result.Outputs)
}

func joinNonEmpty(sep string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), sep)
}

// summary says what a workflow is in one line.
func summary(w *daemon.Workflow, now time.Time) string {
	nodes := 0
	w.Graph.Walk(func(*graph.Node) { nodes++ })
	text := daemon.CountText(nodes, "node") + ", " + daemon.CountText(len(w.Graph.Levels()), "level")
	if t := w.Graph.Trigger; t != nil {
		switch next := w.NextTime(now); {
		case t.Manual:
			text += ", by hand"
		case t.Timed():
			text += ", next at " + w.TimeText(next)
		default:
			text += ", on " + listText(t.Files, 3)
		}
	}
	for _, dir := range w.Graph.Allow.Read {
		text += ", reads " + dir + "/"
	}
	for _, dir := range w.Graph.Allow.Write {
		text += ", writes " + dir + "/"
	}
	return text
}

func (s *server) printJSON(n daemon.Notice) {
	a := s.a
	switch n.Kind {
	case daemon.Happened:
		a.printMessage(*n.Event)
	case daemon.Ended:
		r := resultJSON(n.Result)
		r["path"] = n.Path
		a.printJSON(r)
	default:
		a.printJSON(n)
	}
}
