package graph

import (
	"encoding/base64"
	"net/url"
	"path"
	"slices"
	"strings"

	"levee/graph/value"
)

// Constants of nodetool that refer to a file, or hold its content, or that of a dataframe or a JSON document. What they name is
// read from the workflow's folder; nothing is fetched.

// reference is where the content of a constant is; exactly one field is set.
type reference struct {
	file    *tree // a path in the workflow's folder
	content *tree // base64 text; of JSON and dataframes the value itself
}

// findReferences looks at the constants that refer to something, and finds what makes their values.
func (x *foreign) findReferences() {
	for _, n := range x.nodes {
		if !n.is(referenceKind) {
			continue
		}
		if slices.ContainsFunc(n.in, func(e *foreignEdge) bool { return !e.control && e.targetHandle == "value" }) {
			x.become(n, constantUses, "value")
			continue
		}
		known := len(x.report.found)
		if !x.wired(n) || !x.refer(n) {
			n.void, n.rule = true, &rule{Kind: commentKind}
			if len(x.report.found) > known { // it was reported
				n.void, n.rule = false, nil
			}
			continue
		}
		n.refers = true
		switch r := n.refs; {
		case n.rule.Type == value.JSON && r[0].content != nil && r[0].content.kind != scalarTree:
			x.become(n, constantUses, "value")
		case n.rule.Type == value.JSON:
			x.become(n, "json/parse", "value")
		case n.rule.Type == value.String && r[0].file != nil:
			x.become(n, "file/read_text", "text")
		case n.rule.Type == value.String:
			x.become(n, constantUses, "value")
		case n.rule.Type == value.Table:
			x.become(n, "table/from_json", "table")
		case n.rule.Type == value.Image:
			x.become(n, "image/decode", "image")
		case n.rule.Type == value.Bytes && r[0].file != nil:
			x.become(n, "file/read", "data")
		case n.rule.Type == value.Bytes:
			x.become(n, "text/from_base64", "data")
		case len(r) == 0:
			x.become(n, "convert/to_list", "list")
		default:
			x.become(n, loneCollect.Uses, "list")
		}
	}
}

func (x *foreign) wired(n *foreignNode) bool {
	return slices.ContainsFunc(x.edges, func(e *foreignEdge) bool { return e.source == n && !e.control })
}

// become makes a node one of a core type.
func (x *foreign) become(n *foreignNode, uses, out string) {
	n.rule = &rule{Uses: uses, Type: n.rule.Type, Out: map[string]string{"output": out}}
	x.sign(n)
}

// sign finds the signature of what a node's rule uses; a node without one, which is reported, has no rule.
func (x *foreign) sign(n *foreignNode) {
	var err error
	if n.sig, err = x.resolve(n.rule.Uses); n.sig == nil {
		x.report.add(n.typePos, "uses", "%s is %s here: %v", clip(n.typ), n.rule.Uses, err)
		n.rule = nil
	}
}

// refer finds what a constant refers to. It returns false when that is nothing, or wrong, which is reported.
func (x *foreign) refer(n *foreignNode) bool {
	v := n.get("value")
	null := v == nil || v.kind == scalarTree && v.scalar == nil
	switch {
	case n.rule.Type.Base() == "list":
		if null {
			return true
		}
		if v.kind != listTree {
			x.report.add(v.pos, "shape", "Invalid value for property `value`: %s (expected a list of references)", v.describe())
			return false
		}
		for _, item := range v.list {
			r, ok := x.content(n, item)
			if !ok {
				return false
			}
			if r == (reference{}) {
				x.report.add(item.pos, "missing", "%s: an item of the list refers to nothing", n.what())
				return false
			}
			n.refs = append(n.refs, r)
		}
		return true
	case null:
		return false
	case n.rule.Type == value.Table:
		return x.frame(n, v)
	case n.rule.Type == value.String:
		if uri, _ := v.textOf("uri"); uri != "" {
			r, ok := x.fileRef(n, uri, v.get("uri"))
			n.refs = []reference{r}
			return ok
		}
		text := v
		if v.kind == mapTree {
			text = savedText(v)
		}
		n.refs = []reference{{content: text}}
		return true
	case n.rule.Type == value.JSON:
		if kind, ok := v.textOf("type"); !ok || kind != "json" || v.get("data") == nil && v.get("uri") == nil {
			n.refs = []reference{{content: jsonContent(v)}}
			return true
		}
		if data := v.get("data"); data != nil && !(data.kind == scalarTree && (data.scalar == nil || data.scalar == "")) {
			n.refs = []reference{{content: jsonContent(data)}}
			return true
		}
	}
	r, ok := x.content(n, v)
	n.refs = []reference{r}
	return ok && r != reference{}
}

// jsonContent is a saved document: a text holds one, any other value is one.
func jsonContent(t *tree) *tree {
	if _, isText := t.text(); isText || t.kind != scalarTree {
		return t
	}
	return textAt(t.plain(), t.pos)
}

// content is what a saved reference refers to, nothing when it is empty. What cannot be read is reported.
func (x *foreign) content(n *foreignNode, v *tree) (r reference, ok bool) {
	if v.kind != mapTree {
		if text, isText := v.text(); isText {
			return x.fileRef(n, text, v)
		}
		x.report.add(v.pos, "shape", "Invalid value for property `value`: %s (expected a reference: type, uri, data)", v.describe())
		return r, false
	}
	if data := v.get("data"); data != nil && data.scalar != nil || data != nil && data.kind != scalarTree {
		text, isText := data.text()
		if !isText {
			x.report.add(data.pos, "shape", "%s: data must be base64 text, got %s", n.what(), data.describe())
			return r, false
		}
		if text != "" {
			return x.inline(n, text, data)
		}
	}
	if uri, _ := v.textOf("uri"); uri != "" {
		return x.fileRef(n, uri, v.get("uri"))
	}
	if id := v.get("asset_id"); id != nil && id.scalar != nil && id.scalar != "" {
		x.report.add(id.pos, "asset", "%s is an asset of nodetool, which only nodetool has: save the file beside the workflow and give its path as uri", n.what())
		return r, false
	}
	return r, true
}

func (x *foreign) inline(n *foreignNode, text string, at *tree) (r reference, ok bool) {
	if _, after, isURI := strings.Cut(text, ";base64,"); isURI && strings.HasPrefix(text, "data:") {
		text = after
	}
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		x.report.add(at.pos, "shape", "%s: data must be base64 text: %v", n.what(), err)
		return r, false
	}
	return reference{content: textAt(text, at.pos)}, true
}

// fileRef reads a URI as a file of the workflow's folder.
func (x *foreign) fileRef(n *foreignNode, uri string, at *tree) (r reference, ok bool) {
	if strings.HasPrefix(uri, "data:") {
		return x.inline(n, uri, at)
	}
	scheme, rest, found := strings.Cut(uri, "://")
	switch {
	case found && scheme != "file":
		x.report.add(at.pos, "path", "%s is at %s: nothing is fetched; save the file beside the workflow and give its path as uri", n.what(), quote(clip(uri)))
		return r, false
	case found:
		if plain, err := url.PathUnescape(rest); err == nil {
			rest = plain
		}
	default:
		rest = uri
	}
	if rest != "" && !strings.HasPrefix(rest, "/") {
		rest = path.Clean(rest)
	}
	if err := checkPath(rest); err != nil {
		x.report.add(at.pos, "path", "%s: %v", n.what(), err)
		return r, false
	}
	return reference{file: textAt(rest, at.pos)}, true
}

// frame is the content of a dataframe: its columns and rows as the document that table/from_json takes.
func (x *foreign) frame(n *foreignNode, v *tree) bool {
	columns, data := v.get("columns"), v.get("data")
	if columns == nil || columns.kind != listTree || data == nil || data.kind != listTree {
		if uri, _ := v.textOf("uri"); uri != "" {
			x.report.add(v.get("uri").pos, "path", "%s: a dataframe here has columns and data; read a file with ImportCSV", n.what())
		}
		return false
	}
	names, rows, doc := listAt(columns.pos), listAt(data.pos), mapAt(v.pos)
	floats := map[int]bool{}
	for i, c := range columns.list {
		name, ok := c.textOf("name")
		if !ok {
			name, ok = c.text()
		}
		if !ok {
			x.report.add(c.pos, "shape", "%s: a column has a name, got %s", n.what(), c.describe())
			return false
		}
		kind, _ := c.textOf("data_type")
		floats[i] = kind == "float"
		names.list = append(names.list, textAt(name, c.pos))
	}
	for _, row := range data.list {
		if row.kind != listTree || len(row.list) != len(names.list) {
			x.report.add(row.pos, "shape", "%s: there are %d columns, a row is a list of as many cells", n.what(), len(names.list))
			return false
		}
		cells := listAt(row.pos)
		for i, cell := range row.list {
			if whole, ok := cell.scalar.(int64); ok && floats[i] {
				cell = &tree{pos: cell.pos, scalar: float64(whole)}
			}
			cells.list = append(cells.list, cell)
		}
		rows.list = append(rows.list, cells)
	}
	doc.add("columns", columns.pos, names)
	doc.add("rows", data.pos, rows)
	n.refs = []reference{{content: doc}}
	return true
}

// refTask makes the node of a constant that refers to something, and the nodes that read it.
func (x *foreign) refTask(n *foreignNode, siblings *tree) *tree {
	t, with, in := mapAt(n.pos), mapAt(n.pos), mapAt(n.pos)
	t.add("uses", n.typePos, textAt(n.rule.Uses, n.typePos))
	put := func(port string, r reference, read, out string) {
		if r.file == nil {
			with.add(port, r.content.pos, r.content)
			return
		}
		in.add(port, r.file.pos, x.fileNode(n, r, read, out, siblings))
	}
	switch n.rule.Uses {
	case "file/read", "file/read_text":
		x.grantRead(n.refs[0].file)
		with.add("path", n.refs[0].file.pos, n.refs[0].file)
	case "text/from_base64":
		put("text", n.refs[0], "", "")
	case "image/decode":
		put("data", n.refs[0], "file/read", "data")
	case "json/parse":
		put("text", n.refs[0], "file/read_text", "text")
	case constantUses, "table/from_json":
		put("value", n.refs[0], "", "")
	case "convert/to_list":
		with.add("value", n.pos, listAt(n.pos))
	default:
		items := listAt(n.pos)
		for _, r := range n.refs {
			items.list = append(items.list, x.refItem(n, r, siblings))
		}
		in.add("items", n.pos, items)
	}
	t.some("with", n.pos, with)
	t.some("in", n.pos, in)
	t.some("after", n.pos, x.after(n))
	return t
}

// refItem is the wire to one item of a list of references.
func (x *foreign) refItem(n *foreignNode, r reference, siblings *tree) *tree {
	image := n.rule.Type.Elem() == value.Image
	if r.file != nil {
		w := x.fileNode(n, r, "file/read", "data", siblings)
		if image {
			w = x.between(n.name+"_item", "image/decode", "data", w, nil, siblings, "image")
		}
		return w
	}
	if image {
		return x.literalNode(n.name+"_item", "image/decode", "data", r.content, siblings, "image")
	}
	return x.literalNode(n.name+"_item", "text/from_base64", "text", r.content, siblings, "data")
}

// fileNode adds the node that reads a file, and returns the wire to its content.
func (x *foreign) fileNode(n *foreignNode, r reference, uses, out string, siblings *tree) *tree {
	x.grantRead(r.file)
	return x.literalNode(n.name+"_file", uses, "path", r.file, siblings, out)
}

// grantRead lets the workflow read the folder of a file.
func (x *foreign) grantRead(file *tree) {
	text, _ := file.text()
	x.grants.read = grant(x.grants.read, path.Dir(text), file.pos)
}

// grant adds a folder to those of a list.
func grant(list *tree, folder string, pos Pos) *tree {
	if list == nil {
		list = listAt(pos)
	}
	if !slices.ContainsFunc(list.list, func(t *tree) bool { return t.scalar == folder }) {
		list.list = append(list.list, textAt(folder, pos))
	}
	return list
}

// allowTree is what the workflow may touch; nil without anything.
func (x *foreign) allowTree() *tree {
	t := mapAt(Pos{1, 1})
	if r := x.grants.read; r != nil {
		if len(r.list) > maxFolders {
			r.list = []*tree{textAt(".", r.pos)}
		}
		t.add("read", r.pos, r)
	}
	if w := x.grants.write; w != nil {
		t.add("write", w.pos, w)
	}
	if len(t.fields) == 0 {
		return nil
	}
	return t
}
