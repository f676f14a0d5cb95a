package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"levee/graph/value"
)

// checkForeign converts a foreign file and checks what comes of it. Where the other system converts a value on its own, or
// finds out at run time what it is, the first check notes which conversion is needed; these become nodes, and the second
// check is the ordinary one.
func checkForeign(f *File, resolve func(uses string) (*Type, error)) (*Graph, Problems) {
	x := &foreign{report: f.found, resolve: resolve, maps: f.Map}
	f.foreign = x
	root := x.convert(f.form, f.root)
	if root == nil {
		return nil, f.found.list()
	}
	f.reread(root)
	for range maxRounds {
		x.casts, x.widened = map[castSite]string{}, false
		g, problems := check(f, resolve)
		if len(problems) > 0 || len(x.casts) == 0 && !x.widened {
			x.label(g)
			return g, problems
		}
		x.insertCasts()
		f.reread(root)
	}
	g, problems := check(f, resolve)
	x.label(g)
	return g, problems
}

// label keeps the names of inputs and outputs that could not stay.
func (x *foreign) label(g *Graph) {
	if g == nil {
		return
	}
	g.Aliases = map[string]string{}
	for given, n := range x.inputs {
		if given != n.name {
			g.Aliases[given] = n.name
		}
	}
	for i := range g.Outputs {
		if o := &g.Outputs[i]; x.outputs[o.Name] != o.Name {
			o.Label = x.outputs[o.Name]
		}
	}
}

// maxRounds bounds how often a file is checked: a conversion may need another one behind it.
const maxRounds = 6

// reread reads the converted tree as a file of our own.
func (f *File) reread(root *tree) {
	f.graph, f.nodes, f.Inputs = nil, 0, nil
	p := parser{report: f.found, file: f}
	p.own(root)
	if f.nodes > MaxNodes {
		f.graph = nil
	}
	f.graph.walk(func(n *rawNode) {
		if o := f.foreign.byName[n.node.ID]; o != nil {
			n.node.Origin, n.node.Label = o.id, o.title
			if o.title == "" {
				n.node.Label = o.id
			}
		}
	})
}

// castSite is a wire that needs a conversion: where it ends. Key is the place among the wires of the port.
type castSite struct {
	node, port string
	index      int
}

// cast is typeOf for the wire of a port; of a foreign file it is what a conversion makes of it, where one is needed.
func (c *checker) cast(n *rawNode, port *value.Port, index int, w *wire, pattern value.Type, vars map[value.Type]value.Type) value.Type {
	typ := c.typeOf(w)
	x := c.file.foreign
	if x == nil || typ == "" {
		return typ
	}
	want := x.wanted(n, w, typ, pattern, vars)
	if want == "" || value.Assignable(typ, want) {
		return typ
	}
	to := castTo(typ, want)
	if to == "" {
		return typ
	}
	x.casts[castSite{n.node.ID, port.Name, index}] = to
	return want
}

// wanted is the type that the wire of a port must have; "" when it fits as it is. Where wires of different types meet in one
// type variable, which nodetool takes as they come, all of them become JSON, or lists of any.
func (x *foreign) wanted(n *rawNode, w *wire, typ, pattern value.Type, vars map[value.Type]value.Type) value.Type {
	if hint := x.hint(n.node.ID, w); hint != "" && isLoose(typ) {
		return hint
	}
	if !pattern.HasVar() {
		return pattern
	}
	if pattern.IsVar() || pattern.Base() == typ.Base() {
		if !x.wide[n.node.ID] && value.Bind(pattern, typ, maps.Clone(vars)) {
			return ""
		}
		x.widen(n.node.ID)
		for _, v := range []value.Type{pattern, pattern.Elem()} {
			if v.IsVar() {
				vars[v] = wideType(n)
			}
		}
	}
	wide := wideType(n)
	if pattern.IsVar() {
		return wide
	}
	return value.Type(pattern.Base()) + "<" + wide + ">"
}

// wideType is what the type variables of a node stand for that takes values of any type: any where one of its ports is wired
// to a list, which convert/to_list makes one of any, else JSON.
func wideType(n *rawNode) value.Type {
	for i := range n.node.Type.Inputs {
		if p := &n.node.Type.Inputs[i]; p.Type.HasVar() && !p.Type.IsVar() && len(n.inWires[p.Name]) > 0 {
			return value.Any
		}
	}
	return value.JSON
}

// widen notes that the type variables of a node stand for values of any type.
func (x *foreign) widen(node string) {
	x.widened = x.widened || !x.wide[node]
	x.wide[node] = true
}

// widenFor widens the type variables of a node for a literal that does not fit them.
func (b *binding) widenFor(pattern value.Type) {
	x := b.c.file.foreign
	if x == nil {
		return
	}
	for v := pattern; v != ""; v = v.Elem() {
		if v.IsVar() {
			x.widen(b.n.node.ID)
			if b.vars[v] = wideType(b.n); !b.wiresVar() {
				x.lone[b.n.node.ID] = true
			}
		}
	}
}

// wiresVar reports whether a wire binds a type variable of the node.
func (b *binding) wiresVar() bool {
	for i := range b.n.node.Type.Inputs {
		if p := &b.n.node.Type.Inputs[i]; p.Type.HasVar() && len(b.n.inWires[p.Name]) > 0 {
			return true
		}
	}
	return false
}

// isLoose reports whether no more of a value is known than that it is there.
func isLoose(t value.Type) bool {
	return t == value.Any || t == value.JSON || t.Elem() == value.Any || t.Elem() == value.JSON
}

// hint is the type that the table names for a property that takes several.
func (x *foreign) hint(name string, w *wire) value.Type {
	n, e := x.byName[name], x.byPos[w.pos]
	if n == nil || n.rule == nil || e == nil || e.target != n {
		return ""
	}
	return n.rule.Types[e.targetHandle]
}

// castTo names the output of the core node, pack/type.port, that makes a type of another where nodetool lets the value
// through; "" where it does not. What needs two steps gets the first one.
func castTo(from, to value.Type) (output string) {
	open := from == value.Any || from == value.JSON
	plain := open || from == value.Bool || from == value.Int || from == value.Float || from == value.String || from.Base() == "list" || from.Base() == "map"
	elem := to.Elem()
	switch {
	case from == value.Float && to == value.Int:
		return "math/to_int.value"
	case to == value.JSON && plain:
		return "json/from_any.value"
	case open && (to == value.Bool || to == value.Int || to == value.Float || to == value.String):
		return "convert/to_" + string(to) + ".value"
	case from == value.Any && to == value.Bytes:
		return "convert/to_bytes.data"
	case from == value.Any && (to == value.Image || to == value.Table):
		return fmt.Sprintf("convert/to_%s.%s", to, to)
	case to.Base() == "list" && (open || from.Base() == "list" && (isLoose(from) || elem == value.Any || elem == value.JSON)):
		switch {
		case elem == value.Bool || elem == value.Int || elem == value.Float || elem == value.String:
			return "convert/to_" + string(elem) + "s.list"
		case elem == value.JSON && from == value.JSON:
			return "json/to_list.list"
		case elem == value.JSON:
			return "json/from_any.value"
		}
		return "convert/to_list.list"
	case to == value.MapOf(value.Any) && (open || from.Base() == "map"):
		return "convert/to_map.map"
	}
	return ""
}

// insertCasts adds the nodes that convert, in front of those that need them. One conversion of one wire is made once.
func (x *foreign) insertCasts() {
	x.pending = map[*tree]map[string][]field{}
	defer x.insertPending()
	made := map[string]string{} // uses of a wire in a graph -> the wire behind it
	x.eachPlace(func(name string, at placed) {
		if x.lone[name] {
			x.insertLiterals(at, name)
		}
		in := at.node.get("in")
		if in == nil {
			return
		}
		for i := range in.fields {
			for k, w := range in.fields[i].value.wires() {
				to, ok := x.casts[castSite{name, in.fields[i].key, k}]
				if !ok {
					continue
				}
				text, _ := w.text()
				key := fmt.Sprintf("%p %s %s", at.siblings, to, text)
				if made[key] == "" {
					made[key] = x.insertCast(at, name, to, w)
				}
				w.scalar = made[key]
			}
		}
	})
}

// eachPlace visits the nodes in the order of the file.
func (x *foreign) eachPlace(visit func(name string, at placed)) {
	var names []string
	var walk func(nodes *tree)
	walk = func(nodes *tree) {
		for i := range nodes.fields {
			names = append(names, nodes.fields[i].key)
			if body := nodes.fields[i].value.get("nodes"); body != nil {
				walk(body)
			}
		}
	}
	walk(x.root.get("nodes"))
	for _, name := range names {
		visit(name, x.places[name])
	}
}

// insertLiterals makes nodes of the literals whose types differ: literals alone cannot say that a type variable is JSON.
func (x *foreign) insertLiterals(at placed, name string) {
	delete(x.lone, name)
	n, with := x.byName[name], at.node.get("with")
	if n == nil || n.sig == nil || with == nil {
		return
	}
	for i := 0; i < len(with.fields); {
		f := with.fields[i]
		if p, ok := n.sig.Input(f.key); !ok || !p.Type.IsVar() {
			i++
			continue
		}
		with.fields = slices.Delete(with.fields, i, i+1)
		cast, node := x.names.free(slug(name+"_"+f.key)), taskAt("json/from_any", f.pos)
		node.add("with", f.pos, oneAt(f.pos, "value", f.value))
		x.insertBefore(at, name, cast, node)
		if at.node.get("in") == nil {
			at.node.add("in", f.pos, mapAt(f.pos))
		}
		at.node.get("in").add(f.key, f.pos, textAt(cast+".value", f.pos))
	}
	if len(with.fields) == 0 {
		at.node.fields = slices.DeleteFunc(at.node.fields, func(f field) bool { return f.key == "with" })
	}
}

// insertBefore adds a node in front of another one, once all are known.
func (x *foreign) insertBefore(at placed, name, added string, node *tree) {
	x.places[added] = placed{node, at.siblings}
	if x.pending[at.siblings] == nil {
		x.pending[at.siblings] = map[string][]field{}
	}
	x.pending[at.siblings][name] = append(x.pending[at.siblings][name], field{key: added, pos: node.pos, value: node})
}

// insertPending puts the added nodes where they belong.
func (x *foreign) insertPending() {
	for nodes, added := range x.pending {
		fields, notes := make([]field, 0, len(nodes.fields)+len(added)), nodes.notes
		nodes.notes = nil
		for i := 0; i <= len(nodes.fields); i++ {
			for len(notes) > 0 && notes[0].at <= i {
				nodes.notes = append(nodes.notes, note{at: len(fields), text: notes[0].text})
				notes = notes[1:]
			}
			if i < len(nodes.fields) {
				fields = append(append(fields, added[nodes.fields[i].key]...), nodes.fields[i])
			}
		}
		nodes.fields = fields
	}
}

func (x *foreign) insertCast(at placed, name, to string, w *tree) (wire string) {
	uses, out := cutLast(to, ".")
	text, _ := w.text()
	source := strings.ReplaceAll(strings.TrimPrefix(text, "inputs."), ".", "_")
	_, made := cutLast(uses, "_")
	if uses == "json/from_any" {
		made = "json"
	}
	cast := x.names.free(slug(source + "_as_" + made))
	node := taskAt(uses, w.pos)
	node.add("in", w.pos, oneAt(w.pos, "value", textAt(text, w.pos)))
	if uses == "math/to_int" {
		node.add("with", w.pos, oneAt(w.pos, "mode", textAt("zero", w.pos)))
	}
	x.insertBefore(at, name, cast, node)
	return cast + "." + out
}
