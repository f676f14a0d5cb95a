package graph

import (
	"context"
	"errors"
	"fmt"
	"io"

	"levee/graph/value"
)

// elements is what a group runs over: files of the trigger, or the items of a list or map that are read when their turn comes.
// A plain group has one element without a value.
type elements struct {
	n     int
	files []value.FileRef
	spans []value.Span
	r     io.ReaderAt
	shut  func()
	elem  value.Type
	pairs bool // a map: spans are keys and values
}

// element is one of them.
type element struct {
	index int
	file  *value.FileRef
	key   *string // of a map
	whole value.Value
}

// MaxElements bounds how often one each group runs: its list may come from a stranger's node, to whom 16 M empty items cost
// nothing, and each element is a line in the history.
const MaxElements = 1_000_000

// split finds the elements of a group. A cause says why there is nothing to split.
func (x *run) split(g *group) (cause *Cause, err error) {
	defer rescue(&err)
	if !g.each() {
		g.from.n = 1
		return nil, nil
	}
	over := g.node.Over
	if over == nil {
		return nil, errors.New("the group names nothing to run over")
	}
	if over.Kind == FromTrigger && over.Port == "files" {
		g.from = elements{n: len(x.in.Files), files: x.in.Files, elem: value.File}
		return nil, nil
	}
	v, cause, err := x.resolve(g.scope, over)
	if cause != nil || err != nil {
		return cause, err
	}
	if v.Type.Elem() == "" {
		return nil, fmt.Errorf("each wants a list or a map, got %s", v.Type)
	}
	e := elements{elem: v.Type.Elem(), pairs: v.Type.Base() == "map"}
	if e.r, e.shut, err = x.open(g.scope.ctx, v); err != nil {
		return nil, err
	}
	e.spans, err = value.ReadSpans(e.r, v.Size)
	switch {
	case err != nil:
	case e.pairs && len(e.spans)%2 != 0:
		err = errors.New("map with a key that has no value")
	case len(e.spans) > MaxElements:
		err = fmt.Errorf("%d elements, at most %d", len(e.spans), MaxElements)
	}
	if err != nil {
		e.shut()
		return nil, err
	}
	if e.n = len(e.spans); e.pairs {
		e.n /= 2
	}
	g.from = e
	return nil, nil
}

func (e *elements) close() {
	if e.shut != nil {
		e.shut()
		e.shut = nil
	}
}

// at reads element i. One that is larger than a value carries is stored on its own.
func (e *elements) at(ctx context.Context, x *run, i int) (el element, err error) {
	defer rescue(&err)
	el.index = i
	switch {
	case e.files != nil:
		el.file = &e.files[i]
		return el, nil
	case e.r == nil:
		return el, nil
	case e.pairs:
		key, err := readSpan(e.r, e.spans[2*i])
		if err != nil {
			return el, err
		}
		text := string(key)
		el.key = &text
		i = 2*i + 1
	}
	enc, err := readSpan(e.r, e.spans[i])
	if err != nil {
		return el, err
	}
	if e.elem == value.File {
		f, err := value.DecodeFile(enc)
		el.file = &f
		return el, err
	}
	el.whole, err = x.keep(ctx, e.elem, enc)
	return el, err
}

// field gives a field of the element; "" is the element itself.
func (el *element) field(name string) (value.Value, error) {
	switch {
	case name == "index":
		return value.OfInt(int64(el.index)), nil
	case name == "key" && el.key != nil:
		return value.OfString(*el.key), nil
	case el.file != nil && (name == "" || name == "value"):
		return fileValue(el.file), nil
	case el.file != nil:
		if v, ok := fileField(el.file, name); ok {
			return v, nil
		}
	case name == "" || name == "value":
		return el.whole, nil
	}
	return value.Value{}, fmt.Errorf("the element has no field %s", name)
}
