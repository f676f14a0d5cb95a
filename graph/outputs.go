package graph

import (
	"strings"

	"levee/graph/value"
)

// files checks the types of the outputs that are written to files, and that no two are written to the same one.
func (c *checker) files(g *rawGraph) {
	taken := map[string]string{}
	for i := range g.out {
		out := &g.out[i]
		c.fileNames(out)
		if out.file == "" {
			continue
		}
		if other := taken[out.file]; other != "" {
			c.report.add(out.filePos, "duplicate", "outputs %q and %q are written to the same file", other, out.name)
		}
		taken[out.file] = out.name
		if out.wire != nil && out.typ != "" {
			c.fileType(out)
		}
	}
}

// fileType checks that a value can be a file, or a list of values files.
func (c *checker) fileType(out *rawOutput) {
	typ, pattern := out.typ, strings.Contains(out.file, "*")
	switch {
	case pattern && typ.Base() != "list":
		c.report.add(out.filePos, "type", "output %q: %s names one file for each element of a list, but %s gives %s", out.name, quote(out.file), out.wire.text, typ)
		return
	case !pattern && typ.Base() == "list":
		c.report.add(out.filePos, "type", "output %q: %s gives %s: put a * into the name, it stands for the element", out.name, out.wire.text, typ)
		return
	case pattern:
		typ = typ.Elem()
	}
	switch typ {
	case value.Bytes, value.String, value.JSON:
		return
	}
	c.report.add(out.filePos, "type", "output %q: a file is bytes, string or json, but %s gives %s%s", out.name, out.wire.text, out.typ, encoderOf(typ))
}

// encoderOf names the node of the core pack that makes bytes or text of a type.
func encoderOf(t value.Type) string {
	switch t.Base() {
	case "image":
		return " (encode it first: image/encode)"
	case "table":
		return " (encode it first: table/write_csv)"
	case "bool", "int", "float":
		return " (make it a text first: text/format)"
	}
	return ""
}

// fileNames checks what the * of a file's name stands for.
func (c *checker) fileNames(out *rawOutput) {
	if out.names == nil {
		return
	}
	if !strings.Contains(out.file, "*") {
		c.report.add(out.names.pos, "shape", "output %q: names is for a file with a * in its name", out.name)
		return
	}
	if out.namesWire == nil {
		return
	}
	typ := c.typeOf(out.namesWire)
	if typ != "" && typ != value.ListOf(value.String) {
		c.report.add(out.names.pos, "type", "output %q: names wants list<string>, but %s gives %s", out.name, out.namesWire.text, typ)
	}
	src := out.namesWire.source(typ)
	out.namesFrom = &src
}
