package graph

import (
	"path"
	"regexp"
)

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

func (x *foreign) saved(n *foreignNode) *tree {
	folder, name := n.get("folder"), n.get("name")
	if name == nil {
		name = goTree(n.rule.Defaults["name"], n.pos)
	}
	text, _ := name.text()
	if token := clockPattern.FindString(text); token != "" {
		x.report.add(name.pos, "range", "Invalid value for property `name`: %s (nodes have no clock, so %s cannot be filled in: give the file a name)", quote(text), token)
		return nil
	}
	in, ok := literalText(folder)
	if !ok && folder != nil {
		in, ok = folder.textOf("uri")
	}
	if !ok || in == "" {
		pos := n.pos
		if folder != nil {
			pos = folder.pos
		}
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
		x.report.add(folder.pos, "path", "%s: %v", n.what(), err)
		return nil
	}
	x.grants.write = grant(x.grants.write, in, folder.pos)
	return textAt(file, name.pos)
}
