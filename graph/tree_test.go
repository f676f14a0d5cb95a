package graph

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func TestPlainScalars(t *testing.T) {
	for text, want := range map[string]any{
		"": nil, "~": nil, "null": nil, "NULL": nil, "true": true, "False": false, "0": int64(0), "-0": int64(0), "+7": int64(7), "-12": int64(-12),
		"0x1F": int64(31), "0o17": int64(15), "1.0": 1.0, ".5": .5, "5.": 5.0, "1e3": 1000.0, "-1.5E-2": -0.015, ".inf": math.Inf(1), "-.Inf": math.Inf(-1),
		"9223372036854775807": int64(math.MaxInt64), "9223372036854775808": json.Number("9223372036854775808"), "+99999999999999999999": json.Number("99999999999999999999"),
		"nUll": "nUll", "y": "y", "n": "n", "-": "-", ".": ".", "1.2.3": "1.2.3", "1e": "1e", "e5": "e5", "--5": "--5", "0x": "0x", "0xg": "0xg", "-0x1": "-0x1",
		"1:30": "1:30", "2026-01-02": "2026-01-02", "5m": "5m", "12abc": "12abc", "_1": "_1", "0.1": 0.1, "00.5": 0.5,
	} {
		got, surprise := plainScalar(text)
		require.Empty(t, surprise, text)
		require.Equal(t, want, got, text)
	}
	nan, _ := plainScalar(".nan")
	require.True(t, math.IsNaN(nan.(float64)))
	for _, text := range []string{"yes", "No", "ON", "off", "012", "00", "-012", "089", "1_000", "1e999", "0x10000000000000000", strings.Repeat("9", 1001)} {
		_, surprise := plainScalar(text)
		require.NotEmpty(t, surprise, text)
	}
}

func TestPlaces(t *testing.T) {
	src := newSource([]byte("ab\r\ncdé\rf\n\n"))
	require.Len(t, src.starts, 5)
	require.Equal(t, "ab", string(src.line(1)))
	require.Equal(t, "cdé", string(src.line(2)))
	require.Equal(t, "f", string(src.line(3)))
	require.Equal(t, Pos{2, 3}, src.at(6))
	require.Equal(t, Pos{2, 5}, src.inRunes(2, 4), "é has two bytes")
	require.Equal(t, Pos{3, 2}, src.at(99), "the end of what is said")
	require.Equal(t, Pos{1, 1}, newSource(nil).at(0))
}

func TestLiteralPaths(t *testing.T) {
	src := newSource([]byte(`{"a": [1, {"b.c": [2], "b": 3, "[0]": 4}]}`))
	root := readJSON(src, &problems{})
	for path, want := range map[string]any{".a[0]": int64(1), ".a[1].b.c[0]": int64(2), ".a[1].b": int64(3), ".a[1].[0]": int64(4)} {
		require.Equal(t, want, root.at(path).scalar, path)
	}
	require.Equal(t, root, root.at(".x"))
	require.Equal(t, root.get("a"), root.at(".a[7].x"))
	require.Equal(t, root.get("a"), root.at(".a[-1]"))
}

func TestNearest(t *testing.T) {
	var b nearBudget
	for _, c := range []struct{ name, want string }{{"ues", "uses"}, {"timout", "timeout"}, {"afetr", "after"}, {"xyz", ""}, {"colour", ""}, {"parralel", "parallel"}} {
		require.Equal(t, c.want, b.nearest(c.name, nodeFields), c.name)
	}
	b.compared = maxCompared - 1
	require.Equal(t, "uses", b.nearest("use", []string{"uses", "user"}), "one name is left to compare with")
	require.Empty(t, b.nearest("ues", nodeFields))
	require.False(t, b.left())
}

func TestGlobsMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"out/*.jpg", "inbox/*.jpg", false}, {"out/*.jpg", "out/*.jpg", true}, {"out/x-*.jpg", "out/*.jpg", true}, {"out/*.jpg", "out/a*.png", false},
		{"out/a.txt", "**/*.txt", true}, {"out/a/b/c.txt", "out/**/c.*", true}, {"out/a.txt", "*.txt", false}, {"out/*", "*/a", true}, {"a/b", "a/?", true},
		{"a/é", "a/?", true}, {"a/bc", "a/?", false}, {"a/x1", "a/x[0-9]", true}, {"a/x", "a/[!a-z]x", false}, {"**/a", "b/**/a", true}, {"**/a", "**/b", false},
		{"a*b*c", "ac*", true}, {"a*b", "*c", false}, {"a*c", "*b*", true}, {"", "", true},
	} {
		require.Equal(t, c.want, globsMeet(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, globsMeet(c.b, c.a), "%s %s", c.b, c.a)
	}
}

func TestSchemaListsTheFields(t *testing.T) {
	type object struct {
		Properties           map[string]any `json:"properties"`
		AdditionalProperties any            `json:"additionalProperties"`
	}
	var doc struct {
		object
		Definitions map[string]object `json:"definitions"`
	}
	require.NoError(t, json.Unmarshal(Schema(), &doc))
	doc.Definitions["workflow"] = doc.object
	for name, fields := range map[string][]string{
		"workflow": workflowFields, "starter": triggerFields, "input": inputFields, "allow": allowFields, "node": nodeFields, "retry": retryFields, "gpu": gpuFields,
		"on_error": onErrorFields, "output": outputFields, "repeat": repeatFields, "carry": carryFields,
	} {
		var listed []string
		for key := range doc.Definitions[name].Properties {
			listed = append(listed, key)
		}
		require.ElementsMatch(t, fields, listed, name)
		require.Equal(t, false, doc.Definitions[name].AdditionalProperties, name)
	}
	for name, def := range doc.Definitions {
		if def.AdditionalProperties == false {
			require.Contains(t, []string{"workflow", "starter", "input", "allow", "node", "retry", "gpu", "on_error", "output", "repeat", "carry"}, name)
		}
	}
}

// checkPlaces requires that problems stand inside of the file and are fit to print.
func checkPlaces(t *testing.T, text []byte, ps Problems) {
	src := newSource(bytes.TrimPrefix(text, []byte("\ufeff")))
	for _, p := range ps {
		require.GreaterOrEqual(t, p.Line, 1, p.Message)
		require.LessOrEqual(t, p.Line, len(src.starts), p.Message)
		require.GreaterOrEqual(t, p.Col, 1, p.Message)
		require.LessOrEqual(t, p.Col, len(src.line(p.Line))+1, p.Message)
		require.NotEmpty(t, p.Message)
		require.NotEmpty(t, p.Code)
	}
	out := ps.Error()
	require.Equal(t, out, strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, out))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(thumbs))
	f.Add([]byte(chain(5)))
	f.Add([]byte(`{"levee": 1, "nodes": {"a": {"uses": "text/upper", "with": {"text": [1.5, null]}}}}`))
	for _, text := range []string{"", "a: [", "levee: 1\nnodes: {a: *b}", "\ufeff- x", "a: |\n x", "? [\n", "levee: 1\r\rnodes:\r  a: {uses: 012}", "{\"a\":", "%YAML 1.1\n---\na: 1", "a: \"\\x\""} {
		f.Add([]byte(text))
	}
	resolve := resolver()
	f.Fuzz(func(t *testing.T, text []byte) {
		file, problems := Parse("fuzz.yaml", text)
		checkPlaces(t, text, problems)
		require.NotNil(t, file)
		g, all := Check(file, resolve)
		checkPlaces(t, text, all)
		require.Equal(t, g == nil, len(all) > 0)
		require.GreaterOrEqual(t, len(all), min(1, len(problems)))
		if g == nil {
			return
		}
		g.Walk(func(n *Node) {
			for _, d := range n.Deps {
				require.Less(t, d.Level, n.Level)
			}
			for i, in := range n.Inputs {
				for _, s := range in.Sources {
					if !in.Collect {
						require.True(t, value.Assignable(s.Type, in.Type), "%s %s", n.Site, n.Type.Inputs[i].Name)
					}
				}
			}
		})
	})
}

func FuzzJSONTree(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5,"x",null,true]}`, `{"a":{"b":[]}} `, `{"\ud83d\ude00":"\/"}`, `{"a":1,}`, `{"a" 1}`, `{"a":01}`, `{"a":[1,]}`, `{"a":1}}`, `{"a":"\ud800"}`, `{"a":1e400}`, `{"a":-0.0}`, `{`, `{"a":1`, `{,}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		found := &problems{}
		root := readJSON(newSource(text), found)
		for _, p := range found.found {
			require.GreaterOrEqual(t, p.Line, 1)
			require.GreaterOrEqual(t, p.Col, 1)
		}
		if !json.Valid(text) {
			require.Nil(t, root)
			require.NotEmpty(t, found.found)
			return
		}
		if len(found.found) > 0 { // deep, twice, or a number too large: our own rules
			return
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var want any
		require.NoError(t, dec.Decode(&want))
		require.Equal(t, sameNumbers(want), root.literal())
	})
}

// sameNumbers turns json.Numbers into what the tree holds.
func sameNumbers(x any) any {
	switch x := x.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		if strings.ContainsAny(string(x), ".eE") {
			f, _ := x.Float64()
			return f
		}
	case []any:
		for i := range x {
			x[i] = sameNumbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = sameNumbers(x[k])
		}
	}
	return x
}

func TestUsesForms(t *testing.T) {
	hash := "sha256:" + strings.Repeat("0a", 32)
	for _, s := range []string{"text/format", "my-pack/a_b2", "text/format@1", "text/format@1.20.3", "text/format@" + hash, "./x.wasm", "./sub/x.wasm", "./x.wasm#node", "@" + hash, "@" + hash + "#node"} {
		require.NoError(t, checkUses(s), s)
	}
	for _, s := range []string{"text", "Text/format", "text/format/x", "text/format@", "text/format@1.2.3.4", "text/format@sha256:00", "./x.wat", "./", "./x.wasm#", "./x.wasm@" + hash,
		"@" + hash + "#", "@" + strings.ToUpper(hash), "sub/x.wasm", "../x.wasm", `.\x.wasm`, "./a//x.wasm", "./x\n.wasm", "C:/x.wasm", "text/format ", "http://x/y"} {
		require.Error(t, checkUses(s), s)
	}
}
