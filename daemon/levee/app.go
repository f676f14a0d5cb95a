package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"levee/daemon"
	"levee/daemon/journal"
)

// app is the command line: its global flags and its two streams. stdout is the result, stderr the progress.
type app struct {
	drain, cut context.Context
	out, err   io.Writer

	config    daemon.Config
	json      bool
	color     string
	logFormat string
	verbose   bool
	readOnly  bool
}

func (a *app) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "levee",
		Short: "Runs workflows that you drop into a folder; every node is sandboxed, and nothing runs twice",
		Long: "levee runs workflows that you drop into a folder. Every node is a WebAssembly module without files, network or clock\n" +
			"unless the workflow asks and you allow it. Unchanged nodes never run twice.\n\n" +
			"Results go to stdout, progress to stderr. Exit codes: 0 ok, 1 a node failed, 2 usage, 3 workflow invalid, 4 asks for more than\n" +
			"allowed, 5 module missing or refused, 6 cannot start, 7 time or memory limit, 8 needs a device that is not there,\n" +
			"9 waits for an answer, 130 and 143 interrupted.",
		Example:       "  levee init demo && cd demo\n  levee run hello.flow.yaml --set name=Ada\n  levee serve .",
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SuggestionsMinimumDistance: 2, // as cobra's own check would have it, which ours stands in front of
	}
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	cmd.SetFlagErrorFunc(flagError)
	a.globalFlags(cmd.PersistentFlags())
	for _, g := range []struct {
		id, title string
		cmds      []*cobra.Command
	}{
		{"run", "Run workflows:", []*cobra.Command{a.initCommand(), a.importCommand(), a.checkCommand(), a.runCommand(), a.retryCommand(), a.resumeCommand(), a.cancelCommand(), a.serveCommand()}},
		{"look", "See what happened:", []*cobra.Command{a.runsCommand(), a.inspectCommand(), a.logsCommand(), a.whyCommand(), a.cacheCommand()}},
		{"nodes", "Nodes:", []*cobra.Command{a.nodesCommand(), a.callCommand(), a.packCommand()}},
		{"rest", "This machine and this program:", []*cobra.Command{a.doctorCommand(), a.gpuCommand(), a.pathsCommand(), a.schemaCommand(), a.versionCommand()}},
	} {
		cmd.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.cmds {
			c.GroupID = g.id
			cmd.AddCommand(c)
		}
	}
	cmd.SetHelpCommandGroupID("rest")
	cmd.SetCompletionCommandGroupID("rest")
	usageErrors(cmd)
	return cmd
}

// usageErrors makes what cobra says about arguments usage errors, in all commands.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return nil
			}
			if like := cmd.SuggestionsFor(strings.Join(args, " ")); cmd.HasSubCommands() && len(like) > 0 {
				return usagef("%w: did you mean %s?", err, strings.Join(like, " or "))
			}
			if cmd.HasSubCommands() {
				return usagef("%w (see %s --help)", err, cmd.CommandPath())
			}
			return usagef("%s given; usage: %s (see %s --help)", daemon.CountText(len(args), "argument"), strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
		}
	}
	for _, sub := range cmd.Commands() {
		usageErrors(sub)
	}
}

// settings completes the configuration from the flags.
func (a *app) settings() (daemon.Config, error) {
	cfg := a.config
	for _, name := range slices.Sorted(maps.Keys(cfg.Devices)) {
		if n := cfg.Devices[name]; name != "gpu" || n < 1 || n > 1024 {
			return cfg, usagef("--device %s=%d: the one that can be declared is gpu, with 1 to 1024 slots", name, n)
		}
	}
	for _, dir := range cfg.NodeDirs {
		if at, err := os.Stat(dir); err != nil || !at.IsDir() {
			return cfg, usagef("--nodes %s: there is no such folder", dir)
		}
	}
	if a.readOnly {
		cfg.Ceiling.Write = []string{}
	}
	cfg.Log = a.logger()
	return cfg, nil
}

func (a *app) logger() *slog.Logger {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	switch {
	case a.logFormat == "json":
		return slog.New(slog.NewJSONHandler(printable{a.err}, &slog.HandlerOptions{Level: level}))
	case a.logFormat == "auto" && a.terminal(a.err):
		return slog.New(tint.NewTextHandler(a.err, &tint.Options{Level: level, TimeFormat: "15:04:05", NoColor: !a.colors(a.err), ReplaceAttr: printableAttr}))
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// printableAttr cleans what is logged, for tint lets escape sequences through: part of it is what modules and workers said.
func printableAttr(_ []string, attr slog.Attr) slog.Attr {
	switch v := attr.Value.Any().(type) {
	case string:
		attr.Value = slog.StringValue(daemon.Printable(v))
	case error:
		attr.Value = slog.StringValue(daemon.Printable(v.Error()))
	}
	return attr
}

// open starts a daemon for a command.
func (a *app) open(ctx context.Context) (*daemon.Daemon, error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	return daemon.Open(ctx, cfg)
}

func (a *app) history(ctx context.Context) (*daemon.History, error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	return daemon.OpenHistory(ctx, cfg)
}

func (a *app) terminal(w io.Writer) bool {
	if _, ok := w.(*screen); ok {
		return true
	}
	f, ok := w.(*stream)
	return ok && term.IsTerminal(int(f.file.Fd())) && os.Getenv("TERM") != "dumb"
}

// colors follows no-color.org and the usual flags.
func (a *app) colors(w io.Writer) bool {
	switch {
	case a.color == "never" || (a.color == "auto" && os.Getenv("NO_COLOR") != ""):
		return false
	case a.color == "always" || os.Getenv("CLICOLOR_FORCE") != "":
		return true
	}
	return a.terminal(w)
}

func (a *app) printJSON(v any) {
	enc := json.NewEncoder(printable{a.out})
	enc.SetEscapeHTML(false)
	enc.Encode(v) // a.out keeps what went wrong
}

// listed is a list in JSON where there is nothing in it, too: scripts go over it.
func listed[T any](list []T) []T { return append([]T{}, list...) }

// printable writes JSON, whole values of it, so that a terminal only shows it.
type printable struct{ io.Writer }

func (w printable) Write(p []byte) (int, error) {
	if _, err := w.Writer.Write(daemon.PrintableJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printMessage writes a message of a run. What a process before told of it is told.
func (a *app) printMessage(e journal.Event) {
	if !e.Again {
		a.printJSON(e)
	}
}

// printError writes an error for a person. Problems of a workflow bring their own form; who reads no more is told nothing.
func (a *app) printError(err error) {
	if errors.Is(err, errUnread) {
		return
	}
	if problems, ok := daemon.Problems(err); ok {
		problems.Write(a.err, "text")
		return
	}
	fmt.Fprintln(a.err, "levee: "+daemon.Printable(strings.TrimSpace(err.Error())))
}
