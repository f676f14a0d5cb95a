package graph

import (
	"levee/graph/value"
)

// Check connects the wires of a parsed file, checks that every one leads somewhere and fits, and makes the graph. resolve
// gives the node type behind a uses text; it is asked once for each text, and its error is a problem where the text stands,
// unless it is Problems of another file.
// The problems are all those of the file, Parse's included; the graph is nil when there are any. A File is checked once.
func Check(f *File, resolve func(uses string) (*Type, error)) (*Graph, Problems) {
	if f.form != ownForm {
		return checkForeign(f, resolve)
	}
	return check(f, resolve)
}

func check(f *File, resolve func(uses string) (*Type, error)) (*Graph, Problems) {
	c := checker{file: f, report: f.found, resolve: resolve, types: map[string]resolved{}, inputs: map[string]value.Type{}}
	if f.graph == nil {
		return nil, f.found.list()
	}
	for i := range f.Inputs {
		c.inputs[f.Inputs[i].Name] = f.Inputs[i].Type
	}
	c.link(f.graph)
	c.typeGraph(f.graph)
	g := &Graph{TriggerUse: c.triggerUse, Name: f.Name, Description: f.Description, Trigger: f.Trigger, Inputs: f.Inputs, Allow: f.Allow, Timeout: f.Timeout, Serial: f.Serial, Foreign: f.Foreign}
	c.files(f.graph)
	c.build(g, f.graph)
	if list := f.found.list(); len(list) > 0 {
		return nil, list
	}
	return g, nil
}

type resolved struct {
	typ *Type
	err error
}

// checker is the state of one Check.
type checker struct {
	file     *File
	report   *problems
	resolve  func(string) (*Type, error)
	types    map[string]resolved
	inputs   map[string]value.Type
	anywhere map[string]*rawNode // by id, in any graph; made when a name is unknown
	edges    int

	triggerUse Pos // of the first wire to the trigger
}

// link looks up all wires of a graph and of those in it, and orders their nodes.
func (c *checker) link(g *rawGraph) {
	for _, n := range g.nodes {
		what := n.node.ID
		if n.cond != nil {
			n.condWire = c.wire(g, n, n.cond, what+": if")
		}
		for i := range n.over {
			l := &n.over[i]
			l.wire = c.wire(g, n, l.from, what+": each")
		}
		for i := range n.carry {
			if cr := &n.carry[i]; cr.from != nil {
				cr.fromAt = c.wire(g, n, cr.from, what+": carry "+clip(cr.name)+": from")
			}
		}
		for _, t := range n.after {
			c.after(g, n, t)
		}
		n.inWires = make(map[string][]wire, len(n.in))
		for _, f := range n.in {
			for _, t := range f.value.wires() {
				if w := c.wire(g, n, t, what+"."+clip(f.key)); w != nil {
					n.inWires[f.key] = append(n.inWires[f.key], *w)
				}
			}
		}
		if n.body != nil {
			n.outputs = make(map[string]value.Type, len(n.body.out))
			for i := range n.body.out {
				n.outputs[n.body.out[i].name] = "" // until typed
			}
			c.link(n.body)
			c.linkTurns(n)
		}
	}
	for i := range g.out {
		if out := &g.out[i]; out.from != nil {
			out.wire = c.wire(g, nil, out.from, out.name)
		}
		if out := &g.out[i]; out.names != nil {
			out.namesWire = c.wire(g, nil, out.names, out.name+": names")
		}
	}
	sortNodes(g, c.report)
}

// linkTurns looks up the wires of a repeat group that stand for places in its body.
func (c *checker) linkTurns(n *rawNode) {
	if n.until != nil {
		n.untilWire = c.wire(n.body, nil, n.until, n.node.ID+": until")
	}
	if w := n.untilWire; w != nil && w.node != n && (w.node == nil || w.node.graph != n.body) {
		c.report.add(w.pos, "wire", "%s: until: %s is the same in every turn: name what a node inside gives", n.node.ID, w.text)
	}
	for i := range n.carry {
		cr := &n.carry[i]
		if cr.next == nil {
			continue
		}
		cr.nextAt = c.wire(n.body, nil, cr.next, n.node.ID+": carry "+clip(cr.name)+": next")
		if w := cr.nextAt; w != nil && w.kind == FromElement && w.node == n && w.port == cr.name {
			c.report.add(w.pos, "wire", "%s: carry %s: next is %s itself, which would never change", n.node.ID, clip(cr.name), w.text)
		}
	}
}

// after orders without data, among the nodes of one graph.
func (c *checker) after(g *rawGraph, n *rawNode, t *tree) {
	id, ok := t.text()
	other := g.ids[id]
	switch {
	case !ok:
		c.report.add(t.pos, "wire", "%s: after is a list of nodes, got %s", n.node.ID, t.describe())
	case other == nil:
		c.unknownNode(g, t.pos, id)
	default:
		n.node.After = append(n.node.After, other.node)
		c.edges++
		c.depend(g, n, &wire{node: other, pos: t.pos})
	}
}

// build collects the nodes and outputs of a graph and of those in it; typing has filled them.
func (c *checker) build(g *Graph, raw *rawGraph) {
	for _, n := range raw.nodes {
		g.Nodes = append(g.Nodes, n.node)
		if n.body != nil {
			n.node.Body = &Graph{Name: n.node.Site}
			c.build(n.node.Body, n.body)
		}
	}
	for i := range raw.out {
		out := &raw.out[i]
		if out.wire == nil {
			continue
		}
		g.Outputs = append(g.Outputs, Output{Name: out.name, From: out.wire.source(out.typ), File: out.file, Names: out.namesFrom, Pos: out.pos})
	}
}
