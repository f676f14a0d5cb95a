package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"levee/graph"
	"levee/nodes"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use: "init [DIR]", Short: "Lay out a folder with a first workflow", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if at, err := os.Stat(dir); err == nil && !at.IsDir() {
				return usagef("%s is a file: init wants a folder", dir)
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
