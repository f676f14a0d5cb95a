package graph

import (
	"slices"
	"strings"

	"levee/graph/value"
)

// What a group's body reads of the element or turn that it runs for.

// The fields of an element, by what the group runs over.
var (
	fileFields = []value.Port{{Name: "data", Type: value.Bytes}, {Name: "path", Type: value.String}, {Name: "name", Type: value.String},
		{Name: "stem", Type: value.String}, {Name: "size", Type: value.Int}, {Name: "index", Type: value.Int}}
	itemFields  = []value.Port{{Name: "value"}, {Name: "item"}, {Name: "index", Type: value.Int}}
	entryFields = []value.Port{{Name: "key", Type: value.String}, {Name: "value"}, {Name: "item", Type: value.JSON}, {Name: "index", Type: value.Int}}
)

// itemOf is the type of an element of a list, map, table or JSON document; "" for what has none.
func itemOf(over value.Type) value.Type {
	switch over {
	case value.Table, value.JSON:
		return value.JSON
	case value.Any:
		return value.Any
	}
	return over.Elem()
}

// fields are what the body may read of a group by its as: name; the type of one without a type is that of the element.
func (n *rawNode) fields() (fields []value.Port, element value.Type) {
	switch {
	case n.node.Kind == Repeat:
		for i := range n.carry {
			fields = append(fields, value.Port{Name: n.carry[i].name, Type: n.carry[i].typ})
		}
		return append(fields, value.Port{Name: "index", Type: value.Int}), ""
	case len(n.over) == 1 && n.over[0].name == "":
		return n.over[0].fields(), itemOf(n.over[0].typ)
	}
	for i := range n.over {
		l := &n.over[i]
		typ := itemOf(l.typ)
		if l.typ.Base() == "map" {
			typ = value.JSON
		}
		fields = append(fields, value.Port{Name: l.name, Type: typ})
	}
	return append(fields, value.Port{Name: "index", Type: value.Int}), ""
}

// fields are what the body may read of an item.
func (l *rawLane) fields() []value.Port {
	element := itemOf(l.typ)
	switch {
	case element == value.File:
		return fileFields
	case l.typ.Base() == "map" && hasJSON(element):
		return entryFields
	case l.typ.Base() == "map":
		return append(entryFields[:2:2], value.Port{Name: "index", Type: value.Int})
	}
	return itemFields
}

// elementType is the type of the element of a group, or of a field of it.
func (c *checker) elementType(w *wire) value.Type {
	n := w.node
	if name, field, dotted := strings.Cut(w.port, "."); dotted {
		i := slices.IndexFunc(n.over, func(l rawLane) bool { return l.name == name })
		l := &n.over[i]
		return c.fieldType(w, n.node.As+"."+name, field, l.fields(), itemOf(l.typ))
	}
	fields, element := n.fields()
	single := n.node.Kind == Each && len(n.over) == 1 && n.over[0].name == ""
	switch {
	case single && (element == "" || w.port == ""):
		return element
	case w.port == "":
		c.report.add(w.pos, "wire", "%s: name one of its fields: %s", quote(n.node.As), orList(names(fields)))
		return ""
	case single:
		return c.fieldType(w, n.node.As, w.port, fields, element)
	}
	for _, f := range fields {
		if f.Name == w.port {
			return f.Type
		}
	}
	c.report.suggest(w.pos, "unknown", c.nearestPort(w.port, fields), "%s has the fields %s: there is no %s", quote(n.node.As), orList(names(fields)), quote(w.port))
	return ""
}

// fieldType is the type of a field of an item.
func (c *checker) fieldType(w *wire, of, field string, fields []value.Port, element value.Type) value.Type {
	for _, f := range fields {
		if f.Name == field && f.Type == "" {
			return element
		} else if f.Name == field {
			return f.Type
		}
	}
	if element != "" {
		c.report.suggest(w.pos, "unknown", c.nearestPort(field, fields), "%s is one %s: it has no %s, only %s", quote(of), element, quote(field), orList(names(fields)))
	}
	return ""
}

func names(ports []value.Port) (names []string) {
	for i := range ports {
		names = append(names, ports[i].Name)
	}
	return names
}

// typeLanes finds what an each group goes over.
func (c *checker) typeLanes(n *rawNode) {
	for i := range n.over {
		l := &n.over[i]
		if l.wire == nil {
			continue
		}
		l.typ = c.typeOf(l.wire)
		src := l.wire.source(l.typ)
		if l.name == "" {
			n.node.Over = &src
		} else {
			n.node.Zip = append(n.node.Zip, Lane{Name: l.name, Over: src})
		}
		switch {
		case l.typ != "" && itemOf(l.typ) == "":
			c.report.add(l.wire.pos, "type", "%s%s: each wants a list, map, table or json, but %s gives %s", c.listText(), n.node.ID, l.wire.text, l.typ)
			l.typ = ""
		case l.name != "" && l.typ.Base() == "map" && !hasJSON(l.typ.Elem()):
			c.report.add(l.wire.pos, "type", "%s: %s gives %s: beside other lists a map must hold what json can", n.node.ID, l.wire.text, l.typ)
			l.typ = ""
		}
	}
}

// typeTurns checks the wires that lead from one turn of a repeat group to the next.
func (c *checker) typeTurns(n *rawNode) {
	turns := n.node.Repeat
	if n.untilWire != nil {
		src := n.untilWire.source(c.typeOf(n.untilWire))
		turns.Until = &src
	}
	for i := range n.carry {
		cr := &n.carry[i]
		if cr.fromAt == nil || cr.nextAt == nil {
			continue
		}
		next := cr.nextAt.source(c.typeOf(cr.nextAt))
		if cr.typ != "" && next.Type != "" && !value.Assignable(next.Type, cr.typ) {
			c.report.add(cr.nextAt.pos, "type", "%s: carry %s begins as %s, but %s gives %s", n.node.ID, cr.name, cr.typ, cr.nextAt.text, next.Type)
		}
		turns.Carry = append(turns.Carry, Carry{Name: cr.name, From: cr.fromAt.source(cr.typ), Next: &next, Type: cr.typ})
	}
}
