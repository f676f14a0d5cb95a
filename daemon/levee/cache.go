package main

import (
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"levee/daemon"
)

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cache", Short: "Look at the stored results", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.cacheListCommand(), a.cacheVerifyCommand(), a.cacheTrimCommand())
	return cmd
}

func (a *app) cacheListCommand() *cobra.Command {
	limit := 50
	cmd := &cobra.Command{
		Use: "ls", Short: "List the results, the newest first", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withHistory(func(h *daemon.History) error {
				items, err := h.Cache.List(a.drain, 0, limit)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, i := range items {
					if a.json {
						a.printJSON(i)
						continue
					}
					rows = append(rows, []string{
						i.Key.Short(), i.Node, daemon.SizeText(i.Size), took(i.Cost), "made " + i.Created.Format(time.DateTime), "used " + i.Used.Format(time.DateTime),
					})
				}
				writeColumns(a.out, rows, nil)
				u, err := h.Cache.Usage(a.drain)
				if err == nil {
					fmt.Fprintf(a.err, "%s in %s\n", daemon.SizeText(u.Bytes()), h.Cache.Dir())
				}
				return err
			})
		},
	}
	cmd.Flags().Var(number(&limit, 1, math.MaxInt32), "last", "how many (default 50)")
	return cmd
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	return &cobra.Command{
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
}

func (a *app) cacheTrimCommand() *cobra.Command {
	keep := int64(10 << 30)
	cmd := &cobra.Command{
		Use: "trim", Short: "Drop the results that were used least recently and are cheap to make again", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withHistory(func(h *daemon.History) error {
				t, err := h.Cache.Trim(a.drain, keep)
				if err != nil {
					return err
				}
				if a.json {
					a.printJSON(t)
					return nil
				}
				fmt.Fprintf(a.out, "dropped %s, %s, %s\n", daemon.CountText(t.Entries, "result"), daemon.CountText(t.Files, "file"), daemon.SizeText(t.Bytes))
				u, err := h.Cache.Usage(a.drain)
				if err == nil && u.Bytes() > keep {
					fmt.Fprintf(a.err, "%s are left: files used in the last ten minutes, and what open runs use, stay\n", daemon.SizeText(u.Bytes()))
				}
				return err
			})
		},
	}
	cmd.Flags().Var(size(&keep, 0), "max", "the size to keep (default 10GiB)")
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
