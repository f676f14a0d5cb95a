package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/runtime"
)

// app is the command line: its global flags and its two streams. stdout is the result, stderr the progress.
type app struct {
	drain, cut context.Context
	out, err   io.Writer

	config    daemon.Config
	json      bool
	color     string
	logFormat string
	isolation string
	verbose   bool
	readOnly  bool
	maxMemory string
	maxGPU    string
	cacheMax  string
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
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%s (see %s --help)", goNames.Replace(err.Error()), cmd.CommandPath())}
	})
	f := cmd.PersistentFlags()
	f.StringVar(&a.config.StateDir, "state", cmp.Or(os.Getenv("LEVEE_STATE"), os.Getenv("STATE_DIRECTORY")), "folder of the run history (default: see levee paths)")
	f.StringVar(&a.config.CacheDir, "cache", cmp.Or(os.Getenv("LEVEE_CACHE"), os.Getenv("CACHE_DIRECTORY")), "folder of stored results; may be deleted (default: see levee paths)")
	f.StringSliceVar(&a.config.NodeDirs, "nodes", filepath.SplitList(os.Getenv("LEVEE_NODES")), "folders of registered modules")
	f.BoolVar(&a.json, "json", false, "machine-readable output; the last line says how it ended")
	f.StringVar(&a.color, "color", "auto", "auto, always or never")
	f.StringVar(&a.logFormat, "log-format", "auto", "auto, text or json")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log more")
	f.Lookup("state").DefValue, f.Lookup("cache").DefValue = "", "" // levee paths says it
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

// goNames takes names of Go's library out of messages for people.
var goNames = strings.NewReplacer("strconv.ParseInt: ", "", "strconv.ParseBool: ", "", "time: ", "")

// usageErrors makes what cobra says about arguments usage errors, in all commands.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return nil
			}
			if like := cmd.SuggestionsFor(strings.Join(args, " ")); cmd.HasSubCommands() && len(like) > 0 {
				return usageError{fmt.Errorf("%w: did you mean %s?", err, strings.Join(like, " or "))}
			}
			if cmd.HasSubCommands() {
				return usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
			}
			return usageError{fmt.Errorf("%s given; usage: %s (see %s --help)", count(len(args), "argument"), strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())}
		}
	}
	for _, sub := range cmd.Commands() {
		usageErrors(sub)
	}
}

// engineFlags are those of commands that run nodes.
func (a *app) engineFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.cacheMax, "cache-max", "", "size that the stored results are kept below (default 10GiB)")
	f.DurationVar(&a.config.KeepRuns, "keep-runs", 0, "age at which ended runs are forgotten (default 2160h)")
	f.IntVar(&a.config.Workers, "jobs", 0, "nodes that run at the same time (default: one per CPU)")
	f.IntVar(&a.config.Runs, "runs", 0, "runs of a served folder that go on at the same time (default 8)")
	f.StringVar(&a.isolation, "isolation", string(runtime.IsolationProcess), "process, or weak: goes on without what the kernel lacks (for modules you trust)")
	a.ceilingFlags(cmd)
}

// mapFlag is for commands that take files of other systems.
func (a *app) mapFlag(cmd *cobra.Command) {
	cmd.Flags().StringToStringVar(&a.config.Map, "map", nil, "TYPE=USES: a module for a node type of a nodetool or ComfyUI file, as acme.Blur=./blur.wasm#blur")
	cmd.Flags().Lookup("map").DefValue = ""
}

// ceilingFlags are what the operator allows at most.
func (a *app) ceilingFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&a.config.Ceiling.Read, "allow-read", nil, "the most that workflows may read: folders below the served one (default: all of it)")
	f.StringSliceVar(&a.config.Ceiling.Write, "allow-write", nil, "the most that workflows may write (default: all of the served folder)")
	f.BoolVar(&a.readOnly, "read-only", false, "workflows may write nothing")
	f.StringVar(&a.maxMemory, "max-memory", "", "the most memory that one node may have (default 1GiB)")
	f.StringVar(&a.maxGPU, "max-gpu-memory", "", "the most memory that one node may have in tensors, on a GPU or not (default 4GiB)")
	f.DurationVar(&a.config.Ceiling.Time, "max-time", 0, "the most time that one node may take (default 1h)")
	f.StringToIntVar(&a.config.Devices, "device", nil, "NAME=SLOTS: declares a device that nodes may ask for, with how many run on it at once; for tests")
	f.BoolVar(&a.config.SharedFiles, "shared-files", false, "also take files that others may write")
}

// settings completes the configuration from the flags.
func (a *app) settings() (daemon.Config, error) {
	cfg := a.config
	switch runtime.Isolation(a.isolation) {
	case "", runtime.IsolationProcess, runtime.IsolationWeak:
		cfg.Isolation = runtime.Isolation(a.isolation)
	default:
		return cfg, usageError{fmt.Errorf("--isolation %q: process or weak", a.isolation)}
	}
	if a.color != "auto" && a.color != "always" && a.color != "never" {
		return cfg, usageError{fmt.Errorf("--color %q: auto, always or never", a.color)}
	}
	for name, n := range cfg.Devices {
		if name != "gpu" || n < 1 || n > 1024 {
			return cfg, usageError{fmt.Errorf("--device %s=%d: the one that can be declared is gpu, with 1 to 1024 slots", name, n)}
		}
	}
	if cfg.Workers < 0 {
		return cfg, usageError{fmt.Errorf("--jobs %d: 1 or more", cfg.Workers)}
	}
	for _, size := range []struct {
		flag, text string
		to         *int64
	}{{"max-memory", a.maxMemory, &cfg.Ceiling.Memory}, {"max-gpu-memory", a.maxGPU, &cfg.Ceiling.GPU}, {"cache-max", a.cacheMax, &cfg.CacheMax}} {
		if size.text == "" {
			continue
		}
		n, err := daemon.ParseSize(size.text)
		if err != nil {
			return cfg, usageError{fmt.Errorf("--%s: %w", size.flag, err)}
		}
		*size.to = n
	}
	if a.readOnly {
		cfg.Ceiling.Write = []string{}
	}
	log, err := a.logger()
	cfg.Log = log
	return cfg, err
}

func (a *app) logger() (*slog.Logger, error) {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	switch {
	case a.logFormat == "json":
		return slog.New(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level})), nil
	case a.logFormat == "auto" && a.terminal(a.err):
		return slog.New(tint.NewTextHandler(a.err, &tint.Options{Level: level, TimeFormat: "15:04:05", NoColor: !a.colors(a.err)})), nil
	case a.logFormat == "auto" || a.logFormat == "text":
		return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level})), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %q: auto, text or json", a.logFormat)}
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
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
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
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		a.printError(err)
	}
}

// printMessage writes a message of a run. What a process before told of it is told.
func (a *app) printMessage(e journal.Event) {
	if !e.Again {
		a.printJSON(e)
	}
}

// printError writes an error for a person. Problems of a workflow bring their own form.
func (a *app) printError(err error) {
	if problems, ok := daemon.Problems(err); ok {
		problems.Write(a.err, "text")
		return
	}
	fmt.Fprintln(a.err, "levee: "+daemon.Printable(strings.TrimSpace(err.Error())))
}
