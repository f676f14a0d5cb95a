package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"levee/daemon"
)

func (a *app) importCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Write a workflow of nodetool or ComfyUI in levee's own format",
		Long: "Writes a workflow of nodetool (as it saves them, its short form, a RunJobRequest) or of ComfyUI (API form) in levee's own format, to stdout\n" +
			"or into a new file. Both give the same results: levee run takes the original too.",
		Example:           "  levee import greeting.json -o greeting.flow.yaml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: workflowFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			checker, err := daemon.NewChecker(cfg)
			if err != nil {
				return err
			}
			flow, err := loadFile(checker, args[0])
			if err != nil {
				return err
			}
			text, err := flow.Import()
			if err != nil {
				return failure{daemon.ExitUsage, err}
			}
			head := fmt.Sprintf("# Made of %s by levee import.\n", daemon.Printable(filepath.Base(args[0])))
			if to == "" {
				_, err = a.out.Write(append([]byte(head), text...))
				return err
			}
			return writeNew(to, append([]byte(head), text...))
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "the file to write; one that is there already is left as it is")
	a.mapFlag(cmd)
	return cmd
}

// writeNew writes a file that is not there yet.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s is there already; it was left as it is", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
