package graph

import (
	"slices"
	"strings"

	"levee/graph/value"
)

// binding finds what the type variables of one task stand for and makes its inputs: first all wires, then the literals,
// so that a literal takes the type that wires ask for and not the other way round.
type binding struct {
	c     *checker
	n     *rawNode
	vars  map[value.Type]value.Type
	types map[string][]value.Type // of the wires of each port; nil where one of them is unknown
	wrong bool                    // a wire does not fit: variables that nothing else binds are unknown
}

// output is the concrete type of an output port, "" when it is unknown.
func (b *binding) output(pattern value.Type) value.Type {
	for v := pattern; b.wrong && v.HasVar(); v = v.Elem() {
		if v.IsVar() && b.vars[v] == "" {
			return ""
		}
	}
	return pattern.Subst(b.vars)
}

func (b *binding) run(ports []value.Port) {
	b.types = make(map[string][]value.Type, len(b.n.inWires))
	wrong := map[string]bool{}
	for i := range ports {
		if !b.wires(&ports[i]) {
			wrong[ports[i].Name], b.wrong = true, true
		}
	}
	with := make(map[string]*tree, len(b.n.with))
	for _, f := range b.n.with {
		with[f.key] = f.value
		if t, name := b.c.inputIn(f.value); t != nil && !wrong[f.key] {
			b.c.report.add(t.pos, "literal", "%s is given the text %s, which is the name of an input (wires stand under in)", b.name(f.key), quote(name))
			wrong[f.key], b.wrong = true, true
		}
	}
	for i := range ports {
		if t := with[ports[i].Name]; t != nil && ports[i].Type.HasVar() && !wrong[ports[i].Name] {
			if !value.Bind(ports[i].Type, naturalType(t, ports[i].Type), b.vars) {
				b.widenFor(ports[i].Type)
			}
		}
	}
	for i := range ports {
		port := ports[i]
		port.Type = port.Type.Subst(b.vars)
		in := Input{Type: port.Type}
		if !wrong[port.Name] {
			b.sources(&in, &port, with[port.Name])
		}
		b.n.node.Inputs = append(b.n.node.Inputs, in)
	}
}

func (b *binding) name(port string) string { return b.n.node.ID + "." + port }

// wires binds the wires of a port. It returns false when something about them was reported, here or before.
func (b *binding) wires(port *value.Port) bool {
	f := find(b.n.in, port.Name)
	if f == nil {
		return true
	}
	wires := b.n.inWires[port.Name]
	collect := f.value.kind != scalarTree
	if f.value.kind == listTree && port.Type.Base() != "list" {
		b.c.report.add(f.value.pos, "wires", "%s takes one wire: it is %s, not a list", b.name(port.Name), port.Type)
		return false
	}
	if f.value.kind == mapTree && port.Type.Base() != "map" {
		b.c.report.add(f.value.pos, "wires", "%s takes one wire: it is %s, not a map", b.name(port.Name), port.Type)
		return false
	}
	pattern := port.Type
	if collect {
		pattern = pattern.Elem()
	}
	ok := len(wires) == len(f.value.wires())
	for i := range wires {
		typ := b.c.cast(b.n, port, i, &wires[i], pattern, b.vars)
		b.types[port.Name] = append(b.types[port.Name], typ)
		if typ == "" {
			ok = false
		} else if !value.Bind(pattern, typ, b.vars) {
			ok = false
			b.c.report.add(wires[i].pos, "type", "%s%s wants %s, but %s gives %s", b.c.mismatch(&wires[i], typ, b.wanted(pattern), collect), b.name(port.Name), b.wanted(pattern), wires[i].text, typ)
		}
	}
	return ok
}

// wanted is a pattern as far as its variables are known.
func (b *binding) wanted(pattern value.Type) value.Type {
	if pattern.IsVar() && b.vars[pattern] == "" {
		return pattern
	}
	if pattern.HasVar() && !pattern.IsVar() {
		return value.Type(pattern.Base()) + "<" + b.wanted(pattern.Elem()) + ">"
	}
	return pattern.Subst(b.vars)
}

// sources makes the sources of a port whose type is concrete by now.
func (b *binding) sources(in *Input, port *value.Port, literal *tree) {
	if f := find(b.n.in, port.Name); f != nil {
		for i, w := range b.n.inWires[port.Name] {
			in.Sources = append(in.Sources, w.source(b.types[port.Name][i]))
		}
		if in.Collect = f.value.kind != scalarTree; f.value.kind == mapTree {
			b.entries(in, port, f.value, literal)
		}
		return
	}
	if literal != nil {
		named := *port
		named.Name = b.c.invalid(port.Name) + b.name(port.Name)
		if text, ok := literal.text(); ok && port.Type != value.String && b.c.isWire(b.n.graph, text) {
			if _, err := value.FromGo(port.Type, text); err != nil {
				b.c.report.add(literal.pos, "literal", "%s wants %s, got the text %s (wires stand under in)", named.Name, port.Type, quote(text))
				return
			}
		}
		if v, ok := fit(b.c.report, literal, &named); ok {
			in.Sources = []Source{{Kind: FromLiteral, Literal: v, Type: v.Type, Pos: literal.pos}}
		}
		return
	}
	v, hasDefault, err := port.DefaultValue()
	switch {
	case err != nil:
		b.c.report.add(b.n.usesPos, "manifest", "the default of %s does not fit: %v", b.name(port.Name), err)
	case hasDefault:
		in.Sources = []Source{{Kind: FromLiteral, Literal: v, Type: v.Type, Pos: b.n.usesPos, Default: true}}
	case !port.Optional:
		b.c.report.add(b.n.node.Pos, "missing", "%snode %q (%s) needs input %s (%s)", b.c.lacking(b.n, port.Name), b.n.node.ID, b.n.node.Type.Name, port.Name, port.Type)
	}
}

// inputIn finds a text in a literal that is the name of an input, nil when there is none. Outputs of nodes may be named: so may be paths
// into documents.
func (c *checker) inputIn(t *tree) (at *tree, text string) {
	if c.file.Foreign != "" {
		return nil, ""
	}
	if text, _ = t.text(); strings.HasPrefix(text, "inputs.") && c.inputs[text[len("inputs."):]] != "" {
		return t, text
	}
	for _, item := range t.list {
		if at, text = c.inputIn(item); at != nil {
			return at, text
		}
	}
	for _, f := range t.fields {
		if at, text = c.inputIn(f.value); at != nil {
			return at, text
		}
	}
	return nil, ""
}

// entries makes a map of wires, with the literals that stand under with for the same port between them.
func (b *binding) entries(in *Input, port *value.Port, wires, literal *tree) {
	all := *wires
	if literal != nil && literal.kind != mapTree {
		b.c.report.add(literal.pos, "literal", "%s wants a map, got %s", b.name(port.Name), literal.describe())
	} else if literal != nil {
		all.fields = slices.Concat(wires.fields, literal.fields)
	}
	at := make(map[*tree]Source, len(wires.fields))
	for i, f := range wires.sorted() {
		at[f.value] = in.Sources[i]
	}
	in.Sources = in.Sources[:0]
	for _, f := range all.sorted() {
		if n := len(in.Keys); n > 0 && in.Keys[n-1] == f.key {
			b.c.report.add(f.pos, "duplicate", "%s: the key %s stands under with and under in", b.name(port.Name), quote(f.key))
		}
		src, wired := at[f.value]
		if !wired {
			v, ok := fit(b.c.report, f.value, &value.Port{Name: b.name(port.Name) + "." + clip(f.key), Type: port.Type.Elem()})
			if !ok {
				continue
			}
			src = Source{Kind: FromLiteral, Literal: v, Type: v.Type, Pos: f.value.pos}
		}
		in.Keys = append(in.Keys, f.key)
		in.Sources = append(in.Sources, src)
	}
}

// naturalType is the type that a literal has where a type variable asks for it.
func naturalType(t *tree, pattern value.Type) value.Type {
	elem, ok := pattern.Elem(), false
	switch {
	case t.kind == scalarTree:
		switch t.scalar.(type) {
		case bool:
			return value.Bool
		case int64:
			return value.Int
		case float64:
			return value.Float
		case string:
			return value.String
		}
		return value.JSON
	case t.kind == listTree && pattern.Base() == "list":
		return value.ListOf(joined(t.list, elem))
	case t.kind == mapTree && pattern.Base() == "map":
		items := make([]*tree, len(t.fields))
		for i := range t.fields {
			items[i] = t.fields[i].value
		}
		return value.MapOf(joined(items, elem))
	case t.kind == listTree && len(t.list) > 0:
		if elem, ok = join(t.list, pattern); ok {
			return value.ListOf(elem)
		}
	}
	return value.JSON
}

func joined(items []*tree, pattern value.Type) value.Type {
	if typ, ok := join(items, pattern); ok {
		return typ
	}
	return value.Any
}

// join is the narrowest type that all items have, false when there is none.
func join(items []*tree, pattern value.Type) (typ value.Type, ok bool) {
	for i, item := range items {
		next := naturalType(item, pattern)
		switch {
		case i == 0 || value.Assignable(typ, next):
			typ = next
		case !value.Assignable(next, typ):
			return "", false
		}
	}
	return typ, typ != ""
}
