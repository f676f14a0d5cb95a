package nodes

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func parseOne(t *testing.T, doc string) Case {
	t.Helper()
	cases, err := ReadCases(fstest.MapFS{"p/cases.json": {Data: []byte("[" + doc + "]")}, "p/a.txt": {Data: []byte("from a file")}}, "p/cases.json")
	require.NoError(t, err)
	require.Len(t, cases, 1)
	return cases[0]
}

func TestCaseArguments(t *testing.T) {
	c := parseOne(t, `{"node":"p/n","in":{
		"n": 3, "f": 2, "texts": ["a","b"], "t": {"$text":"abc"}, "b": {"$base64":"AAEC"}, "file": {"$file":"a.txt"},
		"typed": {"$as":{"type":"list<int>","value":[1,2]}}, "free": [1,"x"],
		"blobs": {"$list":[{"$text":"x"},{"$file":"a.txt"}]}, "ints": {"$list":[{"$as":{"type":"int","value":1}},2]},
		"tab": {"$table":{"columns":[["s","string"],["i","int"],["f","float"],["b","bool"]],"rows":[["a",1,2,true],[null,null,null,null]]}},
		"img": {"$node":{"node":"p/decode","in":{"data":{"$text":"x"}},"out":"image"}}}, "want":{"y":1}}`)
	of := func(port string, typ value.Type) value.Value {
		v, err := c.Inputs[port].Value(typ, nil)
		require.NoError(t, err, port)
		return v
	}
	asJSON := func(v value.Value) string {
		enc, _ := v.Inline()
		doc, err := value.ToJSON(v.Type, enc, -1)
		require.NoError(t, err)
		return string(doc)
	}
	require.Equal(t, value.OfInt(3).Digest, of("n", value.Int).Digest)
	require.Equal(t, value.OfFloat(2).Digest, of("f", value.Float).Digest)
	require.Equal(t, `["a","b"]`, asJSON(of("texts", "list<string>")))
	require.Equal(t, value.OfString("abc").Digest, of("t", value.String).Digest)
	require.Equal(t, value.OfBytes([]byte{0, 1, 2}).Digest, of("b", value.Bytes).Digest)
	require.Equal(t, value.OfBytes([]byte("from a file")).Digest, of("file", value.Bytes).Digest)
	require.Equal(t, value.Type("list<int>"), of("typed", "list<T>").Type)
	require.Equal(t, value.Type("list<any>"), of("free", "list<T>").Type)
	require.Equal(t, `["eA==","ZnJvbSBhIGZpbGU="]`, asJSON(of("blobs", "list<bytes>")))
	require.Equal(t, `{"columns":["s","i","f","b"],"count":2,"rows":[["a",1,2,true],[null,null,null,null]]}`, asJSON(of("tab", value.Table)))
	require.Equal(t, value.Table, of("tab", "T").Type)

	_, err := c.Inputs["img"].Value(value.Image, nil)
	require.Error(t, err)
	v, err := c.Inputs["img"].Value(value.Image, func(call *Call) (value.Value, error) {
		require.Equal(t, "p/decode", call.Node)
		require.Equal(t, "image", call.Out)
		require.Contains(t, call.Inputs, "data")
		return value.OfInt(7), nil
	})
	require.NoError(t, err)
	require.Equal(t, value.OfInt(7).Digest, v.Digest)
	_, err = c.Inputs["img"].Value(value.Image, func(*Call) (value.Value, error) { return value.Value{}, errors.New("broken") })
	require.ErrorContains(t, err, "broken")
	_, err = c.Inputs["texts"].Value(value.Int, nil)
	require.ErrorContains(t, err, "wants int, got a list")
}

func TestCaseWants(t *testing.T) {
	c := parseOne(t, `{"node":"p/n","name":"all","tolerance":0.01,"files":{"in/a.txt":"A","in/b":{"$base64":"AAE="},"in/c":{"$file":"a.txt"}},
		"want":{"n":100,"list":[1,2.5],"obj":{"a":[1],"b":null},"raw":{"$text":"abc"},"digest":{"$digest":"`+value.Sum([]byte("x")).String()+`"}},"want_files":{"out":""}}`)
	require.Equal(t, map[string][]byte{"in/a.txt": []byte("A"), "in/b": {0, 1}, "in/c": []byte("from a file")}, c.Files)
	require.Equal(t, map[string][]byte{"out": {}}, c.WantFiles)
	check := func(port string, v value.Value) error {
		enc, ok := v.Inline()
		require.True(t, ok)
		return c.Want[port].Check(v.Type, enc, c.Tolerance)
	}
	from := func(typ value.Type, doc string) value.Value {
		v, err := value.FromJSON(typ, []byte(doc))
		require.NoError(t, err)
		return v
	}
	require.NoError(t, check("n", value.OfFloat(100.9)))
	require.ErrorContains(t, check("n", value.OfFloat(101.1)), "first difference: the value: 101.1, want 100")
	require.NoError(t, check("list", from("list<float>", "[1.001,2.5]")))
	require.ErrorContains(t, check("list", from("list<float>", "[1,3]")), "[1]: 3, want 2.5")
	require.ErrorContains(t, check("list", from("list<float>", "[1]")), "1 items, want 2")
	require.NoError(t, check("obj", from(value.JSON, `{"b":null,"a":[1]}`)))
	require.ErrorContains(t, check("obj", from(value.JSON, `{"a":[1]}`)), `no "b"`)
	require.ErrorContains(t, check("obj", from(value.JSON, `{"a":[1],"b":null,"c":0}`)), `"c" is there too`)
	require.ErrorContains(t, check("obj", from(value.JSON, `[]`)), "no object")
	require.NoError(t, check("raw", value.OfString("abc")))
	require.ErrorContains(t, check("raw", value.OfString("abd")), `got "abd", want "abc"`)
	require.NoError(t, check("digest", value.OfString("x")))
	require.ErrorContains(t, check("digest", value.OfString("y")), "digest")
}

func TestCaseMistakes(t *testing.T) {
	for doc, want := range map[string]string{
		`{"in":{},"want":{}}`:                                                                            "cases[0].node: must name a node type",
		`{"node":"a/b"}`:                                                                                 "cases[0]: needs want",
		`{"node":"a/b","want":{},"want_error":"x"}`:                                                      "cases[0]: needs want",
		`{"node":"a/b","want":{"x":{"$txt":"a"}}}`:                                                       "cases[0].want.x: $txt is not known",
		`{"node":"a/b","in":{"x":{"$file":"no"}},"want":{}}`:                                             "cases[0].in.x: open p/no",
		`{"node":"a/b","in":{"x":{"$file":"../q"}},"want":{}}`:                                           "is no relative path",
		`{"node":"a/b","in":{"x":{"$base64":"?"}},"want":{}}`:                                            "cases[0].in.x: illegal base64",
		`{"node":"a/b","in":{"x":{"$as":{"type":"no","value":1}}},"want":{}}`:                            "cases[0].in.x.type: unknown type",
		`{"node":"a/b","in":{"x":{"$table":{"columns":[["a","int"]],"rows":[["x"]]}}},"want":{}}`:        "rows[0][0]: is no int",
		`{"node":"a/b","in":{"x":{"$table":{"columns":[["a","int"],["a","int"]],"rows":[]}}},"want":{}}`: "two columns named",
		`{"node":"a/b","in":{"x":{"$table":{"columns":[["a","date"]],"rows":[[null]]}}},"want":{}}`:      "kind date",
		`{"node":"a/b","wants":{}}`:                                                                      `unknown field "wants" (did you mean want?)`,
		`{"node":"a/b","want":{"x":{"$absent":false}}}`:                                                  "cases[0].want.x: $absent holds true",
		`7`: "cases[0]: must be an object",
	} {
		_, err := ReadCases(fstest.MapFS{"p/cases.json": {Data: []byte("[" + doc + "]")}}, "p/cases.json")
		require.ErrorContains(t, err, want, doc)
	}
}

// The cases of every core pack can be read, name node types of their pack, and give arguments that fit the ports.
func TestCoreCases(t *testing.T) {
	reg, err := New()
	require.NoError(t, err)
	files, err := filepath.Glob("core/*/cases.json")
	require.NoError(t, err)
	for _, file := range files {
		pack := filepath.Base(filepath.Dir(file))
		cases, err := ReadCases(os.DirFS("."), filepath.ToSlash(file))
		require.NoError(t, err)
		tested := map[string]bool{}
		for _, c := range cases {
			checkCase(t, reg.Resolver(nil), file, c)
			tested[c.Node] = true
		}
		types, _ := reg.List()
		for _, nt := range types {
			if nt.Module.Name == pack {
				require.True(t, tested[nt.FullName], "%s has no case in %s", nt.FullName, file)
			}
		}
	}
}

// So can those of the SDKs' examples whose modules are here.
func TestExampleCases(t *testing.T) {
	reg, err := New()
	require.NoError(t, err)
	for _, dir := range []string{"sdk/c/example", "sdk/rust/example"} {
		cases, err := ReadCases(os.DirFS(dir), "cases.json")
		require.NoError(t, err)
		require.NotEmpty(t, cases)
		for _, c := range cases {
			checkCase(t, reg.Resolver(readIn(dir)), dir, c)
		}
	}
}

// unrun stands for the output of a node, which only an engine could give.
const unrun = "no engine here"

func checkCase(t *testing.T, resolve func(uses string) (*NodeType, error), file string, c Case) {
	checkInputs(t, resolve, file+" "+c.Name, c.Node, c.Inputs)
	nt, err := resolve(c.Node)
	require.NoError(t, err)
	for port := range c.Want {
		_, ok := nt.Output(port)
		require.True(t, ok, "%s: %s has no output %s", file, c.Node, port)
	}
}

func checkInputs(t *testing.T, resolve func(uses string) (*NodeType, error), what, node string, inputs map[string]Arg) {
	nt, err := resolve(node)
	require.NoError(t, err, what)
	for port, arg := range inputs {
		p, ok := nt.Input(port)
		require.True(t, ok, "%s: %s has no input %s", what, node, port)
		_, err := arg.Value(p.Type, func(c *Call) (value.Value, error) {
			checkInputs(t, resolve, what, c.Node, c.Inputs)
			return value.Value{}, errors.New(unrun)
		})
		if err != nil && !strings.HasSuffix(err.Error(), unrun) {
			require.NoError(t, err, "%s: %s of %s", what, port, node)
		}
	}
}

func FuzzCases(f *testing.F) {
	f.Add([]byte(`[{"node":"p/n","in":{"a":{"$list":[{"$text":"x"},1]},"b":{"$as":{"type":"list<int>","value":[1]}}},"want":{"y":{"$digest":"00"}}}]`))
	f.Add([]byte(`[{"node":"p/n","in":{"t":{"$table":{"columns":[["s","string"]],"rows":[["a"],[null]]}}},"files":{"a":"b"},"want_error":"x","tolerance":1e-9}]`))
	f.Add([]byte(`[{"node":"p/n","in":{"i":{"$node":{"node":"p/m","in":{"x":1},"out":"o"}}},"want":{"y":[1,{"a":null}]}}]`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		cases, err := ParseCases(doc, func(string) ([]byte, error) { return []byte("x"), nil })
		if err != nil {
			return
		}
		for _, c := range cases {
			for _, a := range c.Inputs {
				for _, typ := range []value.Type{value.Int, value.Bytes, value.Any, "list<T>"} {
					_, _ = a.Value(typ, func(*Call) (value.Value, error) { return value.OfInt(1), nil })
				}
			}
			for _, w := range c.Want {
				_ = w.Check(value.String, []byte("x"), c.Tolerance)
			}
		}
	})
}
