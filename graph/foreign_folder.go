package graph

import (
	"cmp"
	"slices"
)

// A node that reads the files of a folder lists them here; what it gives of each one is a For Each over their paths, and the
// node in it that reads.

// splitFolders puts behind each such node those that its handles need.
func (x *foreign) splitFolders() {
	parts := map[*foreignNode]map[string]*foreignNode{}
	for _, e := range slices.Clone(x.edges) {
		n := e.source
		if e.control || !n.is(folderKind) || n.bypassed || !slices.Contains([]string{"path", "text", "texts"}, e.sourceHandle) {
			continue
		}
		if parts[n] == nil {
			parts[n] = map[string]*foreignNode{}
		}
		e.source, e.sourceHandle = x.folderPart(n, parts[n], e.sourceHandle), "output"
	}
}

// folderPart is the node behind a handle: it gives the path of each file, the text of each, or the list of texts.
func (x *foreign) folderPart(n *foreignNode, made map[string]*foreignNode, handle string) *foreignNode {
	if made[handle] != nil {
		return made[handle]
	}
	_, title := cutLast(n.typ, ".")
	title = cmp.Or(n.title, title) + " " + handle
	output := func(port string) map[string]string { return map[string]string{"output": port} }
	switch handle {
	case "path":
		made[handle] = x.behind(n, "paths", title, &rule{Kind: foreachKind, Out: output("item")}, "input_list")
	case "text":
		made[handle] = x.behind(x.folderPart(n, made, "path"), "output", title, &rule{Uses: "file/read_text", Out: output("text")}, "path")
	case "texts":
		collect := rule{Kind: collectKind, Uses: constantUses, In: map[string]string{itemHandle: "value"}, Out: output("value")}
		made[handle] = x.behind(x.folderPart(n, made, "text"), "output", title, &collect, itemHandle)
	}
	return made[handle]
}

// behind adds a node that takes what another one gives.
func (x *foreign) behind(n *foreignNode, handle, title string, r *rule, property string) *foreignNode {
	next := &foreignNode{id: n.id, typ: n.typ, pos: n.pos, typePos: n.typePos, title: title, rule: r, parent: n.parent}
	if r.Uses != "" {
		x.sign(next)
	}
	x.nodes = append(x.nodes, next)
	x.addEdge(&foreignEdge{pos: n.pos, source: n, target: next, sourceHandle: handle, targetHandle: property})
	return next
}

// folderPath lets the workflow read the folder that a node names, all folders where an edge brings the name.
func (x *foreign) folderPath(n *foreignNode, in, with *tree) {
	if in.has("folder") {
		x.grants.read = grant(x.grants.read, ".", n.pos)
		return
	}
	for i := range with.fields {
		f := &with.fields[i]
		if f.key != "folder" {
			continue
		}
		if text, _ := f.value.text(); text == "" {
			x.report.add(f.pos, "missing", "Missing inputs: folder: %s needs the path of a folder", n.what())
		} else if r, ok := x.fileRef(n, text, f.value); ok {
			x.grants.read = grant(x.grants.read, r.file.scalar.(string), f.pos)
			f.value = r.file
			return
		}
		f.value = &tree{pos: f.pos, bad: true}
	}
}
