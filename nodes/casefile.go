package nodes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"levee/graph/value"
)

const (
	maxCases    = 10_000
	maxCaseFile = 8 << 20
	maxArgDepth = 16
)

// ReadCases reads a cases.json; files that it names are looked up in its folder. See Case for the form.
func ReadCases(fsys fs.FS, name string) ([]Case, error) {
	doc, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	cases, err := ParseCases(doc, func(file string) ([]byte, error) {
		if !fs.ValidPath(file) {
			return nil, fmt.Errorf("%q is no relative path", file)
		}
		return readFile(fsys, path.Join(path.Dir(name), file))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %v", name, err)
	}
	return cases, nil
}

// ParseCases reads the text of a cases.json; read returns the files that it names.
func ParseCases(doc []byte, read func(file string) ([]byte, error)) ([]Case, error) {
	if len(doc) > maxCaseFile {
		return nil, fmt.Errorf("%d bytes, at most %d", len(doc), maxCaseFile)
	}
	var errs problems
	wrapped := append(append([]byte(`{"cases":`), doc...), '}')
	o, err := readObject(wrapped, "", &errs)
	if err != nil {
		return nil, err
	}
	o.only("cases")
	p := &caseParser{read: read}
	var cases []Case
	for _, co := range o.objects("cases", maxCases) {
		cases = append(cases, p.readCase(co))
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return cases, nil
}

type caseParser struct {
	read func(file string) ([]byte, error)
}

func (p *caseParser) readCase(o *object) Case {
	o.only("node", "name", "in", "files", "want", "want_files", "want_error", "tolerance")
	c := Case{Node: o.text("node", maxUses, false), Name: o.text("name", maxUses, false), WantError: o.text("want_error", maxDoc, true)}
	if c.Node == "" {
		o.bad("node", "must name a node type")
	}
	if t := o.number("tolerance"); t != nil {
		c.Tolerance = *t
	}
	c.Inputs = p.args(o, "in", 0)
	c.Files, c.WantFiles = p.contents(o, "files"), p.contents(o, "want_files")
	c.Want = map[string]Want{}
	for _, port := range slices.Sorted(maps.Keys(o.sub("want").fields)) {
		c.Want[port] = p.want(o.sub("want"), port)
	}
	if (c.WantError != "") == (o.has("want") || o.has("want_files")) {
		o.errs.add(o.at, "needs want or want_files, or else want_error")
	}
	return c
}

// sub returns an object field; an empty object when it is missing or something else, which is reported.
func (o *object) sub(key string) *object {
	s := &object{at: o.in(key), errs: o.errs}
	x, ok := o.fields[key]
	if !ok {
		return s
	}
	if s.fields, ok = x.(map[string]any); !ok {
		o.bad(key, "must be an object")
	}
	return s
}

func (p *caseParser) args(o *object, key string, depth int) map[string]Arg {
	in := o.sub(key)
	args := make(map[string]Arg, len(in.fields))
	for _, port := range slices.Sorted(maps.Keys(in.fields)) {
		args[port] = p.arg(in, port, in.fields[port], depth)
	}
	return args
}

// special returns the one key that starts with $ and its value; "" when x is something else.
func special(x any) (key string, inner any) {
	if m, ok := x.(map[string]any); ok && len(m) == 1 {
		for k, v := range m {
			if k != "" && k[0] == '$' {
				return k, v
			}
		}
	}
	return "", nil
}

func (p *caseParser) arg(o *object, port string, x any, depth int) Arg {
	key, inner := special(x)
	if depth > maxArgDepth {
		o.bad(port, "nested deeper than %d", maxArgDepth)
		return Arg{}
	}
	switch key {
	case "":
		return Arg{literal: rawOf(o, port, x)}
	case "$list":
		items, ok := inner.([]any)
		if !ok {
			o.bad(port, "$list holds a list")
		}
		list := make([]Arg, len(items))
		for i, item := range items {
			list[i] = p.arg(o, fmt.Sprintf("%s[%d]", port, i), item, depth+1)
		}
		return Arg{list: list}
	case "$as":
		return p.literalAs(o, port, inner)
	case "$table":
		return p.table(o, port, inner)
	case "$node":
		fields, _ := inner.(map[string]any)
		co := &object{at: o.in(port), fields: fields, errs: o.errs}
		co.only("node", "in", "out")
		return Arg{Call: &Call{Node: co.text("node", maxUses, false), Out: co.text("out", maxShort, false), Inputs: p.args(co, "in", depth+1)}}
	}
	return Arg{raw: p.content(o, port, x)}
}

func (p *caseParser) literalAs(o *object, port string, inner any) Arg {
	fields, _ := inner.(map[string]any)
	lo := &object{at: o.in(port), fields: fields, errs: o.errs}
	lo.only("type", "value")
	t, err := value.ParseType(lo.text("type", maxExport, false))
	if err != nil {
		lo.bad("type", "%v", err)
	}
	return Arg{as: t, literal: lo.raw("value")}
}

// table reads {"columns": [["name", "kind"], ...], "rows": [[...], ...]}.
func (p *caseParser) table(o *object, port string, inner any) Arg {
	fields, _ := inner.(map[string]any)
	to := &object{at: o.in(port), fields: fields, errs: o.errs}
	to.only("columns", "rows")
	var names []string
	var kinds []value.Type
	for i, x := range to.list("columns", maxCases) {
		pair, _ := x.([]any)
		if len(pair) != 2 {
			to.bad(fmt.Sprintf("columns[%d]", i), "must be [name, kind]")
			return Arg{}
		}
		name, _ := pair[0].(string)
		kind, _ := pair[1].(string)
		names, kinds = append(names, name), append(kinds, value.Type(kind))
	}
	cells := make([][]any, len(names))
	for r, x := range to.list("rows", maxCases) {
		row, _ := x.([]any)
		if len(row) != len(names) {
			to.bad(fmt.Sprintf("rows[%d]", r), "must be %d cells", len(names))
			return Arg{}
		}
		for c := range row {
			cell, ok := tableCell(kinds[c], row[c])
			if !ok {
				to.bad(fmt.Sprintf("rows[%d][%d]", r, c), "is no %s", kinds[c])
			}
			cells[c] = append(cells[c], cell)
		}
	}
	enc, err := value.EncodeTable(names, kinds, cells)
	if err == nil {
		_, _, err = value.DecodeTable(enc)
	}
	if err != nil {
		o.bad(port, "%v", err)
	}
	return Arg{raw: enc, as: value.Table}
}

func tableCell(kind value.Type, x any) (any, bool) {
	if x == nil {
		return nil, true
	}
	switch kind {
	case value.Bool:
		b, ok := x.(bool)
		return b, ok
	case value.String:
		s, ok := x.(string)
		return s, ok
	}
	n, ok := x.(json.Number)
	if !ok {
		return nil, false
	}
	if kind == value.Int {
		i, err := n.Int64()
		return i, err == nil
	}
	f, err := n.Float64()
	return f, err == nil && kind == value.Float
}

func (p *caseParser) contents(o *object, key string) map[string][]byte {
	fo := o.sub(key)
	if fo.fields == nil {
		return nil
	}
	files := make(map[string][]byte, len(fo.fields))
	for _, name := range slices.Sorted(maps.Keys(fo.fields)) {
		files[name] = p.content(fo, name, fo.fields[name])
	}
	return files
}

// content returns bytes: a text, {"$text"}, {"$base64"} or {"$file"}; never nil.
func (p *caseParser) content(o *object, port string, x any) []byte {
	key, inner := special(x)
	if s, ok := x.(string); ok {
		key, inner = "$text", s
	}
	s, ok := inner.(string)
	if !ok {
		o.bad(port, "%s must hold a text", key)
		return []byte{}
	}
	var b []byte
	var err error
	switch key {
	case "$text":
		b = []byte(s)
	case "$base64":
		b, err = base64.StdEncoding.DecodeString(s)
	case "$file":
		b, err = p.read(s)
	default:
		err = fmt.Errorf("%s is not known (known: $text, $base64, $file, $list, $as, $table, $node, $digest, $absent)", key)
	}
	if err != nil {
		o.bad(port, "%v", err)
	}
	return append([]byte{}, b...)
}

func (p *caseParser) want(o *object, port string) Want {
	x := o.fields[port]
	switch key, inner := special(x); key {
	case "":
		return Want{json: rawOf(o, port, x)}
	case "$digest":
		s, _ := inner.(string)
		return Want{digest: s}
	case "$absent":
		if inner != true {
			o.bad(port, "$absent holds true")
		}
		return Want{Absent: true}
	}
	return Want{raw: p.content(o, port, x)}
}

func rawOf(o *object, key string, x any) json.RawMessage {
	return (&object{at: o.at, fields: map[string]any{key: x}, errs: o.errs}).raw(key)
}
