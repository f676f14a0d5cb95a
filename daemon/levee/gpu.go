package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/gpu/inventory"
)

func (a *app) gpuCommand() *cobra.Command {
	return &cobra.Command{
		Use: "gpu", Short: "List the GPUs that nodes can use, or say why there is none", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r := inventory.New("/").Report(a.drain)
			if a.json {
				r.Devices = listed(r.Devices)
				a.printJSON(struct {
					Type string `json:"type"`
					inventory.Report
				}{"gpus", r})
			} else {
				a.listGPUs(r)
			}
			if r.Outcome == inventory.Present {
				return nil
			}
			return &daemon.DeviceError{Needs: []string{"no GPU: " + r.Reason}}
		},
	}
}

func (a *app) listGPUs(r inventory.Report) {
	var rows [][]string
	if a.terminal(a.out) && len(r.Devices) > 0 { // other programs get the rows only
		rows = append(rows, []string{"GPU", "NAME", "MEMORY", "FREE", "COMPUTE", "UUID", "STATE"})
	}
	for _, d := range r.Devices {
		id := fmt.Sprint(d.Index)
		if d.Instance != nil {
			id += fmt.Sprintf(".%d", *d.Instance)
		}
		rows = append(rows, []string{
			id, d.Name, gpuMemory(d.Memory), gpuMemory(d.Free), cmp.Or(d.Capability, "?"), cmp.Or(d.UUID, "?"), gpuState(d),
		})
	}
	writeColumns(a.out, rows, nil)
	if r.Driver != "" {
		fmt.Fprintf(a.err, "driver %s, CUDA %s\n", r.Driver, cmp.Or(r.CUDA, "?"))
	}
}

func gpuMemory(n int64) string {
	if n == 0 {
		return "?"
	}
	return daemon.SizeText(n)
}

func gpuState(d inventory.Device) string {
	switch {
	case d.Unusable != "":
		return "not used: " + d.Unusable
	case d.Note != "":
		return "ok, but " + d.Note
	}
	return "ok"
}
