package graph

import (
	"errors"
	"slices"

	"levee/graph/value"
)

// typeGraph finds the types of all ports of a graph, each node behind those it depends on, so that a wire's type is known
// where the wire ends.
func (c *checker) typeGraph(g *rawGraph) {
	for _, n := range g.order {
		if n.condWire != nil {
			cond := n.condWire.source(c.typeOf(n.condWire))
			n.node.If = &cond
		}
		if n.node.Kind == Task {
			c.typeTask(n)
		} else {
			c.typeGroup(n)
		}
		n.typed = true
		if n.onError != nil && !n.broken {
			c.typeOnError(n)
		}
	}
	for i := range g.out {
		if out := &g.out[i]; out.wire != nil {
			out.typ = c.typeOf(out.wire)
		}
	}
}

func (c *checker) lookup(n *rawNode) *Type {
	r, known := c.types[n.node.Uses]
	if !known {
		r.typ, r.err = c.resolve(n.node.Uses)
		c.types[n.node.Uses] = r
		var inner Problems
		if errors.As(r.err, &inner) {
			c.report.include(inner)
		}
	}
	if _, other := r.err.(Problems); r.err != nil && !other {
		c.report.add(n.usesPos, "uses", "%s", r.err.Error())
	}
	if r.err != nil || r.typ == nil {
		n.broken = true
		return nil
	}
	return r.typ
}

func (c *checker) typeTask(n *rawNode) {
	var typ *Type
	if !n.broken {
		typ = c.lookup(n)
	}
	if typ == nil {
		// What its wires come from can be wrong all the same.
		for _, f := range n.in {
			for i := range n.inWires[f.key] {
				c.typeOf(&n.inWires[f.key][i])
			}
		}
		return
	}
	n.node.Type = typ
	c.checkPortNames(n, typ)
	b := binding{c: c, n: n, vars: map[value.Type]value.Type{}}
	b.run(typ.Inputs)
	n.outputs = make(map[string]value.Type, len(typ.Outputs))
	n.node.Outputs = slices.Clone(typ.Outputs)
	for i := range n.node.Outputs {
		out := &n.node.Outputs[i]
		out.Type = b.output(out.Type)
		n.outputs[out.Name] = out.Type
	}
	c.checkDevices(n, typ)
}

// checkPortNames reports what stands under with and in that is no port, and ports that stand under both.
func (c *checker) checkPortNames(n *rawNode, typ *Type) {
	var names []string
	for i := range typ.Inputs {
		names = append(names, typ.Inputs[i].Name)
	}
	given := map[string]bool{}
	for _, f := range n.with {
		given[f.key] = true
	}
	unknown := func(f field) {
		if !slices.Contains(names, f.key) {
			c.report.suggest(f.pos, "unknown", c.report.near.nearest(f.key, names), "node %q (%s) has no input %s", n.node.ID, typ.Name, quote(f.key))
		}
	}
	for _, f := range n.with {
		unknown(f)
	}
	for _, f := range n.in {
		unknown(f)
		if given[f.key] && f.value.kind != mapTree {
			c.report.add(f.pos, "duplicate", "%s.%s stands under with and under in", n.node.ID, clip(f.key))
		}
	}
}

func (c *checker) checkDevices(n *rawNode, typ *Type) {
	offered := typ.Devices
	if len(offered) == 0 {
		offered = []string{"cpu"}
	}
	if n.node.Limits.GPU > 0 && !slices.Contains(offered, "gpu") && !IsWorkflow(n.node.Uses) {
		c.report.add(n.gpuPos, "device", "node %q asks for GPU memory, but %s runs on %s", n.node.ID, typ.Name, orList(offered))
	}
	if len(n.node.Device) > 0 && !slices.ContainsFunc(n.node.Device, func(d string) bool { return slices.Contains(offered, d) }) {
		c.report.add(n.usesPos, "device", "node %q asks for device %s, but %s runs on %s", n.node.ID, orList(n.node.Device), typ.Name, orList(offered))
	}
}

// typeGroup finds what a group runs over or begins with, types its body, and makes the group's ports.
func (c *checker) typeGroup(n *rawNode) {
	c.typeLanes(n)
	for i := range n.carry {
		if cr := &n.carry[i]; cr.fromAt != nil {
			cr.typ = c.typeOf(cr.fromAt)
		}
	}
	c.typeGraph(n.body)
	if n.node.Kind == Repeat {
		c.typeTurns(n)
	}
	for i := range n.body.out {
		out := &n.body.out[i]
		typ := out.typ
		if typ != "" && n.node.Kind == Each {
			typ = value.ListOf(typ)
		}
		n.outputs[out.name] = typ
		n.node.Outputs = append(n.node.Outputs, value.Port{Name: out.name, Type: typ})
	}
}

// typeOnError makes the values that stand in for the outputs of a failed node.
func (c *checker) typeOnError(n *rawNode) {
	var names []string
	n.node.Error.Values = make(map[string]value.Value, len(n.onError.fields))
	for i := range n.node.Outputs {
		port := n.node.Outputs[i]
		if n.node.Kind == Each {
			port.Type = n.body.out[i].typ // the values stand in for one element
		}
		names = append(names, port.Name)
		t := n.onError.get(port.Name)
		switch {
		case t == nil:
			c.report.add(n.onError.pos, "missing", "%s: on_error.value has no %s (%s)", n.node.ID, port.Name, port.Type)
		case port.Type != "":
			if v, ok := fit(c.report, t, &value.Port{Name: n.node.ID + "." + port.Name, Type: port.Type}); ok {
				n.node.Error.Values[port.Name] = v
			}
		}
	}
	for _, f := range n.onError.fields {
		if !slices.Contains(names, f.key) {
			c.report.suggest(f.pos, "unknown", c.report.near.nearest(f.key, names), "node %q has no output %s", n.node.ID, quote(f.key))
		}
	}
}
