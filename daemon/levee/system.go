package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/docs"
	"levee/graph"
	"levee/nodes"
	"levee/runtime"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version and the engine's", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				a.printJSON(map[string]string{"type": "version", "version": version, "engine": runtime.EngineVersion(), "go": goruntime.Version(), "system": goruntime.GOOS + "/" + goruntime.GOARCH})
				return nil
			}
			fmt.Fprintf(a.out, "levee %s\nengine %s\n%s %s/%s\n", version, runtime.EngineVersion(), goruntime.Version(), goruntime.GOOS, goruntime.GOARCH)
			return nil
		},
	}
}

func (a *app) pathsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "paths", Short: "Print where levee keeps things", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			p, err := cfg.Paths()
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(p)
				return nil
			}
			fmt.Fprintf(a.out, "history  %s\nresults  %s (may be deleted)\nnative   %s (may be deleted)\n", p.State, p.Cache, p.Native)
			return nil
		},
	}
}

func (a *app) schemaCommand() *cobra.Command {
	var messages bool
	cmd := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of workflow files, for editors, or of messages, for programs", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := graph.Schema()
			if messages {
				text = docs.MessagesSchema
			}
			_, err := a.out.Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&messages, "messages", false, "of the messages of runs: what --json prints while they run")
	return cmd
}

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check what this machine gives: sandbox, engine, disk, watches", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			checks := daemon.Examine(a.drain, cfg)
			bad := false
			tw := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
			for _, c := range checks {
				bad = bad || !c.OK
				if a.json {
					a.printJSON(c)
					continue
				}
				state := "ok"
				if !c.OK {
					state = "BAD"
				}
				fmt.Fprintf(tw, "%s\t%s\t%s\n", state, c.Name, c.Detail)
			}
			tw.Flush()
			if bad {
				return exitError(daemon.ExitFailed)
			}
			return nil
		},
	}
	a.engineFlags(cmd)
	return cmd
}

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use: "init [DIR]", Short: "Lay out a folder with a first workflow", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if at, err := os.Stat(dir); err == nil && !at.IsDir() {
				return usageError{fmt.Errorf("%s is a file: init wants a folder", dir)}
			}
			var made []string
			err := fs.WalkDir(nodes.Scaffold(), ".", func(name string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				text, err := fs.ReadFile(nodes.Scaffold(), name)
				if err != nil {
					return err
				}
				made = append(made, name)
				return lay(filepath.Join(dir, filepath.FromSlash(name)), text)
			})
			if err == nil {
				made = append(made, ".levee/workflow.schema.json")
				err = lay(filepath.Join(dir, ".levee", "workflow.schema.json"), graph.Schema())
			}
			if err != nil {
				return err
			}
			for _, name := range made {
				fmt.Fprintln(a.out, filepath.Join(dir, name))
			}
			try := "levee run hello.flow.yaml"
			if dir != "." {
				try = "cd " + dir + " && " + try
			}
			fmt.Fprintln(a.err, "try: "+try)
			return nil
		},
	}
}

// lay writes a file unless another one is there.
func lay(name string, text []byte) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == string(text) {
		return nil
	} else if err == nil {
		return fmt.Errorf("%s is there already and is another one: nothing was overwritten", name)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cache", Short: "Look at the stored results", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	limit := 50
	ls := &cobra.Command{
		Use: "ls", Short: "List the results, the newest first", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withHistory(func(h *daemon.History) error {
				items, err := h.Cache.List(a.drain, 0, limit)
				if err != nil {
					return err
				}
				tw := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
				for _, i := range items {
					if a.json {
						a.printJSON(i)
						continue
					}
					fmt.Fprintf(tw, "%s\t%s\t%s\t%s\tmade %s\tused %s\n", i.Key.Short(), i.Node, daemon.SizeText(i.Size), took(i.Cost), i.Created.Format(time.DateTime), i.Used.Format(time.DateTime))
				}
				tw.Flush()
				u, err := h.Cache.Usage(a.drain)
				if err == nil {
					fmt.Fprintf(a.err, "%s in %s\n", daemon.SizeText(u.Bytes()), h.Cache.Dir())
				}
				return err
			})
		},
	}
	ls.Flags().Var(number(&limit, 1, math.MaxInt32), "last", "how many (default 50)")
	verify := &cobra.Command{
		Use: "verify", Short: "Hash every stored result again and drop what is damaged", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withHistory(func(h *daemon.History) error {
				r, err := h.Cache.Verify(a.drain)
				if err != nil {
					return err
				}
				if a.json {
					a.printJSON(r)
				} else {
					fmt.Fprintf(a.out, "%s, %s, %s hashed; dropped: %d damaged, %d incomplete, %s\n", daemon.CountText(r.Entries, "result"), daemon.CountText(r.Files, "file"), daemon.SizeText(r.Bytes), r.BadEntries, r.Incomplete, daemon.CountText(r.BadFiles, "damaged file"))
				}
				if !r.Clean() {
					return exitError(daemon.ExitFailed)
				}
				return nil
			})
		},
	}
	keep := int64(10 << 30)
	trim := &cobra.Command{
		Use: "trim", Short: "Drop the results that were used least recently and are cheap to make again", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withHistory(func(h *daemon.History) error {
				t, err := h.Cache.Trim(a.drain, keep)
				if err != nil {
					return err
				}
				if a.json {
					a.printJSON(t)
				} else {
					fmt.Fprintf(a.out, "dropped %s, %s, %s\n", daemon.CountText(t.Entries, "result"), daemon.CountText(t.Files, "file"), daemon.SizeText(t.Bytes))
				}
				return nil
			})
		},
	}
	trim.Flags().Var(size(&keep, 0), "max", "the size to keep (default 10GiB)")
	cmd.AddCommand(ls, verify, trim)
	return cmd
}

func (a *app) withHistory(do func(*daemon.History) error) error {
	h, err := a.history(a.drain)
	if err != nil {
		return err
	}
	defer h.Close()
	return do(h)
}
