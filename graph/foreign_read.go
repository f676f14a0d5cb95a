package graph

import (
	"strconv"
)

// read takes the nodes and edges out of a file. It returns false when the file holds none that could be read.
func (x *foreign) read(form foreignForm, root *tree) bool {
	x.system = Nodetool
	x.name, x.description = root.get("name"), root.get("description")
	switch form {
	case editorForm:
		x.report.add(root.get("last_node_id").pos, "form", "a file of ComfyUI's editor names no inputs: save it there with Export (API)")
		return false
	case shortForm, apiForm:
		x.name, x.description = nil, nil
		if form == apiForm {
			x.system = ComfyUI
		}
		x.readShort(root)
	case promptForm:
		x.name, x.description, x.system = nil, nil, ComfyUI
		x.readShort(root.get("prompt"))
	case requestForm:
		if x.params = root.get("params"); x.params != nil && x.params.kind != mapTree && x.params.scalar != nil {
			x.report.add(x.params.pos, "shape", "params must be a map of inputs, got %s", x.params.describe())
		}
		g := root.get("graph")
		if g == nil || g.kind != mapTree {
			x.report.add(root.pos, "missing", "Graph is required: a run_job_request here holds its graph")
			return false
		}
		return x.readGraph(g)
	default:
		if g := root.get("graph"); g != nil {
			root = g
		}
		return x.readGraph(root)
	}
	return true
}

// readGraph reads nodes and edges as lists.
func (x *foreign) readGraph(g *tree) bool {
	nodes, edges := g.get("nodes"), g.get("edges")
	if nodes == nil || nodes.kind != listTree || edges != nil && edges.kind != listTree && edges.scalar != nil {
		x.report.add(g.pos, "shape", "a graph has lists of nodes and edges")
		return false
	}
	for _, t := range nodes.list {
		x.readNode(t)
	}
	if edges == nil {
		return true
	}
	for _, t := range edges.list {
		if t.kind != mapTree {
			x.report.add(t.pos, "shape", "an edge must be a map, got %s", t.describe())
			continue
		}
		e := &foreignEdge{pos: t.pos}
		kind, _ := t.textOf("edge_type")
		e.control = kind == "control"
		var ok [4]bool
		e.source, ok[0] = x.edgeNode(t, "source")
		e.target, ok[1] = x.edgeNode(t, "target")
		e.sourceHandle, ok[2] = x.edgeHandle(t, "sourceHandle")
		e.targetHandle, ok[3] = x.edgeHandle(t, "targetHandle")
		if ok == [4]bool{true, true, true, true} {
			x.addEdge(e)
		}
	}
	return true
}

func (x *foreign) addEdge(e *foreignEdge) {
	if x.edges = append(x.edges, e); e.control {
		x.controls = append(x.controls, e)
	}
	x.byPos[e.pos] = e
	e.target.in = append(e.target.in, e)
}

// idOf reads an id, which some writers make a number.
func idOf(t *tree) (string, bool) {
	if t == nil || t.kind != scalarTree {
		return "", false
	}
	switch v := t.scalar.(type) {
	case string:
		return v, v != ""
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}

func (x *foreign) edgeNode(t *tree, end string) (*foreignNode, bool) {
	id, ok := idOf(t.get(end))
	if !ok {
		x.report.add(t.pos, "missing", "an edge needs %s: the id of a node", end)
		return nil, false
	}
	n := x.byID[id]
	if n == nil {
		x.report.suggest(t.get(end).pos, "dangling", "", "the edge's %s is node %s, which the file does not have", end, quote(id))
	}
	return n, n != nil
}

func (x *foreign) edgeHandle(t *tree, end string) (string, bool) {
	h, ok := idOf(t.get(end))
	if !ok {
		x.report.add(t.pos, "missing", "an edge needs %s: the name of a port", end)
	}
	return h, ok
}

func (x *foreign) addNode(n *foreignNode) {
	switch {
	case len(x.nodes) == MaxNodes:
		x.report.add(n.pos, "limit", "more than %d nodes", MaxNodes)
	case x.byID[n.id] != nil:
		x.report.add(n.pos, "duplicate", "the id %s is here twice, first in line %d", quote(n.id), x.byID[n.id].pos.Line)
	default:
		x.byID[n.id] = n
	}
	if len(x.nodes) <= MaxNodes {
		x.nodes = append(x.nodes, n)
	}
}

func (x *foreign) readNode(t *tree) {
	if t.kind != mapTree {
		x.report.add(t.pos, "shape", "a node must be a map, got %s", t.describe())
		return
	}
	id, ok := idOf(t.get("id"))
	if !ok {
		x.report.add(t.pos, "missing", "Node must have an id")
		return
	}
	n := &foreignNode{id: id, pos: t.pos}
	if n.typ, ok = t.textOf("type"); !ok {
		x.report.add(t.pos, "missing", "Node %s does not have a type", clip(id))
		return
	}
	n.typePos = t.get("type").pos
	data := t.get("data")
	if data == nil {
		data = t.get("properties") // as its own examples have it
	}
	n.data = x.fields(data, "data")
	n.named = t.get("name") // the same
	n.dynamic = x.fields(t.get("dynamic_properties"), "dynamic_properties")
	if p := t.get("parent_id"); p != nil && p.scalar != nil && p.scalar != "" {
		n.parentID = p
	}
	if ui := t.get("ui_properties"); ui != nil && ui.kind == mapTree {
		n.title, _ = ui.textOf("title")
		if b := ui.get("bypassed"); b != nil {
			n.bypassed = b.scalar == true
		}
	}
	x.addNode(n)
}

func (x *foreign) fields(t *tree, what string) []field {
	if t == nil || t.kind == scalarTree && t.scalar == nil {
		return nil
	}
	if t.kind != mapTree {
		x.report.add(t.pos, "shape", "%s must be a map, got %s", what, t.describe())
		return nil
	}
	return t.fields
}

// readShort reads a map of nodes; a value that is a list of a text and a text or number is an edge.
func (x *foreign) readShort(root *tree) {
	for _, f := range root.fields {
		n := &foreignNode{id: f.key, pos: f.pos}
		key := "type"
		if f.value.get("class_type") != nil {
			key = "class_type"
		}
		n.typ, _ = f.value.textOf(key)
		n.typePos = f.value.get(key).pos
		if p := f.value.get("parent_id"); p != nil && p.scalar != nil && p.scalar != "" {
			n.parentID = p
		}
		n.title, _ = f.value.get("_meta").textOf("title")
		x.addNode(n)
	}
	for _, f := range root.fields {
		n := x.byID[f.key]
		for _, part := range []string{"data", "inputs"} {
			for _, v := range x.fields(f.value.get(part), part) {
				if !isLink(v.value) {
					n.data = append(n.data, v)
					continue
				}
				id, _ := v.value.list[0].text()
				handle, _ := idOf(v.value.list[1])
				source := x.byID[id]
				if source == nil {
					x.report.add(v.value.pos, "dangling", "Could not find source node %s referenced by %s (a list of two is an edge: a node and its output)", clip(id), clip(n.id))
					continue
				}
				x.addEdge(&foreignEdge{pos: v.value.pos, source: source, target: n, sourceHandle: handle, targetHandle: v.key})
			}
		}
	}
}

func isLink(t *tree) bool {
	if t.kind != listTree || len(t.list) != 2 {
		return false
	}
	_, ok := t.list[0].text()
	_, hasHandle := idOf(t.list[1])
	return ok && hasHandle
}
