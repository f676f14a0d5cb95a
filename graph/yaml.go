package graph

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// readYAML reads one YAML document. What makes YAML costly or surprising is refused: aliases, anchors, merge keys, tags,
// more than one document, keys that are not texts. The library stops at the nesting limit before it has read on.
func readYAML(src *source, report *problems) *tree {
	if i := bytes.IndexFunc(src.text, func(r rune) bool { return r == '\u0085' || r == '\u2028' || r == '\u2029' }); i >= 0 {
		report.add(src.at(i), "syntax", "a Unicode line break, which YAML readers count differently; write it as \\u2028 in double quotes")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src.text), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth))))
	if err != nil {
		report.add(Pos{1, 1}, "syntax", "%v", err)
		return nil
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); err != nil || len(doc.Content) != 1 {
		reportYAML(src, err, report)
		return nil
	}
	r := yamlReader{src: src, report: report}
	root := r.tree(doc.Content[0], 1)
	if err := loader.Load(&second); err == nil {
		report.add(r.pos(&second), "syntax", "a second YAML document; a workflow file holds one")
	} else if err != io.EOF {
		reportYAML(src, err, report)
	}
	return root
}

func reportYAML(src *source, err error, report *problems) {
	var load *yaml.LoadError
	if err == nil || errors.Is(err, io.EOF) {
		report.add(Pos{1, 1}, "syntax", "the file is empty")
		return
	}
	if !errors.As(err, &load) {
		report.add(Pos{1, 1}, "syntax", "%s", clipTo(err.Error(), 200))
		return
	}
	pos, message := src.inRunes(load.Mark.Line, load.Mark.Column), load.Message
	if load.Mark.Line == 0 {
		pos = src.at(bytes.IndexFunc(src.text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }))
	}
	switch {
	case strings.HasPrefix(message, "exceeded max depth"):
		report.add(pos, "limit", "nested deeper than %d lists and maps", MaxDepth)
		return
	case strings.HasPrefix(message, "unknown anchor"):
		report.add(pos, "syntax", "aliases (*name) are not allowed; a text that begins with * needs quotes")
		return
	case load.ContextMsg != "":
		message = load.ContextMsg + ": " + message
	}
	report.add(pos, "syntax", "YAML: %s", clipTo(message, 200))
}

type yamlReader struct {
	src    *source
	report *problems
}

func (r *yamlReader) pos(n *yaml.Node) Pos { return r.src.inRunes(n.Line, n.Column) }

func (r *yamlReader) tree(n *yaml.Node, depth int) *tree {
	t := &tree{pos: r.pos(n)}
	switch { // any of these ends the reading of the file, see readTree
	case n.Kind == yaml.AliasNode:
		r.report.add(t.pos, "syntax", "aliases (*name) are not allowed; a text that begins with * needs quotes")
		return t
	case n.Anchor != "":
		r.report.add(t.pos, "syntax", "anchors (&name) are not allowed")
	case n.Style&yaml.TaggedStyle != 0:
		r.report.add(t.pos, "syntax", "tags (%s) are not allowed", clip(n.Tag))
	case depth > MaxDepth && n.Kind != yaml.ScalarNode:
		r.report.add(t.pos, "limit", "nested deeper than %d lists and maps", MaxDepth)
		return t
	}
	switch n.Kind {
	case yaml.SequenceNode:
		t.kind = listTree
		t.list = make([]*tree, len(n.Content))
		for i, item := range n.Content {
			t.list[i] = r.tree(item, depth+1)
		}
	case yaml.MappingNode:
		t.kind = mapTree
		r.fields(t, n, depth)
	default:
		if n.Style&^yaml.TaggedStyle != 0 {
			t.scalar = n.Value
			break
		}
		x, surprise := plainScalar(n.Value)
		if surprise != "" {
			r.report.add(t.pos, "scalar", "%s", surprise)
			t.bad = true
		}
		t.scalar = x
	}
	return t
}

func (r *yamlReader) fields(t *tree, n *yaml.Node, depth int) {
	t.fields = make([]field, 0, len(n.Content)/2)
	seen := make(map[string]Pos, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		pos := r.pos(key)
		switch {
		case key.Kind == yaml.AliasNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			r.tree(key, depth) // reports what is wrong with it
			continue
		case key.Kind != yaml.ScalarNode:
			r.report.add(pos, "syntax", "a key must be a text, not a list or map")
			continue
		case key.Value == "<<" && key.Style == 0:
			r.report.add(pos, "syntax", "merge keys (<<) are not allowed")
			continue
		}
		addField(t, seen, field{key: key.Value, pos: pos, value: r.tree(value, depth+1)}, r.report)
	}
}

// addField appends a field unless its key is there already.
func addField(t *tree, seen map[string]Pos, f field, report *problems) {
	if first, dup := seen[f.key]; dup {
		report.add(f.pos, "duplicate", "%s is here twice, first in line %d", quote(f.key), first.Line)
		return
	}
	seen[f.key] = f.pos
	t.fields = append(t.fields, f)
}
