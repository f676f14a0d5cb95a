package graph

import (
	"maps"
	"slices"

	"levee/graph/value"
)

// translate puts a node in front of a property whose values are called otherwise here: it looks up what the edge brings.
func (x *foreign) translate(n *foreignNode, e *foreignEdge, w, siblings *tree) *tree {
	literals := n.rule.Enum[e.targetHandle]
	if literals == nil {
		return w
	}
	typ := value.Type("")
	if from := x.origin(e); from != nil {
		typ = x.declared(from)
	}
	table, same := mapAt(e.pos), true
	for _, key := range slices.Sorted(maps.Keys(literals)) {
		to := goTree(literals[key], e.pos)
		table.add(key, e.pos, to)
		same = same && to.scalar == key
	}
	if same && typ == value.String {
		return w
	}
	name := n.name + "_" + slug(e.targetHandle)
	if typ == "" || typ.HasVar() || typ == value.Bool || typ == value.Int || typ == value.Float {
		w = x.between(name+"_text", "convert/to_string", "value", w, nil, siblings, "value")
	}
	return x.between(name, "map/get", "key", w, oneAt(e.pos, "map", table), siblings, "value")
}
