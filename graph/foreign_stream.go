package graph

import (
	"cmp"
	"slices"
)

// A For Each of nodetool gives the items of a list one by one, and every node behind it runs once for each, up to a Collect.
// Here it becomes a group with each that holds these nodes. What leads out of the group is a list, so that a Collect only
// passes it on; and an output of the workflow keeps all that it gets.

// itemHandle is the property that takes the items of a stream where a rule names no other one.
const itemHandle = "input_item"

// takesItems reports whether a property takes the items of a stream.
func (n *foreignNode) takesItems(property string) bool {
	return n.is(collectKind, streamKind) && property == cmp.Or(n.rule.Item, itemHandle)
}

// takesList reports whether a property takes the list of a For Each.
func (n *foreignNode) takesList(property string) bool {
	return property == n.rule.Item || n.rule.Item == "" && (property == "input_list" || property == "items")
}

// loneCollect is a Collect of a value that no For Each gives: a list of one.
var loneCollect = rule{Kind: collectKind, Uses: "list/collect", In: map[string]string{itemHandle: "items"}, Out: map[string]string{"output": "list"}}

// findStreams puts the nodes behind each For Each into it.
func (x *foreign) findStreams() {
	if !slices.ContainsFunc(x.nodes, func(n *foreignNode) bool { return n.opens() || n.is(collectKind, streamKind) }) {
		return
	}
	x.splitStreams()
	for _, n := range x.nodes {
		n.realm = x.loopAround(n)
		if n.opens() {
			n.lifted = mapAt(n.pos)
		}
	}
	around := map[*foreignNode][]*foreignNode{} // the For Eaches that a node runs in, the outermost first
	routes := x.routes()
	for _, n := range x.inOrder(routes) {
		stack := around[n.realm]
		if n.is(zipKind) {
			stack = x.zipStreams(n, stack, around)
		} else {
			for _, r := range routes[n] {
				if r.edge != nil {
					stack = x.joinStreams(n, r.edge, stack, given(r.from, r.edge.sourceHandle, around[r.from]))
				}
			}
		}
		around[n] = x.collects(n, stack, around[n.realm])
		if n.lone && n.is(streamKind) {
			for _, first := range x.firsts(n) {
				first.realm, around[first] = n.realm, around[n]
			}
		}
	}
	for _, n := range x.nodes {
		stack := around[n]
		// What takes a list as a whole stands beside the node that gives it; what is in a loop stays there.
		for len(stack) > 0 && (stack[len(stack)-1].whole || stack[len(stack)-1].realm != n.realm) {
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 && !n.is(inputKind, outputKind, commentKind, groupInputKind, groupOutputKind) {
			n.parent = stack[len(stack)-1]
		}
	}
}

// collects is what a node's own values run in: a Collect gives one value of all items, and so do the ends of a loop and of the
// workflow.
func (x *foreign) collects(n *foreignNode, stack, outside []*foreignNode) []*foreignNode {
	takes := slices.ContainsFunc(n.in, func(e *foreignEdge) bool { return !e.control && n.takesItems(e.targetHandle) })
	switch {
	case n.is(outputKind), n.is(groupOutputKind) && n.realm != nil && n.parent == n.realm:
		return outside
	case !takes:
	case len(stack) > len(outside) && !stack[len(stack)-1].is(repeatKind):
		return stack[:len(stack)-1]
	case n.rule.Item != "" && n.is(collectKind): // the end of a loop that it is not in passes its value on
	case n.rule.Uses != constantUses:
		n.lone = true
	default:
		n.lone, n.rule = true, &loneCollect
		if n.sig, _ = x.resolve(loneCollect.Uses); n.sig == nil {
			n.rule = nil
		}
	}
	return stack
}

// splitStreams puts a For Each behind every node that gives a stream made of another one, such as Take: the node itself gives
// a list. Where that list is wanted, there is none.
func (x *foreign) splitStreams() {
	behind, goesOn := map[*foreignNode][]*foreignEdge{}, map[*foreignNode]bool{}
	for _, e := range x.edges {
		goesOn[e.source] = true
		if e.source.is(streamKind) && !e.control {
			behind[e.source] = append(behind[e.source], e)
		}
	}
	for _, n := range slices.Clone(x.nodes) {
		asList := func(e *foreignEdge) bool {
			return e.sourceHandle == "output" &&
				(e.target.is(outputKind, zipKind) || e.target.takesItems(e.targetHandle) || e.target.is(previewKind) && !goesOn[e.target])
		}
		if edges := behind[n]; len(edges) > 0 && (!slices.ContainsFunc(edges, func(e *foreignEdge) bool { return !asList(e) })) {
			n.whole = true
		} else if len(edges) > 0 {
			_, last := cutLast(n.typ, ".")
			items := &foreignNode{id: n.id, typ: n.typ, pos: n.pos, typePos: n.typePos, title: cmp.Or(n.title, last) + " items",
				rule: &rule{Kind: foreachKind, Out: map[string]string{"output": "item", "index": "index"}}, parent: n.parent}
			x.nodes = append(x.nodes, items)
			for _, e := range edges {
				e.source = items
			}
			e := &foreignEdge{pos: n.pos, source: n, target: items, sourceHandle: "output", targetHandle: "input_list"}
			items.in = append(items.in, e)
			x.edges = append(x.edges, e)
		}
	}
}

// firsts makes the nodes behind a stream of a single value take that value, which may have been left out, not a list of it.
func (x *foreign) firsts(n *foreignNode) (list []*foreignNode) {
	take := rule{Uses: "list/first", In: map[string]string{"input_list": "list"}, Out: map[string]string{"output": "item"}}
	sig, _ := x.resolve(take.Uses)
	var first *foreignNode
	for _, e := range slices.Clone(x.edges) {
		switch {
		case e.source != n || e.control:
		case e.target.opens() && e.target.id == n.id: // the For Each that was put behind it
			e.target.rule, e.target.sig, e.target.lifted = &take, sig, nil
		case e.target.is(outputKind, previewKind):
			if first == nil {
				first = &foreignNode{id: n.id, typ: n.typ, pos: n.pos, typePos: n.typePos, title: n.title, rule: &take, sig: sig, parent: n.parent}
				in := &foreignEdge{pos: n.pos, source: n, target: first, sourceHandle: "output", targetHandle: "input_list"}
				first.in, x.nodes, x.edges, list = []*foreignEdge{in}, append(x.nodes, first), append(x.edges, in), []*foreignNode{first}
			}
			e.source = first
		}
	}
	return list
}

// given is what the value behind a handle of a node runs in.
func given(n *foreignNode, handle string, stack []*foreignNode) []*foreignNode {
	if n.whole {
		return append(slices.Clone(stack), n)
	}
	if n.opens() {
		if _, inside := n.gives(handle); inside {
			return append(slices.Clone(stack), n)
		}
	}
	return stack
}

// gives is the field behind a handle of a node that opens a stream; inside: it is one of each item, or of each turn.
func (n *foreignNode) gives(handle string) (field string, inside bool) {
	return n.rule.Out[handle], !n.is(repeatKind) || handle != "done"
}

// joinStreams is the longer of two stacks, one of which must be the beginning of the other.
func (x *foreign) joinStreams(n *foreignNode, e *foreignEdge, a, b []*foreignNode) []*foreignNode {
	if len(a) < len(b) {
		a, b = b, a
	}
	if !slices.Equal(a[:len(b)], b) {
		x.report.add(e.pos, "stream", "%s gets the items of two lists that nothing pairs: put a Zip before it (item by item) or a Cross (each with each), or collect one of them first", n.what())
	}
	return a
}

// inOrder returns the nodes behind those whose values they take; of nodes on a cycle, which is reported elsewhere, none.
func (x *foreign) inOrder(routes map[*foreignNode][]route) (order []*foreignNode) {
	waits, behind := map[*foreignNode]int{}, map[*foreignNode][]*foreignNode{}
	for _, n := range x.nodes {
		waits[n] = len(routes[n])
		for _, r := range routes[n] {
			behind[r.from] = append(behind[r.from], n)
		}
	}
	for _, n := range x.nodes {
		if waits[n] == 0 {
			order = append(order, n)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, n := range behind[order[i]] {
			if waits[n]--; waits[n] == 0 {
				order = append(order, n)
			}
		}
	}
	return order
}

// lift leads a wire out of the For Each that it stands in, as one of its lists.
func (x *foreign) lift(text string, loop *foreignNode) (wire string) {
	if loop.lists == nil {
		loop.lists, loop.listNames = map[string]string{}, newNames()
	}
	name := loop.lists[text]
	if name == "" {
		head, port := cutLast(text, ".")
		if head == loop.as {
			head = port
		}
		name = loop.listNames.own(slug(head), "item")
		loop.lists[text] = name
		loop.lifted.add(name, loop.pos, textAt(text, loop.pos))
	}
	return loop.name + "." + name
}

// limited is a list cut to the limit that a For Each has, if it has one.
func (x *foreign) limited(n *foreignNode, over, siblings *tree) *tree {
	limit := n.get("limit")
	if limit == nil || limit.kind == scalarTree && limit.scalar == nil || over == nil {
		return over
	}
	most, ok := limit.scalar.(int64)
	if !ok {
		x.report.add(limit.pos, "range", "Invalid value for property `limit`: %s (expected a whole number; -1 for all items)", limit.describe())
	}
	if !ok || most < 0 {
		return over
	}
	with := mapAt(limit.pos)
	with.add("end", limit.pos, limit)
	return x.between(n.name+"_limit", "list/slice", "list", over, with, siblings, "list")
}

// foreachTree makes the group of a For Each. What leads out of it is known when all that stands behind it was made.
func (x *foreign) foreachTree(n *foreignNode, siblings *tree) *tree {
	t := mapAt(n.pos)
	var over *tree
	for _, e := range n.in {
		switch {
		case e.control:
		case !n.takesList(e.targetHandle):
			x.report.add(e.pos, "unknown", "%s has no input %s", n.what(), quote(e.targetHandle))
		case over != nil:
			x.report.add(e.pos, "wires", "Multiple edges target non-list property %q of %s", e.targetHandle, n.what())
		default:
			over = x.wire(e, n.loop)
		}
	}
	for _, f := range n.data {
		if over == nil && n.takesList(f.key) && f.value.kind == listTree {
			over = x.constant(f.value, n.name+"_list", siblings)
		}
	}
	over = x.limited(n, over, siblings)
	if over == nil {
		x.report.add(n.pos, "missing", "Missing inputs: input_list: nothing is wired to %s", n.what())
		t.bad = true
	} else {
		t.add("each", n.pos, over)
	}
	return x.lifting(t, n)
}

// lifting ends the group of a node that opens one: what is in it, and what is wired out of it.
func (x *foreign) lifting(t *tree, n *foreignNode) *tree {
	t.add("as", n.pos, textAt(n.as, n.pos))
	t.some("after", n.pos, x.after(n))
	t.add("nodes", n.pos, x.scope(n))
	t.add("out", n.pos, n.lifted)
	return t
}
