package graph

import (
	"fmt"
	"slices"
	"strings"
)

// maxParallel and maxRetries bound what a node may ask for.
const (
	maxParallel = 1024
	maxRetries  = 100
)

// nodes reads the nodes of a graph. site is the path of its group, with a dot behind it.
func (p *parser) nodes(g *rawGraph, t *tree, site string, depth int) {
	if t.kind != mapTree {
		p.report.add(t.pos, "shape", "nodes must be a map of names to nodes, got %s", t.describe())
		return
	}
	g.ids = make(map[string]*rawNode, len(t.fields))
	for _, f := range t.fields {
		if p.file.nodes++; p.file.nodes > MaxNodes {
			if p.file.nodes == MaxNodes+1 {
				p.report.add(f.pos, "limit", "more than %d nodes", MaxNodes)
			}
			return
		}
		p.id(f, "node")
		n := &rawNode{graph: g, node: &Node{ID: f.key, Site: site + f.key, Pos: f.pos}}
		g.nodes = append(g.nodes, n)
		g.ids[f.key] = n
		p.node(n, f.value, depth)
	}
}

func (p *parser) node(n *rawNode, t *tree, depth int) {
	what := fmt.Sprintf("node %q", n.node.ID)
	if n.broken = t.bad || !p.object(t, what, nodeFields); n.broken {
		return
	}
	has := func(names []string) string {
		for _, f := range t.fields {
			if slices.Contains(names, f.key) {
				return f.key
			}
		}
		return ""
	}
	n.cond = t.get("if")
	if after := t.get("after"); after != nil {
		n.after = after.items()
	}
	switch task, group := has(taskFields), has(groupFields); {
	case t.get("uses") != nil && t.get("nodes") != nil:
		n.broken = true
		p.report.add(n.node.Pos, "shape", "%s has uses and nodes: it is a task or a group, not both", what)
	case t.get("nodes") != nil:
		p.misplaced(t, taskFields, what+" is a group: %s is for tasks")
		p.group(n, t, what, depth)
	case t.get("uses") != nil:
		p.misplaced(t, groupFields, what+" is a task: %s is for groups")
		p.task(n, t, what)
	default:
		n.broken = true
		if task == "" && group != "" {
			p.report.add(n.node.Pos, "missing", "%s has %s but no nodes", what, group)
		} else {
			p.need(t, n.node.Pos, "uses", nodeFields, what+" needs uses (a task) or nodes (a group)")
		}
		if group == "" {
			p.task(n, t, what)
		}
	}
	p.onError(n, t.get("on_error"), what)
}

// misplaced reports fields of the other kind of node.
func (p *parser) misplaced(t *tree, names []string, format string) {
	for _, f := range t.fields {
		if slices.Contains(names, f.key) {
			p.report.add(f.pos, "shape", format, f.key)
		}
	}
}

func (p *parser) task(n *rawNode, t *tree, what string) {
	if uses := t.get("uses"); uses != nil {
		n.usesPos = uses.pos
		if uses.bad {
			n.broken = true
			return
		}
		s, ok := p.str(uses, what+": uses")
		if ok {
			err := checkUses(s)
			if ok = err == nil; !ok {
				p.report.add(uses.pos, "uses", "%v", err)
			} else if module, local := strings.CutPrefix(s, "./"); local && inFolder(module, p.file.Allow.Write) {
				p.report.add(uses.pos, "path", "%s is in a folder of allow.write, so that a node could change it", quote(s))
			}
		}
		if n.node.Uses = s; !ok {
			n.node.Uses, n.broken = "", true
		}
	}
	if IsWorkflow(n.node.Uses) {
		for _, f := range t.fields {
			if f.key == "memory" || f.key == "device" || f.key == "gpu" {
				p.report.add(f.pos, "shape", "%s: %s is for modules; in a workflow its own nodes say it", what, f.key)
			}
		}
	}
	n.with = p.ports(t.get("with"), what+": with")
	n.in = p.ports(t.get("in"), what+": in")
	if d := t.get("timeout"); d != nil {
		n.node.Limits.Time = p.duration(d, what+": timeout", maxTimeout)
	}
	if m := t.get("memory"); m != nil {
		n.node.Limits.Memory = p.size(m, what+": memory", maxMemory)
	}
	if g := t.get("gpu"); g != nil && p.object(g, what+": gpu", gpuFields) {
		p.need(g, g.pos, "memory", gpuFields, what+": gpu needs memory: the most that it may have in tensors")
		if m := g.get("memory"); m != nil {
			n.node.Limits.GPU, n.gpuPos = p.size(m, what+": gpu.memory", maxTensors), g.pos
		}
	}
	if r := t.get("retry"); r != nil {
		p.retry(n, r, what)
	}
	if d := t.get("device"); d != nil {
		for _, item := range d.items() {
			device := p.oneOf(item, what+": device", "cpu", "gpu")
			if device != "" && slices.Contains(n.node.Device, device) {
				p.report.add(item.pos, "duplicate", "%s: device %s is here twice", what, device)
			} else if device != "" {
				n.node.Device = append(n.node.Device, device)
			}
		}
	}
}

func (p *parser) ports(t *tree, what string) []field {
	if t == nil {
		return nil
	}
	if t.kind != mapTree {
		p.report.add(t.pos, "shape", "%s must be a map of ports, got %s", what, t.describe())
		return nil
	}
	return t.fields
}

func (p *parser) retry(n *rawNode, t *tree, what string) {
	if !p.object(t, what+": retry", retryFields) {
		return
	}
	p.need(t, t.pos, "times", retryFields, what+": retry needs times")
	if times := t.get("times"); times != nil {
		n.node.Retry.Times = p.integer(times, what+": retry.times", 1, maxRetries)
	}
	if wait := t.get("wait"); wait != nil {
		n.node.Retry.Wait = p.duration(wait, what+": retry.wait", maxRetryWait)
	}
}

func (p *parser) onError(n *rawNode, t *tree, what string) {
	switch {
	case t == nil:
	case t.kind != mapTree:
		n.node.Error.Skip = p.oneOf(t, what+": on_error", "fail", "skip", "{value: {port: literal}}") == "skip"
	case p.object(t, what+": on_error", onErrorFields):
		p.need(t, t.pos, "value", onErrorFields, what+": on_error needs value: {port: literal}")
		if v := t.get("value"); v != nil && (p.ports(v, what+": on_error.value") != nil || v.kind == mapTree) {
			n.onError = v
		}
	}
}

// lanes reads what an each group goes over: one wire, or a map of names to wires.
func (p *parser) lanes(n *rawNode, t *tree, what string) {
	if t.kind != mapTree {
		n.over = []rawLane{{pos: t.pos, from: t}}
		return
	}
	if len(t.fields) == 0 {
		p.report.add(t.pos, "missing", "%s: each is empty", what)
	}
	for _, f := range t.fields {
		if p.id(f, "each") && f.key == "index" {
			p.report.add(f.pos, "id", "%s: each cannot name a list index: every element has an index", what)
		}
		n.over = append(n.over, rawLane{name: f.key, pos: f.pos, from: f.value})
	}
}

// maxTurns bounds a repeat group: each turn is a line in the history.
const maxTurns = 100_000

func (p *parser) repeat(n *rawNode, t *tree, what string) {
	n.node.Repeat = &Turns{}
	what += ": repeat"
	if !p.object(t, what, repeatFields) {
		return
	}
	p.need(t, t.pos, "max", repeatFields, what+" needs max: the most turns it may take")
	if most := t.get("max"); most != nil {
		n.node.Repeat.Max = p.integer(most, what+".max", 1, maxTurns)
	}
	n.until = t.get("until")
	for _, f := range p.ports(t.get("carry"), what+".carry") {
		if p.id(f, "carry") && f.key == "index" {
			p.report.add(f.pos, "id", "%s.carry cannot be named index: every turn has an index", what)
		}
		c := rawCarry{name: f.key, pos: f.pos}
		if of := fmt.Sprintf("%s.carry.%s", what, clip(f.key)); p.object(f.value, of, carryFields) {
			p.need(f.value, f.pos, "from", carryFields, of+" needs from: the wire that the first turn gets")
			p.need(f.value, f.pos, "next", carryFields, of+" needs next: the wire, inside, that the next turn gets")
			c.from, c.next = f.value.get("from"), f.value.get("next")
		}
		n.carry = append(n.carry, c)
	}
}

func (p *parser) group(n *rawNode, t *tree, what string, depth int) {
	n.node.Kind = Group
	each, repeat := t.get("each"), t.get("repeat")
	switch {
	case each != nil && repeat != nil:
		p.report.add(repeat.pos, "shape", "%s has each and repeat: put one group into the other", what)
	case each != nil:
		n.node.Kind = Each
		p.lanes(n, each, what)
	case repeat != nil:
		n.node.Kind = Repeat
		p.repeat(n, repeat, what)
	case t.get("as") != nil:
		p.report.add(t.get("as").pos, "shape", "%s: as is for groups with each or repeat", what)
	}
	if par := t.get("parallel"); par != nil && each == nil {
		p.report.add(par.pos, "shape", "%s: parallel is for groups with each", what)
	}
	if as := t.get("as"); as != nil {
		name, ok := p.str(as, what+": as")
		if ok && p.id(field{key: name, pos: as.pos}, "as") {
			n.node.As = name
		}
	} else if each != nil {
		p.report.add(n.node.Pos, "missing", "%s: each needs as: a name for the element", what)
	} else if len(n.carry) > 0 {
		p.report.add(n.node.Pos, "missing", "%s: carry needs as: a name for what a turn gets", what)
	}
	if par := t.get("parallel"); par != nil {
		n.node.Parallel = p.integer(par, what+": parallel", 1, maxParallel)
	}
	n.body = &rawGraph{owner: n}
	p.nodes(n.body, t.get("nodes"), n.node.Site+".", depth+1)
	if inner := n.body.ids[n.node.As]; inner != nil && n.node.As != "" {
		p.report.add(inner.node.Pos, "duplicate", "node %q has the name of the element of %q", inner.node.ID, n.node.ID)
	}
	out := t.get("out")
	if out == nil {
		return
	}
	for _, f := range p.ports(out, what+": out") {
		p.id(f, "out")
		n.body.out = append(n.body.out, rawOutput{name: f.key, pos: f.pos, from: f.value})
	}
}

// orList joins choices for a message.
func orList(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}
