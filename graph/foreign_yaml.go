package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Import writes a foreign file that Check found right as a workflow of our own: the very tree that was checked.
func (f *File) Import() ([]byte, error) {
	if f.foreign == nil || f.foreign.root == nil {
		return nil, errors.New("it is a workflow of levee's own format already")
	}
	if len(f.found.found) > 0 {
		return nil, f.found.list()
	}
	root := f.foreign.root
	var w yamlWriter
	w.block(root, 0)
	found := &problems{}
	if again := readYAML(newSource(w.b.Bytes()), found); again == nil || len(found.found) > 0 || !sameTree(again, root) {
		return nil, fmt.Errorf("the workflow cannot be written as YAML: %w", errors.Join(found.list().Err(), errUnlike))
	}
	return w.b.Bytes(), nil
}

var errUnlike = errors.New("it does not read as it was")

// sameTree reports whether two trees say the same.
func sameTree(a, b *tree) bool {
	same := a.kind == b.kind && len(a.list) == len(b.list) && len(a.fields) == len(b.fields)
	if !same || a.kind == scalarTree && a.scalar != b.scalar && !(isNaN(a.scalar) && isNaN(b.scalar)) {
		return false
	}
	for i := range a.list {
		if !sameTree(a.list[i], b.list[i]) {
			return false
		}
	}
	for i := range a.fields {
		if a.fields[i].key != b.fields[i].key || !sameTree(a.fields[i].value, b.fields[i].value) {
			return false
		}
	}
	return true
}

func isNaN(x any) bool {
	f, ok := x.(float64)
	return ok && math.IsNaN(f)
}

// yamlWriter writes trees as YAML that this package reads back: block style, and flow style where that is short.
type yamlWriter struct{ b bytes.Buffer }

const flowWidth = 100

func (w *yamlWriter) line(indent int, text string) {
	w.b.WriteString(strings.Repeat(" ", indent) + text + "\n")
}

// block writes a map or list that is not empty.
func (w *yamlWriter) block(t *tree, indent int) {
	for _, item := range t.list {
		w.entry(indent, "-", item)
	}
	for i, f := range t.fields {
		w.notes(t, i, indent)
		w.entry(indent, scalarText(f.key)+":", f.value)
	}
	w.notes(t, len(t.fields), indent)
}

func (w *yamlWriter) notes(t *tree, at, indent int) {
	for _, n := range t.notes {
		if n.at != at {
			continue
		}
		for line := range strings.Lines(n.text) {
			w.line(indent, strings.TrimRight("# "+printable(strings.TrimRight(line, "\r\n")), " "))
		}
	}
}

// entry writes what stands behind a key or a dash.
func (w *yamlWriter) entry(indent int, head string, t *tree) {
	if s, ok := t.text(); ok && isBlockText(s) {
		w.text(indent, head, s)
		return
	}
	var flow []byte
	if len(t.notes) == 0 {
		flow = appendFlow(nil, t)
	}
	if t.kind == scalarTree || len(t.list)+len(t.fields) == 0 || flow != nil && indent+len(head)+len(flow) < flowWidth && indent > 0 && !holdsNodes(t) {
		w.line(indent, head+" "+string(appendFlow(nil, t)))
		return
	}
	w.line(indent, head)
	w.block(t, indent+2)
}

// holdsNodes reports whether a map is a group, whose nodes get lines of their own.
func holdsNodes(t *tree) bool {
	return t.get("nodes") != nil || t.get("uses") != nil && t.get("with") != nil && t.get("in") != nil
}

// isBlockText reports whether a text can be written as it is, line by line.
func isBlockText(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(body, "\n") || strings.HasSuffix(body, "\n") || s[0] == ' ' || s[0] == '\n' || s[0] == '\t' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && (!unicode.IsPrint(r) || r == '\ufeff') })
}

func (w *yamlWriter) text(indent int, head, s string) {
	body, ends := strings.CutSuffix(s, "\n")
	if ends {
		w.line(indent, head+" |")
	} else {
		w.line(indent, head+" |-")
	}
	for line := range strings.SplitSeq(body, "\n") {
		if line == "" {
			w.b.WriteByte('\n')
			continue
		}
		w.line(indent+2, line)
	}
}

func appendFlow(b []byte, t *tree) []byte {
	switch {
	case t.kind == scalarTree:
		return append(b, scalarText(t.scalar)...)
	case t.kind == listTree:
		b = append(b, '[')
		for i, item := range t.list {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendFlow(b, item)
		}
		return append(b, ']')
	case len(t.fields) == 0:
		return append(b, "{}"...)
	}
	b = append(b, "{ "...)
	for i, f := range t.fields {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, scalarText(f.key)...), ": "...)
		b = appendFlow(b, f.value)
	}
	return append(b, " }"...)
}

// scalarText writes a scalar on one line.
func scalarText(x any) string {
	switch x := x.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case json.Number:
		return x.String()
	case float64:
		return floatText(x)
	case string:
		if bareText.MatchString(x) && len(x) < 80 {
			if same, surprise := plainScalar(x); surprise == "" && same == any(x) {
				return x
			}
		}
		return quotedText(x)
	}
	return "null"
}

// bareText matches texts that no YAML reader takes for anything else, in flow style too.
var bareText = regexp.MustCompile(`^([A-Za-z_]|\./)[A-Za-z0-9_./@<>()*+=-]*( [A-Za-z0-9_./@<>()*+=]+)*$`)

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// quotedText writes a text in double quotes, with escapes for all that cannot be seen.
func quotedText(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case unicode.IsPrint(r) && r != '\ufeff':
			b = utf8.AppendRune(b, r)
		case r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = fmt.Appendf(b, `\U%08x`, r)
		}
	}
	return string(append(b, '"'))
}
