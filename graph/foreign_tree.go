package graph

import "strings"

// What the converted tree is made of.

func mapAt(pos Pos) *tree { return &tree{kind: mapTree, pos: pos} }

func textAt(s string, pos Pos) *tree { return &tree{pos: pos, scalar: s} }

func listAt(pos Pos, items ...*tree) *tree { return &tree{kind: listTree, pos: pos, list: items} }

// oneAt is a map with one field.
func oneAt(pos Pos, key string, v *tree) *tree {
	t := mapAt(pos)
	t.add(key, pos, v)
	return t
}

// taskAt is a node of a type, to which with and in are still to come.
func taskAt(uses string, pos Pos) *tree { return oneAt(pos, "uses", textAt(uses, pos)) }

// add appends a field.
func (t *tree) add(key string, pos Pos, v *tree) {
	t.fields = append(t.fields, field{key: key, pos: pos, value: v})
}

// made adds what was made of a node, behind the nodes that it needed.
func (t *tree) made(n *foreignNode, v *tree) { t.add(n.name, n.pos, v) }

// some adds a map or list if there is anything in it.
func (t *tree) some(key string, pos Pos, v *tree) {
	if len(v.fields)+len(v.list) > 0 {
		t.add(key, pos, v)
	}
}

// literalNode adds a node with one literal, and returns the wire to what it gives.
func (x *foreign) literalNode(name, uses, port string, literal, siblings *tree, out string) *tree {
	name = x.names.free(slug(name))
	node := taskAt(uses, literal.pos)
	node.add("with", literal.pos, oneAt(literal.pos, port, literal))
	siblings.add(name, literal.pos, node)
	return textAt(name+"."+out, literal.pos)
}

// constant adds a node that gives a literal, and returns the wire from it.
func (x *foreign) constant(literal *tree, name string, siblings *tree) *tree {
	return x.literalNode(strings.ReplaceAll(name, "-", "_"), constantUses, "value", literal, siblings, "value")
}

// between adds a node that makes something of a wire, and returns the wire behind it.
func (x *foreign) between(name, uses, port string, w, with, siblings *tree, out string) *tree {
	name = x.names.free(slug(name))
	node := taskAt(uses, w.pos)
	if with != nil {
		node.add("with", w.pos, with)
	}
	node.add("in", w.pos, oneAt(w.pos, port, w))
	siblings.add(name, w.pos, node)
	return textAt(name+"."+out, w.pos)
}
