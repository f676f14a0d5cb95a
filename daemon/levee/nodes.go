package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"levee/daemon"
	"levee/graph/value"
	"levee/nodes"
)

func (a *app) nodesCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use: "nodes [PACK | TYPE]", Short: "List the node types, or describe one", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.offerTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := nodes.New(a.config.NodeDirs...)
			if err != nil {
				return err
			}
			types, broken := reg.List()
			for _, err := range broken {
				fmt.Fprintln(a.err, daemon.Printable("levee: "+err.Error()))
			}
			pack := types
			if len(args) == 1 {
				pack = slices.DeleteFunc(slices.Clone(types), func(t *nodes.NodeType) bool { return t.Module.Name != args[0] })
			}
			if len(args) == 1 && len(pack) > 0 {
				types = pack
			} else if len(args) == 1 {
				t, err := reg.Resolve(args[0], os.ReadFile)
				if err != nil {
					return err
				}
				types = []*nodes.NodeType{t}
			}
			switch {
			case a.json:
				for _, t := range types {
					a.printJSON(typeJSON(t))
				}
			case markdown:
				fmt.Fprint(a.out, nodes.Page(types))
			case len(args) == 1 && len(pack) == 0:
				text := types[0].Text()
				if strings.Contains(args[0], ".wasm") {
					text = strings.Replace(text, "uses: "+types[0].FullName, "uses: "+args[0], 1)
				}
				fmt.Fprint(a.out, text)
			default:
				var rows [][]string
				for _, t := range types {
					rows = append(rows, []string{t.FullName, t.Module.Version, daemon.Printable(oneLine(t.Doc))})
				}
				writeColumns(a.out, rows, nil)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "as a page of documentation")
	return cmd
}

func typeJSON(t *nodes.NodeType) map[string]any {
	return map[string]any{
		"type": "node_type", "name": t.FullName, "version": t.Module.Version, "sha256": fmt.Sprintf("%x", t.Module.Hash), "doc": t.Doc,
		"inputs": listed(t.Inputs), "outputs": listed(t.Outputs), "wants": listed(t.Wants), "devices": t.Devices, "abi": t.ABI, "idempotent": t.Idempotent,
	}
}

func (a *app) packCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "pack MODULE.wasm MANIFEST.json", Short: "Put a manifest into a module", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			module, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			manifest, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			if _, err := nodes.ParseManifest(manifest); err != nil {
				return fmt.Errorf("%s: %w", args[1], err)
			}
			packed, err := nodes.Pack(module, manifest)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			m, err := nodes.ReadModule(args[0], packed, nil)
			if err != nil {
				return err
			}
			if err := daemon.CheckModule(m); err != nil {
				return err
			}
			if output == "" {
				output = args[0]
			}
			if err := renameio.WriteFile(output, packed, 0o644); err != nil {
				return err
			}
			var names []string
			for _, n := range m.Manifest.Nodes {
				names = append(names, m.Name+"/"+n.Name)
			}
			fmt.Fprintf(a.out, "%s: %s %s: %s\n", output, m.Name, m.Version, strings.Join(names, ", "))
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write here instead of over the module")
	return cmd
}

func (a *app) callCommand() *cobra.Command {
	var in []string
	cmd := &cobra.Command{
		Use:     "call TYPE",
		Short:   "Run one node alone",
		Example: "  levee call text/upper --in text=hello\n  levee call ./resize.wasm --in image=@photo.bin",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.offerTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.open(a.drain)
			if err != nil {
				return err
			}
			defer d.Close()
			ports := make(map[string]value.Type)
			for _, arg := range in {
				name, text, ok := strings.Cut(arg, "=")
				if !ok {
					return usagef("--in %s: wants PORT=VALUE or PORT=@FILE", arg)
				}
				if ports[name] = value.String; strings.HasPrefix(text, "@") {
					ports[name] = value.Bytes
				}
			}
			flow, err := d.SingleNode(args[0], ports)
			if err != nil {
				return err
			}
			req := daemon.Request{Why: "levee call"}
			if err := a.fill(a.drain, d, flow, &req, givenBy("in", in)); err != nil {
				return err
			}
			return a.runOnce(a.drain, d, flow, req)
		},
	}
	cmd.Flags().StringArrayVar(&in, "in", nil, "PORT=VALUE or PORT=@FILE: an input")
	a.engineFlags(cmd)
	return cmd
}
