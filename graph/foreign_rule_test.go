package graph

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func TestForeignNodesKeepTheirNames(t *testing.T) {
	g := loadForeign(t, graphOf(`
5e6f7a8b-0000-4000-8000-000000000001 nodetool.text.FormatText "ui_properties": {"title": "Say Hello"}
a nodetool.text.ToUppercase "data": {"text": "x"}
7 nodetool.text.ToUppercase "data": {"text": "y"}
8 nodetool.text.ToUppercase "data": {"text": "z"}`, ""))
	require.Equal(t, Nodetool, g.Foreign)
	var got [][3]string
	for _, n := range g.Nodes {
		got = append(got, [3]string{n.ID, n.Label, n.Origin})
	}
	require.Equal(t, [][3]string{
		{"say_hello", "Say Hello", "5e6f7a8b-0000-4000-8000-000000000001"}, {"a", "a", "a"}, {"to_uppercase", "7", "7"}, {"to_uppercase_2", "8", "8"},
	}, got)
}

func TestSlugs(t *testing.T) {
	for text, want := range map[string]string{
		"FormatText": "format_text", "Format Text": "format_text", "HTTPGet": "http_get", "JSONToDict2": "json_to_dict2", "2nd": "n2nd", "é!": "", " a - b ": "a_-_b",
		"userName": "user_name", "__x__": "x",
	} {
		require.Equal(t, want, slug(text), text)
	}
}

// The edge behind a bypassed node gets the first value before it whose type fits; without one it is gone.
func TestBypassedNodes(t *testing.T) {
	g := loadForeign(t, graphOf(`
n nodetool.constant.Bool "data": {"value": true}
i nodetool.input.StringInput "data": {"name": "s", "value": "x"}
b nodetool.text.Slice "ui_properties": {"bypassed": true}, "data": {"text": "zzz"}
c nodetool.text.ToLowercase "ui_properties": {"bypassed": true}
d nodetool.text.ToUppercase
e nodetool.text.ToUppercase "data": {"text": "own"}
f nodetool.text.Slice "ui_properties": {"bypassed": true}`, `
i.output -> b.text
b.output -> c.text
c.output -> d.text
f.output -> e.text`))
	n := nodesOf(g)
	require.Len(t, g.Nodes, 3)
	require.Equal(t, FromInput, n["d"].Inputs[0].Sources[0].Kind)
	require.Equal(t, value.OfString("own"), n["e"].Inputs[0].Sources[0].Literal)
}

func TestRequestsAreBlanked(t *testing.T) {
	text := `{"type": "run_job_request", "auth_token": "s3cret", "env": {"K": "s3c}\"ret", "L": ["s3cret"]},
 "messages": ["s3cret", {"a": 1}], "user_id": "", "n": 7, "graph": {"nodes": [], "edges": []}, "params": {"auth_token": "kept"}, "job_id": "s3cret"}`
	got := string(Redact([]byte(text)))
	require.NotContains(t, got, "s3c")
	require.Contains(t, got, "kept")
	require.Equal(t, strings.Index(text, `"graph"`), strings.Index(got, `"graph"`), "places stay")
	g := loadForeignAs(t, "r.json", strings.Replace(got, `"auth_token": "kept"`, "", 1), nil)
	require.Empty(t, g.Nodes)
	require.NotContains(t, string(Redact([]byte(`{"env": {"K": "s3cret"}, "graph": {"nodes": []}, "params": {}}`))), "s3c")
	prompt := `{"client_id": "s3cret", "extra_data": {"api_key": "s3cret"}, "prompt": {"1": {"class_type": "PrimitiveString", "inputs": {"value": "kept"}}}}`
	got = string(Redact([]byte(prompt)))
	require.NotContains(t, got, "s3c")
	require.Equal(t, strings.Index(prompt, "kept"), strings.Index(got, "kept"))
	own := "levee: 1\nnodes: {}\n# auth_token run_job_request\n"
	require.Equal(t, own, string(Redact([]byte(own))))
	require.Equal(t, `{"auth_token": "x"`, string(Redact([]byte(`{"auth_token": "x"`))), "no JSON")
}

func loadForeignAs(t *testing.T, name, text string, maps map[string]string) *Graph {
	t.Helper()
	f, _ := Parse(name, []byte(text))
	f.Map = maps
	g, problems := Check(f, coreTypes(t))
	require.NoError(t, problems.Err())
	return g
}

// ComfyUI names outputs by number, and its types are modules of the one who runs the file.
func TestComfyUI(t *testing.T) {
	text := `{"3": {"class_type": "Make", "inputs": {"text": "a", "times": 2}, "_meta": {"title": "First one"}},
 "4": {"class_type": "Make", "inputs": {"text": ["3", 0], "times": 3}}}`
	g := loadForeignAs(t, "x.json", text, map[string]string{"Make": "./mine.wasm"})
	require.Equal(t, ComfyUI, g.Foreign)
	n := nodesOf(g)
	require.Equal(t, n["first_one"], n["make"].Inputs[0].Sources[0].Node)
	require.Equal(t, "made", n["make"].Inputs[0].Sources[0].Port)
	require.Equal(t, "First one", n["first_one"].Label)

	f, _ := Parse("x.json", []byte(strings.Replace(text, `["3", 0]`, `["3", 1]`, 1)))
	f.Map = map[string]string{"Make": "./mine.wasm"}
	_, problems := Check(f, coreTypes(t))
	require.ErrorContains(t, problems.Err(), `node "3" (Make) has no output "1"`)
}

// A map of wires is one value, by ascending key, with what stands under with between them.
func TestMapOfWires(t *testing.T) {
	types := someTypes()
	types["map/keys"] = nodeType("map/keys", []value.Port{port("map", "map<T>")}, []value.Port{port("keys", "list<string>"), port("map", "map<T>")})
	resolve := func(uses string) (*Type, error) { return types[uses], nil }
	g, problems := Load("x.yaml", []byte(`levee: 1
inputs: { i: int, f: float }
nodes:
  k: { uses: map/keys, with: { map: { m: 2 } }, in: { map: { z: inputs.i, a: inputs.f } } }
outputs: { map: k.map }
`), resolve)
	require.NoError(t, problems.Err())
	in := g.Nodes[0].Inputs[0]
	require.Equal(t, value.Type("map<float>"), in.Type)
	require.Equal(t, []string{"a", "m", "z"}, in.Keys)
	require.True(t, in.Collect)
	var got value.Value
	_, err := Run(t.Context(), g, Inputs{Values: map[string]value.Value{"i": value.OfInt(3), "f": value.OfFloat(1.5)}}, Runner{
		Exec: func(_ context.Context, inv *Invocation) ([]value.Value, error) {
			got = inv.Inputs[0]
			return []value.Value{{}, inv.Inputs[0]}, nil
		},
	})
	require.NoError(t, err)
	want, err := value.FromJSON("map<float>", []byte(`{"a": 1.5, "m": 2, "z": 3}`))
	require.NoError(t, err)
	require.Equal(t, want.Digest, got.Digest)
}

// A property of any name may be called as a port of the module that runs the node is.
func TestDynamicPropertiesOfAnyName(t *testing.T) {
	g := loadForeign(t, graphOf(`
s nodetool.constant.String "data": {"value": "x"}
f nodetool.text.FormatText "data": {"template": "{{ data }}{{ values }}{{ undefined }}"}, "dynamic_properties": {"data": null, "undefined": "u", "Key With Space": 1}`, `
s.output -> f.data
s.output -> f.values`))
	f := nodesOf(g)["f"]
	for i, p := range f.Type.Inputs {
		switch p.Name {
		case "values":
			require.Equal(t, []string{"Key With Space", "data", "undefined", "values"}, f.Inputs[i].Keys)
		case "data":
			require.Empty(t, f.Inputs[i].Sources)
		case "undefined":
			require.Equal(t, value.OfString("empty"), f.Inputs[i].Sources[0].Literal)
		}
	}
}

// Outputs of any name are fields of one JSON output, each taken once; what is no object leaves by the one that is called output.
func TestFieldsOfCode(t *testing.T) {
	g := loadForeign(t, graphOf(`
c nodetool.code.Code "data": {"code": "return {sum: a + 1, 'a.b': 2}", "timeout": 5}, "dynamic_properties": {"a": 1}
u nodetool.text.ToUppercase
v nodetool.text.ToUppercase
w nodetool.text.ToUppercase
x nodetool.text.ToUppercase`, `
c.sum -> u.text
c.sum -> v.text
c.a.b -> w.text
c.output -> x.text`))
	n := nodesOf(g)
	require.Equal(t, "script/javascript", n["c"].Type.Name)
	paths := map[string]string{}
	for _, node := range g.Nodes {
		if node.Type == nil || node.Type.Name != "json/get" {
			continue
		}
		require.Equal(t, "c", node.Origin)
		require.Equal(t, n["c"], node.Inputs[0].Sources[0].Node)
		require.Equal(t, value.OfBool(true), node.Inputs[3].Sources[0].Literal)
		enc, _ := node.Inputs[1].Sources[0].Literal.Inline()
		paths[node.ID] = string(enc)
		require.Equal(t, string(enc) == "output", len(node.Inputs[2].Sources) == 1, "only the output called output may be the value itself")
	}
	require.Equal(t, map[string]string{"code_sum": "sum", "code_a_b": "a.b", "code_output": "output"}, paths)
}
