package graph

import (
	"slices"
	"strings"

	"levee/graph/value"
)

// wire is a wire's text with its names looked up.
type wire struct {
	text string
	kind SourceKind
	node *rawNode // FromNode, FromElement
	port string
	pos  Pos
}

var triggerPorts = []string{"files", "data", "path", "name", "stem", "time"}

// wire looks up where the text of a wire leads, from a place in graph g. Names are lexical: the innermost graph that has the
// name is meant. from is the node that asks, nil for outputs. What leads nowhere is reported.
func (c *checker) wire(g *rawGraph, from *rawNode, t *tree, what string) *wire {
	text, ok := t.text()
	if !ok {
		c.report.add(t.pos, "wire", "%s: a wire is a text such as node.port, got %s (literals stand under with)", what, t.describe())
		return nil
	}
	head, port, dotted := strings.Cut(text, ".")
	w := &wire{text: text, port: port, pos: t.pos}
	if head == "" || (dotted && port == "") || strings.ContainsAny(text, " \t\n") || (strings.Contains(port, ".") && !inLane(g, head, port)) {
		c.report.add(t.pos, "wire", "%s: a wire is written node.port, inputs.name or trigger.files, got %s", what, t.describe())
		return nil
	}
	switch head {
	case "inputs":
		w.kind, ok = FromInput, c.inputWire(w)
	case "trigger":
		w.kind, ok = FromTrigger, c.triggerWire(w)
		if c.triggerUse == (Pos{}) {
			c.triggerUse = w.pos
		}
	default:
		ok = c.nodeWire(g, w, head)
	}
	if !ok {
		return nil
	}
	if c.edges++; c.edges == MaxEdges+1 {
		c.report.add(t.pos, "limit", "more than %d wires", MaxEdges)
	}
	if w.kind == FromNode {
		c.depend(g, from, w)
	}
	return w
}

// inLane reports whether head.port names a field of an item: as.name.field, where several lists go side by side.
func inLane(g *rawGraph, head, port string) bool {
	name, field, _ := strings.Cut(port, ".")
	for s := g; s != nil && s.ids[head] == nil; s = s.parent() {
		if s.owner == nil || s.owner.node.As != head {
			continue
		}
		return field != "" && !strings.Contains(field, ".") && slices.ContainsFunc(s.owner.over, func(l rawLane) bool { return l.name == name })
	}
	return false
}

func (c *checker) inputWire(w *wire) bool {
	if _, known := c.inputs[w.port]; known {
		return true
	}
	if w.port == "" {
		c.report.add(w.pos, "wire", "inputs: name one of them: inputs.name")
		return false
	}
	c.report.suggest(w.pos, "unknown", c.nearestPort(w.port, c.file.Inputs), "the workflow has no input %s", quote(w.port))
	return false
}

func (c *checker) triggerWire(w *wire) bool {
	trigger := c.file.Trigger
	switch {
	case !slices.Contains(triggerPorts, w.port):
		c.report.suggest(w.pos, "unknown", c.report.near.nearest(w.port, triggerPorts), "trigger has no field %s: it has %s", quote(w.port), orList(triggerPorts))
		return false
	case trigger == nil:
		if !c.file.hasTrigger {
			c.report.add(w.pos, "unknown", "%s: the workflow has no trigger", w.text)
		}
		return false
	case trigger.Manual:
		c.report.add(w.pos, "unknown", "%s: trigger: manual gives nothing; use an input", w.text)
		return false
	case w.port == "time" && !trigger.Timed():
		c.report.add(w.pos, "unknown", "%s is there only with trigger: every or cron", w.text)
		return false
	case w.port != "time" && trigger.Timed():
		c.report.add(w.pos, "unknown", "%s is there only with trigger: files; every and cron have trigger.time", w.text)
		return false
	case w.port != "time" && w.port != "files" && !trigger.PerFile:
		c.report.add(w.pos, "unknown", "%s is there only with trigger: per: file; a batch has trigger.files", w.text)
		return false
	}
	return true
}

func (c *checker) nodeWire(g *rawGraph, w *wire, head string) bool {
	for s := g; s != nil; s = s.parent() {
		if n := s.ids[head]; n != nil {
			w.kind, w.node = FromNode, n
			break
		}
		if s.owner != nil && s.owner.node.As == head && head != "" {
			w.kind, w.node = FromElement, s.owner
			return true
		}
	}
	if w.node == nil {
		c.unknownNode(g, w.pos, head)
		return false
	}
	for s := g; s != nil; s = s.parent() {
		if s.owner == w.node {
			c.report.add(w.pos, "cycle", "%s: the wire stands inside of group %q, whose outputs are there when all of it has run", w.text, head)
			return false
		}
	}
	if w.port == "" {
		c.report.add(w.pos, "wire", "%s is a node: name one of its outputs, %s.port", quote(head), head)
		return false
	}
	return true
}

// isWire reports whether a text could be meant as a wire.
func (c *checker) isWire(g *rawGraph, text string) bool {
	head, port, dotted := strings.Cut(text, ".")
	if head == "inputs" || head == "trigger" {
		return dotted && port != ""
	}
	for s := g; s != nil; s = s.parent() {
		if s.ids[head] != nil && dotted || s.owner != nil && s.owner.node.As == head {
			return true
		}
	}
	return false
}

// unknownNode reports a name that no graph around has.
func (c *checker) unknownNode(g *rawGraph, pos Pos, name string) {
	if c.anywhere == nil {
		c.anywhere = map[string]*rawNode{}
		c.file.graph.walk(func(n *rawNode) {
			if c.anywhere[n.node.ID] == nil {
				c.anywhere[n.node.ID] = n
			}
		})
	}
	if n := c.anywhere[name]; n != nil && n.graph.owner != nil {
		c.report.add(pos, "unknown", "node %q is inside of group %q: give its output out there, with out:", name, n.graph.owner.node.ID)
		return
	}
	near := ""
	for s := g; s != nil && near == "" && c.report.near.left(); s = s.parent() {
		known := []string{"inputs", "trigger"}
		for _, n := range s.nodes {
			known = append(known, n.node.ID)
		}
		if s.owner != nil && s.owner.node.As != "" {
			known = append(known, s.owner.node.As)
		}
		near = c.report.near.nearest(name, known)
	}
	c.report.suggest(pos, "unknown", near, "there is no node %s", quote(name))
}

// depend records that from waits for the wire's node; where the wire comes from inside of groups, the outermost group that
// is a sibling of that node waits.
func (c *checker) depend(g *rawGraph, from *rawNode, w *wire) {
	if w.node.fanOut++; w.node.fanOut == MaxFanOut+1 {
		c.report.add(w.pos, "limit", "more than %d wires leave node %q", MaxFanOut, w.node.node.ID)
	}
	for g != w.node.graph {
		from, g = g.owner, g.parent()
	}
	if from == nil || from.isDep[w.node] {
		return
	}
	if from.isDep == nil {
		from.isDep = map[*rawNode]bool{}
	}
	from.isDep[w.node] = true
	from.deps = append(from.deps, dep{on: w.node, pos: w.pos})
}

// source is the end of a wire whose type was found.
func (w *wire) source(typ value.Type) Source {
	s := Source{Kind: w.kind, Port: w.port, Pos: w.pos, Type: typ}
	if w.node != nil {
		s.Node = w.node.node
	}
	return s
}

// typeOf returns the type of what flows along a wire; it is "" when that was reported, now or where the type is made.
func (c *checker) typeOf(w *wire) value.Type {
	switch w.kind {
	case FromInput:
		return c.inputs[w.port]
	case FromTrigger:
		switch w.port {
		case "files":
			return value.ListOf(value.File)
		case "data":
			return value.Bytes
		}
		return value.String
	case FromElement:
		return c.elementType(w)
	}
	n := w.node
	if n.broken {
		return ""
	}
	typ, known := n.outputs[w.port]
	if known {
		return typ
	}
	var ports []value.Port
	if n.body == nil && !n.typed { // a task of a cycle
		typ := c.lookup(n)
		if typ == nil {
			return ""
		}
		if _, known := typ.Output(w.port); known {
			return ""
		}
		ports = typ.Outputs
	} else if ports = n.node.Outputs; n.body != nil && c.report.near.left() {
		ports = n.body.ports()
	}
	c.report.suggest(w.pos, "unknown", c.nearestPort(w.port, ports), "node %q has no output %s", n.node.ID, quote(w.port))
	return ""
}

func (c *checker) nearestPort(name string, ports []value.Port) string {
	var names []string
	for i := range ports {
		if !c.report.near.left() {
			return ""
		}
		names = append(names, ports[i].Name)
	}
	return c.report.near.nearest(name, names)
}
