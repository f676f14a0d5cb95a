package graph

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// What a node of another system does in one go can take several nodes here: the value of a property passes through those that
// its rule names first.

// passSteps adds the nodes that the value of a property passes through, and returns the wire behind them.
func (x *foreign) passSteps(n *foreignNode, property string, w, siblings *tree) *tree {
	for _, s := range n.rule.Make[property] {
		if strings.HasPrefix(s.Uses, "file/") {
			x.grants.read = grant(x.grants.read, ".", w.pos)
		}
		w = x.between(n.name+"_"+slug(property), s.Uses, s.Port, w, s.with(w.pos), siblings, s.Out)
	}
	return w
}

func (s *makeStep) with(pos Pos) *tree {
	if len(s.With) == 0 {
		return nil
	}
	with := mapAt(pos)
	for _, port := range slices.Sorted(maps.Keys(s.With)) {
		with.add(port, pos, goTree(s.With[port], pos))
	}
	return with
}

// splitWire adds the node that makes a list of a text that lists, as an edge brings it.
func (x *foreign) splitWire(n *foreignNode, e *foreignEdge, w, siblings *tree) *tree {
	name := n.name + "_" + slug(e.targetHandle)
	between := n.rule.Split[e.targetHandle]
	if between == "" {
		one := listAt(e.pos, w)
		return x.between(name, loneCollect.Uses, "items", one, nil, siblings, "list")
	}
	with := mapAt(e.pos)
	with.add("separator", e.pos, textAt(between, e.pos))
	with.add("trim", e.pos, &tree{pos: e.pos, scalar: true})
	return x.between(name, "text/split", "text", w, with, siblings, "parts")
}

// makeLiteral does the same for a saved value. A path is one of the workflow's folder; it is nil when that was reported.
func (x *foreign) makeLiteral(n *foreignNode, property string, v, siblings *tree) *tree {
	first := n.rule.Make[property][0]
	if strings.HasPrefix(first.Uses, "file/") {
		text, ok := v.text()
		if !ok {
			if saved := savedText(v); saved != nil {
				text, ok = saved.text()
			}
		}
		if !ok || text == "" {
			x.report.add(v.pos, "missing", "Missing inputs: %s: %s needs the path of a file", property, n.what())
			return nil
		}
		r, ok := x.fileRef(n, text, v)
		if !ok {
			return nil
		}
		x.grantRead(r.file)
		v = r.file
	}
	w := x.literalNode(n.name+"_"+slug(property), first.Uses, first.Port, v, siblings, first.Out)
	if with := first.with(v.pos); with != nil {
		node := siblings.fields[len(siblings.fields)-1].value
		node.get("with").fields = append(node.get("with").fields, with.fields...)
	}
	for _, s := range n.rule.Make[property][1:] {
		w = x.between(n.name+"_"+slug(property), s.Uses, s.Port, w, s.with(v.pos), siblings, s.Out)
	}
	return w
}

// clockPattern finds the parts of a name that nodetool replaces by the time of day.
var clockPattern = regexp.MustCompile(`%[a-zA-Z]`)

// savePath gives a node that writes a file its path, which nodetool saves as a folder and a name.
func (x *foreign) savePath(n *foreignNode, with *tree) {
	file := x.saved(n)
	if file == nil { // that was reported
		file = &tree{pos: n.pos, bad: true}
	}
	with.add("path", file.pos, file)
}

// nameProperty is the property that names the file of a node that writes one.
func (r *rule) nameProperty() string {
	if _, ok := r.In["filename"]; ok {
		return "filename"
	}
	return "name"
}

func (x *foreign) saved(n *foreignNode) *tree {
	property := n.rule.nameProperty()
	folder, name := n.get("folder"), n.get(property)
	if name == nil {
		name = goTree(n.rule.Defaults[property], n.pos)
	}
	text, _ := name.text()
	if token := clockPattern.FindString(text); token != "" {
		x.report.add(name.pos, "range", "Invalid value for property `%s`: %s (nodes have no clock, so %s cannot be filled in: give the file a name)", property, quote(text), token)
		return nil
	}
	if text == "" {
		x.report.add(name.pos, "missing", "Missing inputs: %s: %s needs the name of a file", property, n.what())
		return nil
	}
	in := folderOf(folder)
	if def, ok := n.rule.Defaults["folder"]; ok && in == "" {
		in, _ = goTree(def, n.pos).text()
	}
	pos := n.pos
	if folder != nil {
		pos = folder.pos
	}
	if in == "" {
		x.report.add(pos, "missing", "Missing inputs: folder: %s writes in a folder below the workflow's, name one", n.what())
		return nil
	}
	file := path.Join(in, text)
	err := checkPath(in)
	if in = path.Dir(file); err == nil {
		err = checkWritable(in)
	}
	if err == nil {
		err = checkPath(file)
	}
	if err != nil {
		x.report.add(pos, "path", "%s: %v", n.what(), err)
		return nil
	}
	x.grants.write = grant(x.grants.write, in, pos)
	return textAt(file, name.pos)
}

// folderOf is the folder that a property names: as a text, or in a map around it.
func folderOf(t *tree) string {
	if text, ok := literalText(t); ok {
		return text
	}
	for _, key := range []string{"path", "uri"} {
		if text, _ := t.textOf(key); text != "" {
			return text
		}
	}
	return ""
}
