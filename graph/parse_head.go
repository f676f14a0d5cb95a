package graph

import (
	"fmt"
	"slices"
	"strings"

	"levee/graph/value"
)

// items returns the items of a list, or the value itself where one may stand for a list of one.
func (t *tree) items() []*tree {
	if t.kind == listTree {
		return t.list
	}
	return []*tree{t}
}

// wires returns the wires of a port: one, or those of a list or of a map by ascending key.
func (t *tree) wires() []*tree {
	if t.kind != mapTree {
		return t.items()
	}
	list := make([]*tree, len(t.fields))
	for i, f := range t.sorted() {
		list[i] = f.value
	}
	return list
}

// sorted returns the fields of a map by ascending key.
func (t *tree) sorted() []field {
	fields := slices.Clone(t.fields)
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return fields
}

func (p *parser) oneOf(t *tree, what string, known ...string) string {
	s, ok := t.text()
	if ok && slices.Contains(known, s) {
		return s
	}
	p.report.suggest(t.pos, "shape", p.report.near.nearest(s, known), "%s must be %s, got %s", what, orList(known), t.describe())
	return ""
}

func (p *parser) inputs(t *tree) {
	if t.kind != mapTree {
		p.report.add(t.pos, "shape", "inputs must be a map, got %s", t.describe())
		return
	}
	for _, f := range t.fields {
		p.id(f, "input")
		p.file.Inputs = append(p.file.Inputs, p.input(f))
	}
}

// input returns a port without a type when the type is wrong: nothing more is said about it.
func (p *parser) input(f field) value.Port {
	port := value.Port{Name: f.key}
	typ := f.value
	if f.value.kind == mapTree {
		what := fmt.Sprintf("input %q", f.key)
		p.object(f.value, what, inputFields)
		port.Doc, _ = p.str(f.value.get("doc"), what+": doc")
		p.need(f.value, f.pos, "type", inputFields, what+" needs a type")
		if typ = f.value.get("type"); typ == nil {
			return port
		}
	}
	text, ok := p.str(typ, "the type of input "+f.key)
	if !ok {
		return port
	}
	parsed, err := value.ParseType(text)
	if err == nil && parsed.HasVar() {
		err = fmt.Errorf("%s: a type variable can stand in a node's manifest only", text)
	}
	if err != nil {
		p.report.suggest(typ.pos, "type", p.report.near.nearest(text, plainTypes), "%v", err)
		return port
	}
	port.Type = parsed
	if def := f.value.get("default"); def != nil {
		if _, ok := fit(p.report, def, &value.Port{Name: "the default of " + f.key, Type: parsed}); ok {
			port.Default = jsonText(p.report, def)
		}
	}
	return port
}

var plainTypes = []string{"bool", "int", "float", "string", "bytes", "json", "image", "audio", "table", "any"}

func jsonText(report *problems, t *tree) []byte {
	doc, ok := fit(report, t, &value.Port{Name: "the default", Type: value.JSON})
	if !ok {
		return nil
	}
	enc, _ := doc.Inline()
	return enc
}

// fit makes a value of a literal for a port; what does not fit is reported where it stands.
func fit(report *problems, t *tree, port *value.Port) (value.Value, bool) {
	v, err := value.FromGo(port.Type, t.literal())
	if err == nil {
		if err = port.CheckRange(v); err != nil {
			text, _ := t.text()
			report.suggest(t.pos, "range", report.near.nearest(text, port.Enum), "%v", err)
			return v, false
		}
		return v, !t.bad
	}
	at, msg := t, err.Error()
	if bad, ok := err.(*value.LiteralError); ok {
		at = t.at(bad.Path)
		msg = fmt.Sprintf("%s%s wants %s, got %s", port.Name, clip(bad.Path), bad.Want, bad.Got)
		if bad.Hint != "" {
			msg += " (" + bad.Hint + ")"
		}
	}
	if !at.bad {
		report.add(at.pos, "literal", "%s", msg)
	}
	return v, false
}

func (p *parser) allow(t *tree) {
	if !p.object(t, "allow", allowFields) {
		return
	}
	p.file.Allow.Read = p.folders(t.get("read"), "allow.read", checkFolder)
	p.file.Allow.Write = p.folders(t.get("write"), "allow.write", checkWritable)
	if m := t.get("memory"); m != nil {
		p.file.Allow.Memory = p.size(m, "allow.memory", maxMemory)
	}
	if d := t.get("time"); d != nil {
		p.file.Allow.Time = p.duration(d, "allow.time", maxTimeout)
	}
}

func (p *parser) folders(t *tree, what string, check func(string) error) (list []string) {
	if t == nil {
		return nil
	}
	if n := len(t.items()); n > maxFolders {
		p.report.add(t.pos, "limit", "%s has %d folders, at most %d", what, n, maxFolders)
		return nil
	}
	for _, item := range t.items() {
		folder, ok := p.str(item, what)
		if !ok {
			continue
		}
		if err := check(folder); err != nil {
			p.report.add(item.pos, "path", "%s: %v", what, err)
			continue
		}
		list = append(list, folder)
	}
	return list
}

// outputs reads the results of the workflow.
func (p *parser) outputs(t *tree) {
	if t.kind != mapTree {
		p.report.add(t.pos, "shape", "outputs must be a map, got %s", t.describe())
		return
	}
	for _, f := range t.fields {
		p.id(f, "output")
		out := rawOutput{name: f.key, pos: f.pos, from: f.value}
		if f.value.kind == mapTree {
			what := fmt.Sprintf("output %q", f.key)
			p.object(f.value, what, outputFields)
			out.names = f.value.get("names")
			out.from = f.value.get("from")
			p.need(f.value, f.pos, "from", outputFields, what+" needs from: node.port")
			if file := f.value.get("file"); file != nil {
				p.outputFile(&out, file, what)
			}
		}
		p.file.graph.out = append(p.file.graph.out, out)
	}
}

func (p *parser) outputFile(out *rawOutput, t *tree, what string) {
	file, ok := p.str(t, what+": file")
	if p.outFiles++; !ok || p.outFiles > maxFiles {
		if p.outFiles == maxFiles+1 {
			p.report.add(t.pos, "limit", "more than %d outputs with files", maxFiles)
		}
		return
	}
	if err := checkFile(file); err != nil {
		p.report.add(t.pos, "path", "%s: %v", what, err)
		return
	}
	if out.file, out.filePos = file, t.pos; !inFolder(file, p.file.Allow.Write) {
		p.report.add(t.pos, "path", "%s: %s is in no folder of allow.write", what, quote(file))
	}
	if trigger := p.file.Trigger; trigger != nil {
		for _, glob := range trigger.Files {
			if globsMeet(file, glob) {
				p.report.add(t.pos, "loop", "%s: %s matches the trigger %s: every run would start the next one", what, quote(file), quote(glob))
				break
			}
		}
	}
}
