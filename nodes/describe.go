package nodes

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"levee/graph/value"
)

// Text describes a node type for a terminal: what it does, its ports, and how to write it in a workflow.
func (t *NodeType) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s  (%s, sha256 %s)\n", t.FullName, t.Module.Version, t.Module.File, hex.EncodeToString(t.Module.Hash[:6]))
	if t.Doc != "" {
		fmt.Fprintf(&b, "\n%s\n", t.Doc)
	}
	writePorts(&b, "inputs", t.Inputs)
	writePorts(&b, "outputs", t.Outputs)
	if extra := t.extras(); extra != "" {
		fmt.Fprintf(&b, "\n%s\n", extra)
	}
	fmt.Fprintf(&b, "\nin a workflow\n%s", indent(t.example(), "  "))
	return b.String()
}

func writePorts(b *strings.Builder, title string, ports []value.Port) {
	if len(ports) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	nameWidth, typeWidth := 0, 0
	for _, p := range ports {
		nameWidth, typeWidth = max(nameWidth, len(p.Name)), max(typeWidth, len(p.Type))
	}
	for _, p := range ports {
		line := fmt.Sprintf("  %-*s  %-*s  %s", nameWidth, p.Name, typeWidth, p.Type, portNote(p, title == "inputs"))
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
}

// portNote is a port's documentation with what may be put there: one line.
func portNote(p value.Port, input bool) string {
	var parts []string
	if p.Doc != "" {
		parts = append(parts, strings.ReplaceAll(p.Doc, "\n", " "))
	}
	var rules []string
	switch {
	case len(p.Default) > 0:
		rules = append(rules, "default "+string(p.Default))
	case p.Optional:
		rules = append(rules, "optional")
	case input:
		rules = append(rules, "required")
	case p.Stream:
		rules = append(rules, "a stream: each begins with the first item")
	}
	if r := rangeText(p); r != "" {
		rules = append(rules, r)
	}
	if len(p.Enum) > 0 {
		rules = append(rules, "one of "+strings.Join(p.Enum, ", "))
	}
	if p.Unit != "" {
		rules = append(rules, "in "+p.Unit)
	}
	if len(rules) > 0 {
		parts = append(parts, "("+strings.Join(rules, "; ")+")")
	}
	return strings.Join(parts, " ")
}

func rangeText(p value.Port) string {
	switch {
	case p.Min != nil && p.Max != nil:
		return number(*p.Min) + " to " + number(*p.Max)
	case p.Min != nil:
		return "at least " + number(*p.Min)
	case p.Max != nil:
		return "at most " + number(*p.Max)
	}
	return ""
}

func number(f float64) string {
	doc, err := json.Marshal(f)
	if err != nil {
		return fmt.Sprint(f)
	}
	return string(doc)
}

// extras is what the node type wants and is, beyond its ports.
func (t *NodeType) extras() string {
	var lines []string
	for _, w := range t.Wants {
		switch w {
		case WantRead:
			lines = append(lines, "Wants to read files: the workflow's allow: {read: [...]} says which.")
		case WantWrite:
			lines = append(lines, "Wants to write files: the workflow's allow: {write: [...]} says where.")
		case WantAnswer:
			lines = append(lines, "Wants an answer from a person: levee resume gives it.")
		}
	}
	if t.ABI == Stdio {
		lines = append(lines, "A WASI program (abi stdio).")
	}
	if len(t.Devices) != 1 || t.Devices[0] != "cpu" {
		lines = append(lines, "Runs on: "+strings.Join(t.Devices, ", ")+".")
	}
	return strings.Join(lines, "\n")
}

// example is a YAML line that uses the node type: wires for its required ports, or for the first ones where it has none.
func (t *NodeType) example() string {
	id := strings.ReplaceAll(t.Name, "-", "_")
	wired := slices.DeleteFunc(slices.Clone(t.Inputs), func(p value.Port) bool { return !p.Required() })
	if len(wired) == 0 {
		wired = t.Inputs[:min(len(t.Inputs), 2)]
	}
	var wires []string
	for _, p := range wired {
		wires = append(wires, p.Name+": inputs."+p.Name)
	}
	if len(wires) == 0 {
		return fmt.Sprintf("%s: { uses: %s }\n", id, t.FullName)
	}
	return fmt.Sprintf("%s: { uses: %s, in: { %s } }\n", id, t.FullName, strings.Join(wires, ", "))
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

// markdown describes a node type as a section of a page.
func (t *NodeType) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", t.FullName)
	if t.Doc != "" {
		fmt.Fprintf(&b, "%s\n\n", mdText(t.Doc))
	}
	b.WriteString("| port | type | |\n|---|---|---|\n")
	for _, p := range t.Inputs {
		fmt.Fprintf(&b, "| in `%s` | `%s` | %s |\n", p.Name, p.Type, mdCell(portNote(p, true)))
	}
	for _, p := range t.Outputs {
		fmt.Fprintf(&b, "| out `%s` | `%s` | %s |\n", p.Name, p.Type, mdCell(portNote(p, false)))
	}
	if extra := t.extras(); extra != "" {
		fmt.Fprintf(&b, "\n%s\n", extra)
	}
	fmt.Fprintf(&b, "\n```yaml\n%s```\n", t.example())
	return b.String()
}

// mdText keeps a manifest's text from being read as markup: it comes from whoever wrote the module.
func mdText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`, "]", `\]`, "#", `\#`).Replace(s)
}

func mdCell(s string) string { return strings.ReplaceAll(mdText(s), "|", `\|`) }

// Page is the reference of node types as one Markdown page, grouped by module: docs/nodes.md for the core pack.
func Page(types []*NodeType) string {
	var b strings.Builder
	b.WriteString("# Core nodes\n\nMade from the modules' manifests by `go test ./nodes -run TestPage -update`; `levee nodes NAME` shows the same.\n")
	var last *ModuleFile
	for _, t := range types {
		if t.Module != last {
			last = t.Module
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", last.Name, mdText(last.Manifest.Doc))
		}
		fmt.Fprintf(&b, "\n%s", t.markdown())
	}
	return b.String()
}
