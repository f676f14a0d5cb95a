package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"levee/graph/value"
)

// What the checker says of foreign files has the words of the other system in front, and its names.

// mismatch is what stands in front of a message about types, of a foreign file: the names that the file itself uses.
func (c *checker) mismatch(w *wire, from, to value.Type, collect bool) string {
	x := c.file.foreign
	if x == nil {
		return ""
	}
	e := x.byPos[w.pos]
	if e == nil {
		return ""
	}
	if collect {
		return fmt.Sprintf("Type mismatch for property '%s' - %s.%s outputs an incompatible type '%s': ", clip(e.targetHandle), clip(e.source.id), clip(e.sourceHandle), foreignName(from))
	}
	return fmt.Sprintf("Type mismatch for property '%s' - %s.%s outputs %s but %s.%s expects %s: ", clip(e.targetHandle),
		clip(e.source.id), clip(e.sourceHandle), foreignName(from), clip(e.target.id), clip(e.targetHandle), foreignName(to))
}

// foreignName is how nodetool writes a type.
func foreignName(t value.Type) string {
	return strings.NewReplacer("string", "str", "<", "[", ">", "]", "map", "dict", "table", "dataframe").Replace(string(t))
}

// invalid is what stands in front of a message about a literal.
func (c *checker) invalid(port string) string {
	if c.file.foreign == nil {
		return ""
	}
	return fmt.Sprintf("Invalid value for property `%s`: ", port)
}

// listText is what stands in front of a message about a loop over no list.
func (c *checker) listText() string {
	if c.file.foreign == nil {
		return ""
	}
	return notAList + " "
}

// lacking is what stands in front of a message about an input that nothing is given for.
func (c *checker) lacking(n *rawNode, port string) string {
	x := c.file.foreign
	if x == nil {
		return ""
	}
	if o := x.byName[n.node.ID]; o != nil && o.rule != nil {
		for _, property := range slices.Sorted(maps.Keys(o.rule.In)) {
			if o.rule.In[property] == port {
				port = property
				break
			}
		}
	}
	return fmt.Sprintf("Missing inputs: %s: ", port)
}
