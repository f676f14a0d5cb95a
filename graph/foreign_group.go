package graph

import "slices"

// maxLoops bounds how deep loops stand in each other: an import has four levels of maps for each.
const maxLoops = 12

// findParents finds the group that each node is in.
func (x *foreign) findParents() {
	for _, n := range x.nodes {
		if n.parentID == nil {
			continue
		}
		id, _ := idOf(n.parentID)
		switch p := x.byID[id]; {
		case p == nil:
			x.report.add(n.parentID.pos, "dangling", "the parent of %s is node %s, which the file does not have", n.what(), quote(id))
		case p.rule != nil && !p.is(loopKind, groupKind):
			x.report.add(n.parentID.pos, "dangling", "the parent of %s is %s, which is no group", n.what(), p.what())
		default:
			n.parent = p
		}
	}
}

// findGroups finds the loop that each node is in. A plain group is only a frame around its nodes, what goes into it and out of
// it passes through; a loop becomes a group of ours with each.
func (x *foreign) findGroups() {
	for _, n := range x.nodes {
		loops, steps := 0, 0
		for p := n.parent; p != nil; p = p.parent {
			if p.is(loopKind) || p.opens() {
				if loops++; n.loop == nil {
					n.loop = p
				}
			}
			if steps++; p == n || steps > len(x.nodes) {
				x.report.add(n.pos, "cycle", "%s is in itself", n.what())
				n.parent, n.loop = nil, nil
				break
			}
		}
		if loops > maxLoops {
			x.report.add(n.pos, "limit", "loops stand in each other deeper than %d", maxLoops)
			n.parent, n.loop = nil, nil
		}
		if n.parent != nil {
			n.parent.held = append(n.parent.held, n)
		}
	}
	for _, n := range x.nodes {
		x.inside[n.loop] = append(x.inside[n.loop], n)
		if n.is(loopKind, groupKind) {
			x.nameEnds(n, groupInputKind, "input")
			x.nameEnds(n, groupOutputKind, "output")
			for _, e := range n.in {
				if c := n.end(groupInputKind, e.targetHandle); c != nil && !e.control {
					c.enter = append(c.enter, e)
				}
			}
		}
	}
}

// nameEnds names the inputs or the outputs of a group. Behind the handle that every group has is the one of that name, else
// the first one.
func (x *foreign) nameEnds(group *foreignNode, kind, plain string) {
	taken, ends := newNames(), group.ends(kind)
	if kind == groupInputKind {
		taken.taken["index"] = true
		group.zipped = len(ends) > 1
	}
	if group.byHandle == nil {
		group.byHandle = map[string]*foreignNode{}
	}
	given := map[string]bool{}
	for _, n := range ends {
		name, _ := literalText(n.get("name"))
		if name != "" && given[name] {
			x.report.add(n.pos, "duplicate", "%s: the group has another one of this name", n.what())
		}
		given[name] = true
		n.name = taken.own(name, plain)
		for _, handle := range []string{name, n.name} {
			if group.byHandle[kind+" "+handle] == nil {
				group.byHandle[kind+" "+handle] = n
			}
		}
	}
	if handle := kind + " " + plain; len(ends) > 0 && group.byHandle[handle] == nil {
		group.byHandle[handle] = ends[0]
	}
}

func literalText(t *tree) (string, bool) {
	if t == nil {
		return "", false
	}
	return t.text()
}

// ends are the group inputs or outputs right in a group.
func (n *foreignNode) ends(kind string) (list []*foreignNode) {
	for _, c := range n.held {
		if c.is(kind) {
			list = append(list, c)
		}
	}
	return list
}

// end is the group input or output behind a handle of the group itself.
func (n *foreignNode) end(kind, handle string) *foreignNode { return n.byHandle[kind+" "+handle] }

// into are the edges that bring a group input its value: those to itself, and those to its group.
func (n *foreignNode) into() (list []*foreignEdge) {
	for _, e := range n.in {
		if !e.control {
			list = append(list, e)
		}
	}
	return append(list, n.enter...)
}

// within reports whether a place is in a loop, at any depth.
func within(place, loop *foreignNode) bool {
	for ; place != nil; place = place.loop {
		if place == loop {
			return true
		}
	}
	return false
}

// loopTree makes the group of a loop.
func (x *foreign) loopTree(n *foreignNode, siblings *tree) *tree {
	t := mapAt(n.pos)
	ins := n.ends(groupInputKind)
	for _, e := range n.in {
		if !e.control && n.end(groupInputKind, e.targetHandle) == nil && len(ins) > 0 {
			x.report.add(e.pos, "unknown", "%s has no input %s", n.what(), quote(e.targetHandle))
		}
	}
	over := mapAt(n.pos)
	for _, in := range ins {
		if w := x.loopOver(n, in, siblings); w != nil {
			over.add(in.name, in.pos, w)
		}
	}
	switch {
	case len(ins) == 0:
		x.report.add(n.typePos, "missing", "Loop node must have at least one input node.")
	case n.zipped:
		t.add("each", n.pos, over)
	case len(over.fields) == 1:
		t.add("each", n.pos, over.fields[0].value)
	}
	if t.get("each") == nil {
		t.bad = true
	}
	t.add("as", n.pos, textAt(n.as, n.pos))
	t.some("after", n.pos, x.after(n))
	t.add("nodes", n.pos, x.scope(n))
	out := mapAt(n.pos)
	for _, o := range n.ends(groupOutputKind) {
		for _, e := range o.in {
			if e.control {
				continue
			}
			if out.has(o.name) {
				x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, o.what())
			} else if w := x.wire(e, n); w != nil {
				out.add(o.name, o.pos, w)
			}
		}
	}
	t.some("out", n.pos, out)
	return t
}

// loopOver is the wire to what a loop runs over, nil when there is none.
func (x *foreign) loopOver(loop, in *foreignNode, siblings *tree) *tree {
	edges := in.into()
	if len(edges) > 1 {
		x.report.add(edges[1].pos, "wires", "Multiple edges target non-list property %q: a loop runs over one list for each of its inputs", in.name)
	}
	if len(edges) > 0 {
		return x.wire(edges[0], loop.loop)
	}
	for _, key := range []string{in.name, "input"} {
		if t := loop.get(key); t != nil && t.kind != scalarTree {
			return x.constant(t, loop.name+"_"+in.name, siblings)
		}
	}
	x.report.add(in.pos, "missing", "Input data must be a list: nothing is wired to %s of %s", in.name, loop.what())
	return nil
}

// after is the list of nodes that control edges name.
func (x *foreign) after(n *foreignNode) *tree {
	var names []string
	list := listAt(n.pos)
	for _, e := range x.controls {
		if e.target != n && (!n.is(loopKind) && !n.opens() || !within(e.target.loop, n)) {
			continue
		}
		// The node of the scope where n stands that holds the source.
		source := e.source
		for source != nil && source.loop != n.loop {
			source = source.loop
		}
		if source == nil || source == n && e.target != n || source.name == "" || source.is(inputKind, outputKind, groupInputKind, groupOutputKind) || slices.Contains(names, source.name) {
			continue
		}
		names = append(names, source.name)
		list.list = append(list.list, textAt(source.name, e.pos))
	}
	return list
}
