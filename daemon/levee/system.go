package main

import (
	"fmt"
	goruntime "runtime"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/docs"
	"levee/graph"
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
			var rows [][]string
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
				rows = append(rows, []string{state, c.Name, c.Detail})
			}
			writeColumns(a.out, rows, nil)
			if bad {
				return exitError(daemon.ExitFailed)
			}
			return nil
		},
	}
	a.engineFlags(cmd)
	return cmd
}
