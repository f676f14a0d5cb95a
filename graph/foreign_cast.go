package graph

import (
	"fmt"
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
	g, problems := check(f, resolve)
	if len(problems) > 0 || len(x.casts) == 0 {
		return g, problems
	}
	x.insertCasts()
	f.reread(root)
	return check(f, resolve)
}

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
	want := pattern.Subst(vars)
	if v := pattern; v.IsVar() && vars[v] == "" {
		want = ""
	}
	if hint := x.hint(n.node.ID, w); hint != "" && (typ == value.Any || typ == value.JSON || typ.Elem() == value.Any || typ.Elem() == value.JSON) {
		want = hint
	} else if want == "" || pattern.HasVar() && want.Base() == typ.Base() && value.Bind(pattern, typ, cloneVars(vars)) || value.Assignable(typ, want) {
		return typ
	}
	if want == value.Int && pattern.IsVar() {
		want = value.Float // a number of which nothing more is known
	}
	to, made := castTo(typ, want)
	if made == "" || made == typ {
		return typ
	}
	x.casts[castSite{n.node.ID, port.Name, index}] = to
	return made
}

func cloneVars(vars map[value.Type]value.Type) map[value.Type]value.Type {
	clone := make(map[value.Type]value.Type, len(vars))
	for k, v := range vars {
		clone[k] = v
	}
	return clone
}

// hint is the type that the table names for a property that takes several.
func (x *foreign) hint(name string, w *wire) value.Type {
	n, e := x.byName[name], x.byPos[w.pos]
	if n == nil || n.rule == nil || e == nil || e.target != n {
		return ""
	}
	return n.rule.Types[e.targetHandle]
}

// castTo names the output of the core node, pack/type.port, that makes a type of another, where nodetool lets the value
// through; made is the type that comes of it.
func castTo(from, to value.Type) (output string, made value.Type) {
	open := from == value.Any || from == value.JSON
	loose := open || from.Elem() == value.Any || from.Elem() == value.JSON
	switch {
	case from == value.Float && to == value.Int:
		return "math/to_int.value", value.Int
	case to == value.JSON && from != value.Image && from != value.Bytes && from != value.Table && from != value.File && from.Base() != "tensor":
		return "json/from_any.value", value.JSON
	case open && (to == value.Bool || to == value.Int || to == value.Float || to == value.String):
		return "convert/to_" + string(to) + ".value", to
	case open && to == value.Bytes:
		return "convert/to_bytes.data", to
	case open && (to == value.Image || to == value.Table):
		return fmt.Sprintf("convert/to_%s.%s", to, to), to
	case loose && to.Base() == "list" && (open || from.Base() == "list"):
		switch e := to.Elem(); e {
		case value.Bool, value.Int, value.Float, value.String:
			return "convert/to_" + string(e) + "s.list", to
		case value.JSON:
			return "json/to_list.list", to
		default:
			return "convert/to_list.list", value.ListOf(value.Any)
		}
	case to == value.ListOf(value.JSON) && from.Base() == "list":
		return "json/to_list.list", to
	case open && to.Base() == "map":
		return "convert/to_map.map", value.MapOf(value.Any)
	}
	return "", ""
}

// insertCasts adds the nodes that convert, in front of those that need them. One conversion of one wire is made once.
func (x *foreign) insertCasts() {
	made := map[string]string{} // uses of a wire in a graph -> the wire behind it
	x.eachPlace(func(name string, at placed) {
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

func (x *foreign) insertCast(at placed, name, to string, w *tree) (wire string) {
	uses, out := cutLast(to, ".")
	text, _ := w.text()
	source := strings.ReplaceAll(strings.TrimPrefix(text, "inputs."), ".", "_")
	_, made := cutLast(uses, "_")
	cast := x.free(slug(source + "_as_" + made))
	node, in := mapAt(w.pos), mapAt(w.pos)
	node.add("uses", w.pos, textAt(uses, w.pos))
	in.add("value", w.pos, textAt(text, w.pos))
	node.add("in", w.pos, in)
	if uses == "math/to_int" {
		with := mapAt(w.pos)
		with.add("mode", w.pos, textAt("zero", w.pos))
		node.add("with", w.pos, with)
	}
	for i := range at.siblings.fields {
		if at.siblings.fields[i].key == name {
			at.siblings.insert(i, field{key: cast, pos: w.pos, value: node})
			break
		}
	}
	return cast + "." + out
}

// insert adds a field in front of field i.
func (t *tree) insert(i int, f field) {
	t.fields = append(t.fields[:i:i], append([]field{f}, t.fields[i:]...)...)
	for k := range t.notes {
		if t.notes[k].at > i {
			t.notes[k].at++
		}
	}
}

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

// lacking is what stands in front of a message about an input that nothing is given for.
func (c *checker) lacking(n *rawNode, port string) string {
	x := c.file.foreign
	if x == nil {
		return ""
	}
	if o := x.byName[n.node.ID]; o != nil && o.rule != nil {
		for property, p := range o.rule.In {
			if p == port {
				port = property
			}
		}
	}
	return fmt.Sprintf("Missing inputs: %s: ", port)
}
