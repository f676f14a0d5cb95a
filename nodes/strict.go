package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"levee/graph/value"
)

// maxProblems is how many mistakes of one document are reported at once.
const maxProblems = 10

// problems collects what is wrong with a document, each with the field's place in it.
type problems struct{ list []string }

func (p *problems) add(at, format string, args ...any) {
	if len(p.list) < maxProblems {
		p.list = append(p.list, at+": "+fmt.Sprintf(format, args...))
	}
}

// err is all of them in one line, nil when there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.list, "; "))
}

// object is a JSON object that is read field by field: what was not asked for is reported by only. encoding/json alone
// would match field names whatever their case, take duplicate keys, and not say where a wrong type stands.
type object struct {
	at     string
	fields map[string]any
	errs   *problems
}

// readObject parses doc, whose one value must be an object. Duplicate keys, bad UTF-8, deep nesting and text behind it are errors.
func readObject(doc []byte, at string, errs *problems) (*object, error) {
	canon, err := value.CanonicalJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", at, err)
	}
	dec := json.NewDecoder(bytes.NewReader(canon))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("%s: %v", at, err)
	}
	fields, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: must be a JSON object", at)
	}
	return &object{at: at, fields: fields, errs: errs}, nil
}

func (o *object) has(key string) bool { _, ok := o.fields[key]; return ok }

func (o *object) bad(key, format string, args ...any) { o.errs.add(o.in(key), format, args...) }

// in is the place of a field.
func (o *object) in(key string) string { return o.at + "." + key }

// only reports every field that is not among known.
func (o *object) only(known ...string) {
	keys := make([]string, 0, len(o.fields))
	for k := range o.fields {
		if !slices.Contains(known, k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys[:min(len(keys), maxProblems)] { // looking for near names costs
		o.errs.add(o.at, "unknown field %.40q%s", k, didYouMean(k, known))
	}
}

// text returns a string field of at most max bytes without control characters; lines may break when multi is set.
func (o *object) text(key string, max int, multi bool) string {
	x, ok := o.fields[key]
	if !ok {
		return ""
	}
	s, ok := x.(string)
	switch {
	case !ok:
		o.bad(key, "must be a text")
		return ""
	case len(s) > max:
		o.bad(key, "is %d bytes long, at most %d", len(s), max)
		return ""
	case !printable(s, multi):
		o.bad(key, "holds control characters")
		return ""
	}
	return s
}

// printable guards terminals and logs: manifests come from strangers and are shown to people.
func printable(s string, multi bool) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsGraphic(r) && !(multi && r == '\n')
	})
}

func (o *object) flag(key string) bool {
	x, ok := o.fields[key]
	if !ok {
		return false
	}
	b, ok := x.(bool)
	if !ok {
		o.bad(key, "must be true or false")
	}
	return b
}

func (o *object) number(key string) *float64 {
	x, ok := o.fields[key]
	if !ok {
		return nil
	}
	if n, ok := x.(json.Number); ok {
		if f, err := n.Float64(); err == nil {
			return &f
		}
	}
	o.bad(key, "must be a number")
	return nil
}

// list returns a list field of at most max items; nil when it is missing, empty but not nil when it is there and empty.
func (o *object) list(key string, max int) []any {
	x, ok := o.fields[key]
	if !ok {
		return nil
	}
	l, ok := x.([]any)
	switch {
	case !ok:
		o.bad(key, "must be a list")
		return nil
	case len(l) > max:
		o.bad(key, "has %d items, at most %d", len(l), max)
		return nil
	}
	return l
}

func (o *object) objects(key string, max int) []*object {
	var out []*object
	for i, x := range o.list(key, max) {
		at := fmt.Sprintf("%s[%d]", o.in(key), i)
		fields, ok := x.(map[string]any)
		if !ok {
			o.errs.add(at, "must be an object")
			continue
		}
		out = append(out, &object{at: at, fields: fields, errs: o.errs})
	}
	return out
}

// texts returns a list of distinct texts; nil when the field is missing.
func (o *object) texts(key string, max, maxLen int) []string {
	l := o.list(key, max)
	if l == nil {
		return nil
	}
	out := make([]string, 0, len(l))
	for i, x := range l {
		s, ok := x.(string)
		switch {
		case !ok:
			o.bad(fmt.Sprintf("%s[%d]", key, i), "must be a text")
		case len(s) > maxLen || !printable(s, false):
			o.bad(fmt.Sprintf("%s[%d]", key, i), "is longer than %d bytes or holds control characters", maxLen)
		case slices.Contains(out, s):
			o.bad(fmt.Sprintf("%s[%d]", key, i), "%q is there twice", s)
		default:
			out = append(out, s)
		}
	}
	return out
}

// raw returns a field as JSON text, nil when it is missing.
func (o *object) raw(key string) json.RawMessage {
	x, ok := o.fields[key]
	if !ok {
		return nil
	}
	doc, err := json.Marshal(x)
	if err == nil {
		doc, err = value.CanonicalJSON(doc)
	}
	if err != nil {
		o.bad(key, "%v", err)
		return nil
	}
	return doc
}

// didYouMean returns " (did you mean x?)" for the nearest of known, or "" when nothing is near.
func didYouMean(got string, known []string) string {
	if near := value.Nearest(got, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}
