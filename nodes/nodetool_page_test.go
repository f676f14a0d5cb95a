package nodes

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/nodetool-types.md is what graph/nodetool.json says.
func TestNodetoolPage(t *testing.T) {
	page, file := nodetoolPage(nodetoolTable(t)), filepath.Join("..", "docs", "nodetool-types.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
		require.NoError(t, os.Chmod(file, 0o644)) //nolint:gosec // a file of the repository
	}
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, page, string(have), "go test ./nodes -run TestNodetoolPage -update")
}

const nodetoolHead = `# Node types of nodetool

What levee runs for a node type in a file of nodetool. A type that is not here is an error that names it; ` + "`--map TYPE=USES`" + ` names a module for it.
The types under comfy are ComfyUI's own. This page is made from ` + "`graph/nodetool.json`" + `. *Differs* is what comes out otherwise than in nodetool, by intent.

Everywhere: dictionaries are JSON objects, so what they hold must have a JSON form. An int result over 64 bits is an error. A value of no fixed type
is converted where a type is wanted, and one that does not fit is an error that names it.
`

func nodetoolPage(table map[string]foreignType) string {
	var b strings.Builder
	b.WriteString(nodetoolHead)
	family := ""
	for _, name := range slices.Sorted(maps.Keys(table)) {
		i := strings.LastIndexByte(name, '.')
		if name[:i] != family {
			family = name[:i]
			fmt.Fprintf(&b, "\n## %s\n\n| type | here | differs |\n|---|---|---|\n", family)
		}
		f := table[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name[i+1:], f.here(), mdCell(f.differs()))
	}
	return b.String()
}

// here is what the type is in levee.
func (f *foreignType) here() string {
	switch {
	case f.Uses != "" && f.Kind == "input":
		return fmt.Sprintf("`%s` on an input, `%s`", f.Uses, f.Type)
	case f.Uses != "" && f.Kind == "constant":
		return fmt.Sprintf("`%s` on a literal", f.Uses)
	case f.Uses != "":
		chain := ""
		for _, property := range slices.Sorted(maps.Keys(f.Make)) {
			for _, s := range f.Make[property] {
				chain += fmt.Sprintf("`%s`, ", s.Uses)
			}
		}
		return fmt.Sprintf("%s`%s`", chain, f.Uses)
	}
	switch f.Kind {
	case "input":
		return fmt.Sprintf("an input, `%s`", f.Type)
	case "output":
		return "an output"
	case "constant":
		return fmt.Sprintf("a literal, `%s`", f.Type)
	case "loop", "zip", "foreach":
		return "a group with `each`"
	case "refused":
		return "an error"
	case "reference":
		return fmt.Sprintf("what it refers to, `%s`", f.Type)
	case "repeat":
		return "a group with `repeat`"
	case "group":
		return "its nodes, without it"
	case "group_input":
		return "the element of the group; outside of loops a wire"
	case "group_output":
		return "an output of the group; outside of loops a wire"
	case "comment":
		return "a comment"
	}
	return "a wire"
}

// differs is the note, and what the fields of the line say about it.
func (f *foreignType) differs() string {
	var parts []string
	if f.Note != "" {
		parts = append(parts, f.Note)
	}
	for _, property := range slices.Sorted(maps.Keys(f.Only)) {
		parts = append(parts, fmt.Sprintf("%s is %s", property, f.Only[property]))
	}
	for _, property := range slices.Sorted(maps.Keys(f.In)) {
		if f.In[property] == "" && f.Only[property] == nil && f.Kind != "save" && f.Kind != "variable" {
			parts = append(parts, property+" has no effect")
		}
	}
	return strings.Join(parts, "; ")
}
