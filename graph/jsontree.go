package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// readJSON reads one JSON document into the same tree as readYAML. (The YAML reader does not take all of JSON: "\/" and
// surrogate pairs.)
func readJSON(src *source, report *problems) *tree {
	dec := json.NewDecoder(bytes.NewReader(src.text))
	dec.UseNumber()
	r := jsonReader{src: src, dec: dec, report: report}
	root := r.tree(1)
	if root == nil {
		return nil
	}
	if _, err := dec.Token(); err != io.EOF {
		report.add(r.next(), "syntax", "text behind the JSON document")
		return nil
	}
	return root
}

type jsonReader struct {
	src    *source
	dec    *json.Decoder
	report *problems
}

// next is the place of the next token: behind what was read, commas and white space.
func (r *jsonReader) next() Pos {
	offset := int(r.dec.InputOffset())
	for offset < len(r.src.text) && strings.IndexByte(" \t\r\n,:", r.src.text[offset]) >= 0 {
		offset++
	}
	return r.src.at(offset)
}

func (r *jsonReader) fail(err error) *tree {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		r.report.add(r.src.at(int(syntax.Offset)-1), "syntax", "JSON: %s", clipTo(err.Error(), 200))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.report.add(r.src.at(len(r.src.text)), "syntax", "JSON: the document is cut short")
	default:
		r.report.add(r.next(), "syntax", "JSON: %s", clipTo(err.Error(), 200))
	}
	return nil
}

// tree returns nil when the text is no JSON; that is reported.
func (r *jsonReader) tree(depth int) *tree {
	t := &tree{pos: r.next()}
	tok, err := r.dec.Token()
	if err != nil {
		return r.fail(err)
	}
	if delim, ok := tok.(json.Delim); ok {
		if depth > MaxDepth {
			r.report.add(t.pos, "limit", "nested deeper than %d lists and maps", MaxDepth)
			return nil
		}
		if delim == '{' {
			return r.object(t, depth)
		}
		return r.array(t, depth)
	}
	if n, ok := tok.(json.Number); ok {
		x, problem := jsonNumber(string(n))
		if problem != "" {
			r.report.add(t.pos, "scalar", "%s", problem)
			t.bad = true
		}
		tok = x
	}
	t.scalar = tok
	return t
}

func jsonNumber(s string) (x any, problem string) {
	if !strings.ContainsAny(s, ".eE") {
		return integer(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s, clip(s) + " is outside of 64-bit floats"
	}
	return f, ""
}

func (r *jsonReader) array(t *tree, depth int) *tree {
	t.kind = listTree
	for r.dec.More() {
		item := r.tree(depth + 1)
		if item == nil {
			return nil
		}
		t.list = append(t.list, item)
	}
	if _, err := r.dec.Token(); err != nil {
		return r.fail(err)
	}
	return t
}

func (r *jsonReader) object(t *tree, depth int) *tree {
	t.kind = mapTree
	seen := map[string]Pos{}
	for r.dec.More() {
		pos := r.next()
		tok, err := r.dec.Token()
		if err != nil {
			return r.fail(err)
		}
		key, _ := tok.(string)
		item := r.tree(depth + 1)
		if item == nil {
			return nil
		}
		addField(t, seen, field{key: key, pos: pos, value: item}, r.report)
	}
	if _, err := r.dec.Token(); err != nil {
		return r.fail(err)
	}
	return t
}
