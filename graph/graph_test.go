package graph

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

const thumbs = `# all that the format has
levee: 1
name: thumbs
description: small pictures for the web
trigger: { files: [inbox/*.jpg, more/**/*.jpg], per: batch }
inputs:
  width: { type: int, default: 256, doc: in pixels }
  title: string
allow: { read: [inbox], write: out, memory: 256MiB, time: 30s }
nodes:
  photos:
    each: trigger.files
    as: photo
    parallel: 4
    on_error: skip
    nodes:
      decode: { uses: image/decode, in: { data: photo.data } }
      small:
        uses: ./resize.wasm
        with: { filter: nearest }
        in: { image: decode.image, width: inputs.width }
        timeout: 1m30s
        retry: { times: 2, wait: 1s }
        device: [cpu]
      jpeg: { uses: image/encode, in: { image: small.image }, memory: 1GiB }
    out: { image: small.image, data: jpeg.data, stem: photo.stem }
  prefix: { uses: text/upper, in: { text: inputs.title }, on_error: { value: { text: none } } }
  names:
    nodes:
      join: { uses: text/join, in: { texts: photos.stem }, after: [first] }
      first: { uses: text/upper, in: { text: prefix.text } }
    out: { text: join.text }
  lines: { uses: text/join, in: { texts: [names.text, prefix.text] }, if: photos.image }
  last: { uses: list/append, with: { list: [1, 2.5], item: 3 }, after: [lines, prefix] }
outputs:
  pictures: { from: photos.data, file: "out/*.jpg", names: photos.stem }
  text: { from: lines.text, file: out/list.txt }
  last: last.list
`

func mustLoad(t testing.TB, name, text string) *Graph {
	t.Helper()
	g, problems := Load(name, []byte(text), resolver())
	require.NoError(t, problems.Err())
	return g
}

func nodesOf(g *Graph) map[string]*Node {
	nodes := map[string]*Node{}
	g.Walk(func(n *Node) { nodes[n.Site] = n })
	return nodes
}

func ids(list []*Node) (ids []string) {
	for _, n := range list {
		ids = append(ids, n.ID)
	}
	return ids
}

func TestCheckedGraph(t *testing.T) {
	g := mustLoad(t, "thumbs.flow.yaml", thumbs)
	require.Equal(t, "thumbs", g.Name)
	require.Equal(t, "small pictures for the web", g.Description)
	require.Equal(t, []string{"inbox/*.jpg", "more/**/*.jpg"}, g.Trigger.Files)
	require.Equal(t, Allow{Read: []string{"inbox"}, Write: []string{"out"}, Memory: 256 << 20, Time: 30 * time.Second}, g.Allow)
	require.Equal(t, []value.Port{{Name: "width", Type: "int", Default: []byte("256"), Doc: "in pixels"}, {Name: "title", Type: "string"}}, g.Inputs)
	require.Equal(t, []string{"photos", "prefix", "names", "lines", "last"}, ids(g.Nodes))

	n := nodesOf(g)
	require.Len(t, n, 10)
	photos := n["photos"]
	require.Equal(t, Each, photos.Kind)
	require.Equal(t, Source{Kind: FromTrigger, Port: "files", Type: "list<file>", Pos: Pos{12, 11}}, *photos.Over)
	require.Equal(t, 4, photos.Parallel)
	require.True(t, photos.Error.Skip)
	require.Equal(t, []value.Port{{Name: "image", Type: "list<image>"}, {Name: "data", Type: "list<bytes>"}, {Name: "stem", Type: "list<string>"}}, photos.Outputs)
	require.Equal(t, value.Type("string"), photos.Body.Outputs[2].From.Type)

	small := n["photos.small"]
	require.Equal(t, Limits{Time: 90 * time.Second}, small.Limits)
	require.Equal(t, Retry{Times: 2, Wait: time.Second}, small.Retry)
	require.Equal(t, []string{"cpu"}, small.Device)
	require.Equal(t, Pos{18, 7}, small.Pos)
	require.Equal(t, n["photos.decode"], small.Inputs[0].Sources[0].Node)
	require.Equal(t, Source{Kind: FromInput, Port: "width", Type: "int", Pos: Pos{21, 43}}, small.Inputs[1].Sources[0])
	require.Equal(t, value.OfString("nearest"), small.Inputs[2].Sources[0].Literal)
	require.EqualValues(t, 1<<30, n["photos.jpeg"].Limits.Memory)
	require.Equal(t, FromElement, n["photos.decode"].Inputs[0].Sources[0].Kind)
	require.Equal(t, photos, n["photos.decode"].Inputs[0].Sources[0].Node)

	require.Equal(t, value.OfString("none"), n["prefix"].Error.Values["text"])
	require.Equal(t, value.OfInt(1), n["prefix"].Inputs[1].Sources[0].Literal, "the port's default")
	require.Equal(t, []string{"photos", "prefix"}, ids(n["names"].Deps), "wires from inside of a group")
	require.Equal(t, []string{"first"}, ids(n["names.join"].After))
	require.Equal(t, []string{"first"}, ids(n["names.join"].Deps))
	require.Equal(t, []string{"photos", "names", "prefix"}, ids(n["lines"].Deps))
	require.Equal(t, photos, n["lines"].If.Node)
	require.True(t, n["lines"].Inputs[0].Collect)
	require.Len(t, n["lines"].Inputs[0].Sources, 2)
	require.Equal(t, value.Type("list<float>"), n["last"].Outputs[0].Type)
	require.Equal(t, value.Type("float"), n["last"].Inputs[1].Type)

	var levels [][]string
	for _, level := range g.Levels() {
		levels = append(levels, ids(level))
	}
	require.Equal(t, [][]string{{"photos", "prefix"}, {"names"}, {"lines"}, {"last"}}, levels)
	require.Len(t, g.Outputs, 3)
	require.Equal(t, "out/*.jpg", g.Outputs[0].File)
	require.Equal(t, value.Type("list<string>"), g.Outputs[0].Names.Type)
}

// toJSON writes a YAML workflow as JSON, by way of our own tree.
func toJSON(t *testing.T, text string) []byte {
	t.Helper()
	found := &problems{}
	src := newSource([]byte(text))
	root := readYAML(src, found)
	require.Empty(t, found.found)
	return appendTree(nil, root)
}

func appendTree(b []byte, t *tree) []byte {
	switch t.kind {
	case listTree:
		b = append(b, '[')
		for i, item := range t.list {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendTree(b, item)
		}
		return append(b, ']')
	case mapTree:
		b = append(b, '{')
		for i, f := range t.fields {
			if i > 0 {
				b = append(b, ",\n"...)
			}
			key, _ := json.Marshal(f.key)
			b = appendTree(append(append(b, key...), ": "...), f.value)
		}
		return append(b, '}')
	}
	doc, _ := json.Marshal(t.scalar)
	return append(b, doc...)
}

// withoutPlaces renders a graph with all that is reachable but places.
func withoutPlaces(g *Graph) string {
	var b strings.Builder
	var graph func(*Graph)
	source := func(s Source) {
		site := ""
		if s.Node != nil {
			site = s.Node.Site
		}
		enc, _ := s.Literal.Inline()
		fmt.Fprintf(&b, " {%d %x %s %s %s}", s.Kind, enc, site, s.Port, s.Type)
	}
	graph = func(g *Graph) {
		fmt.Fprintf(&b, "%s %s %v %+v\n", g.Name, g.Description, g.Inputs, g.Allow)
		if g.Trigger != nil {
			fmt.Fprintln(&b, g.Trigger.Files, g.Trigger.PerFile)
		}
		for _, n := range g.Nodes {
			fmt.Fprintf(&b, "%s %d %d %s %v %v %v %v %v %v %v %s %d\n", n.Site, n.Kind, n.Level, n.Uses, ids(n.After), ids(n.Deps), n.Limits, n.Retry, n.Error, n.Outputs, n.Device, n.As, n.Parallel)
			for _, in := range n.Inputs {
				fmt.Fprintf(&b, "  %s %v", in.Type, in.Collect)
				for _, s := range in.Sources {
					source(s)
				}
				b.WriteByte('\n')
			}
			for _, s := range []*Source{n.If, n.Over} {
				if s != nil {
					source(*s)
				}
			}
			if n.Body != nil {
				graph(n.Body)
			}
		}
		for _, o := range g.Outputs {
			fmt.Fprintf(&b, "%s %s", o.Name, o.File)
			source(o.From)
			if o.Names != nil {
				source(*o.Names)
			}
			b.WriteByte('\n')
		}
	}
	graph(g)
	return b.String()
}

func TestYAMLAndJSONGiveTheSameGraph(t *testing.T) {
	want := withoutPlaces(mustLoad(t, "thumbs.flow.yaml", thumbs))
	doc := string(toJSON(t, thumbs))
	require.True(t, json.Valid([]byte(doc)))
	require.Equal(t, want, withoutPlaces(mustLoad(t, "thumbs.flow.json", doc)))
	require.Equal(t, want, withoutPlaces(mustLoad(t, "thumbs.flow.yaml", "\ufeff"+thumbs)))
	require.Equal(t, want, withoutPlaces(mustLoad(t, "thumbs.flow.yaml", strings.ReplaceAll(thumbs, "\n", "\r\n"))))
}

func TestParseBeforeChecking(t *testing.T) {
	f, problems := Parse("some/dir/thumbs.flow.yaml", []byte(strings.Replace(thumbs, "name: thumbs", "", 1)))
	require.Empty(t, problems)
	require.Equal(t, "thumbs", f.Name)
	require.Equal(t, []string{"out"}, f.Allow.Write)
	require.Equal(t, []string{"inbox/*.jpg", "more/**/*.jpg"}, f.Trigger.Files)
	require.Len(t, f.Inputs, 2)
}

func TestScopesAreLexical(t *testing.T) {
	g := mustLoad(t, "x.yaml", `
levee: 1
inputs: { rows: "list<list<string>>", m: map<int> }
nodes:
  a: { uses: text/upper, with: { text: outer } }
  row:
    each: inputs.rows
    as: r
    nodes:
      a: { uses: text/upper, with: { text: inner } }
      cell:
        each: r
        as: c
        nodes:
          x: { uses: text/join, in: { texts: [c, c.value, a.text] } }
          y: { uses: math/add, in: { a: c.index, b: r.index } }
        out: { text: x.text }
    out: { texts: cell.text, same: r }
  pairs:
    each: inputs.m
    as: e
    nodes: { u: { uses: text/upper, in: { text: e.key } }, v: { uses: math/add, in: { a: e, b: e.value } } }
    out: { key: u.text, sum: v.sum }
outputs: { t: row.texts, k: pairs.key }
`)
	n := nodesOf(g)
	require.Equal(t, n["row.a"], n["row.cell.x"].Inputs[0].Sources[2].Node, "the inner a")
	require.Equal(t, n["row.cell"], n["row.cell.y"].Inputs[0].Sources[0].Node)
	require.Equal(t, n["row"], n["row.cell.y"].Inputs[1].Sources[0].Node)
	require.Equal(t, value.Type("list<list<string>>"), g.Outputs[0].From.Type)
	require.Equal(t, value.Type("list<string>"), g.Outputs[1].From.Type)
	require.Equal(t, []string{"a"}, ids(n["row.cell"].Deps))
	require.Empty(t, n["row"].Deps)
	require.Equal(t, 1, n["row.cell"].Level)
	require.Equal(t, [][]*Node{{n["row.a"]}, {n["row.cell"]}}, n["row"].Body.Levels())
}

func TestPerFileTrigger(t *testing.T) {
	g := mustLoad(t, "x.yaml", `
levee: 1
trigger: { files: in/*, per: file }
nodes:
  a: { uses: image/decode, in: { data: trigger.data } }
  b: { uses: text/join, in: { texts: [trigger.path, trigger.name, trigger.stem] } }
  c: { uses: list/first, in: { list: trigger.files } }
outputs: { c: c.item }
`)
	require.True(t, g.Trigger.PerFile)
	require.Equal(t, value.File, g.Outputs[0].From.Type)
}

func TestTypeVariables(t *testing.T) {
	for literal, want := range map[string]value.Type{
		"[1, 2]": "int", "[1, 2.5]": "float", "[2.5, 1]": "float", "[a, b]": "string", "[true]": "bool", "[]": "any", "[1, a]": "any", "[null]": "json",
		"[{ a: 1 }]": "json", "[[1], [2.5]]": "list<float>", "[[1], [a]]": "any", "[[1, a]]": "json", "[[]]": "json",
	} {
		g := mustLoad(t, "x.yaml", head+"  a: { uses: list/first, with: { list: "+literal+" } }\n")
		require.Equal(t, want, g.Nodes[0].Outputs[0].Type, literal)
		require.Equal(t, value.ListOf(want), g.Nodes[0].Inputs[0].Type, literal)
		enc, _ := g.Nodes[0].Inputs[0].Sources[0].Literal.Inline()
		_, err := value.Canonical(t.Context(), value.ListOf(want), enc)
		require.NoError(t, err, literal)
	}
	for inputs, want := range map[string]value.Type{
		"list: inputs.ints, item: inputs.f": "float", "list: inputs.floats, item: inputs.i": "float", "list: [inputs.i, inputs.f], item: inputs.i": "float",
		"list: inputs.ints, item: inputs.x": "any", "list: inputs.lists, item: inputs.ints": "list<int>", "list: inputs.ints": "float",
	} {
		with := ""
		if !strings.Contains(inputs, "item") {
			with = ", with: { item: 1.5 }"
		}
		g := mustLoad(t, "x.yaml", "levee: 1\ninputs: { i: int, f: float, x: any, ints: list<int>, floats: list<float>, lists: list<list<int>> }\nnodes:\n"+
			"  a: { uses: list/append, in: { "+inputs+" }"+with+" }\n")
		require.Equal(t, value.ListOf(want), g.Nodes[0].Outputs[0].Type, inputs)
	}
	got := naturalType(&tree{kind: mapTree, fields: []field{{key: "a", value: &tree{scalar: int64(1)}}}}, "map<T>")
	require.Equal(t, value.Type("map<int>"), got)
}
