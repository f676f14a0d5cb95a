package value

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLiterals(t *testing.T) {
	for _, c := range []struct {
		typ       Type
		doc, want string // want: ToJSON of it; "" for the same
	}{
		{Bool, "true", ""}, {Int, "-7", ""}, {Int, "9223372036854775807", ""}, {Int, "3.0", "3"}, {Float, "2", ""}, {Float, "0.5", ""},
		{String, `"a\nb"`, ""}, {Bytes, `"AAEC"`, ""}, {JSON, `{"b":1.0,"a":null}`, `{"a":null,"b":1}`},
		{"list<int>", "[1,2,3]", ""}, {"list<int>", "[]", ""}, {"map<list<float>>", `{"x":[1,2.5],"":[]}`, `{"":[],"x":[1,2.5]}`},
		{Any, "5", ""}, {Any, `"x"`, ""}, {Any, `[1,{"a":2}]`, ""}, {Any, "null", ""}, {"list<any>", `[1,"x",null]`, ""},
		{JSON, "123456789012345678901234567890", ""}, {Any, "123456789012345678901234567890", "123456789012345680000000000000"},
	} {
		v, err := FromJSON(c.typ, []byte(c.doc))
		require.NoError(t, err, "%s %s", c.typ, c.doc)
		enc, ok := v.Inline()
		require.True(t, ok)
		require.Equal(t, Sum(enc), v.Digest)
		canon, err := Canonical(t.Context(), c.typ, enc)
		require.NoError(t, err, "%s %s", c.typ, c.doc)
		require.Equal(t, enc, canon)
		back, err := ToJSON(c.typ, enc, -1)
		require.NoError(t, err)
		if c.want == "" {
			c.want = c.doc
		}
		if c.typ != Any || c.want != "123456789012345680000000000000" {
			require.Equal(t, c.want, string(back), c.typ)
		}
	}
}

func TestLiteralErrors(t *testing.T) {
	for _, c := range []struct {
		typ       Type
		doc, want string
	}{
		{Int, `"x"`, `wants int, got string "x"`}, {Int, "1.5", "wants int, got float 1.5"}, {String, "42", "wants string, got int 42 (quote it)"},
		{String, "[]", "wants string, got a list"}, {Bool, "null", "wants bool, got null"}, {Bytes, "1", "wants bytes, got int 1 (bytes are written as base64 text)"},
		{"list<int>", `[1,"x"]`, `[1] wants int, got string "x"`}, {"map<list<int>>", `{"a":[1,true]}`, ".a[1] wants int, got bool true"},
		{Int, "[1", "wants int, got bad JSON (the JSON document is empty or cut short)"}, {Image, `"x"`, `wants image, got string "x"`}, {"list<int>", "{}", "wants list<int>, got a map"},
		{"map<int>", `{"c":1.5,"b":"x","a":true,"d":[]}`, ".a wants int, got bool true"},
		{Int, "99999999999999999999", "wants int, got float 1e+20"},
	} {
		_, err := FromJSON(c.typ, []byte(c.doc))
		var bad *LiteralError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, c.want, err.Error())
	}
	_, err := FromJSON(Float, []byte(strings.Repeat("9", 400)))
	require.ErrorContains(t, err, "wants float, got number 999")
	_, err = FromJSON(Any, []byte(strings.Repeat("9", 400)))
	require.NoError(t, err, "as json it keeps its digits")
}

func TestLiteralsOfGo(t *testing.T) {
	for _, x := range []any{math.NaN(), []any{math.Inf(1)}, map[string]any{"a": math.Inf(-1)}, json.Number("1x"), json.Number("")} {
		_, err := FromGo(JSON, x)
		require.Error(t, err, "%v", x)
	}
	v, err := FromGo(JSON, []any{json.Number("1.0"), json.Number("-0"), 1.5, int64(2)})
	require.NoError(t, err)
	enc, _ := v.Inline()
	require.Equal(t, "[1,0,1.5,2]", string(enc))
	_, err = FromGo("map<int>", map[string]any{"\xff": int64(1)})
	require.Error(t, err)
	v, err = FromGo(Float, math.NaN())
	require.NoError(t, err)
	require.Equal(t, OfFloat(math.Float64frombits(0xfff8000000000001)).Digest, v.Digest)
}

func TestParseText(t *testing.T) {
	for _, c := range []struct {
		typ        Type
		text, want string
	}{{String, "a b", `"a b"`}, {String, "5", `"5"`}, {Int, "5", "5"}, {Bytes, "hi", `"aGk="`}, {"list<string>", `["a"]`, `["a"]`}} {
		v, err := ParseText(c.typ, c.text)
		require.NoError(t, err)
		enc, _ := v.Inline()
		doc, err := ToJSON(c.typ, enc, -1)
		require.NoError(t, err)
		require.Equal(t, c.want, string(doc))
	}
	_, err := ParseText(Any, " Ada")
	require.EqualError(t, err, `wants any, got " Ada" (it is read as JSON, where a text stands in quotes)`)
	_, err = ParseText(JSON, "[1")
	require.EqualError(t, err, "wants json, got bad JSON (the JSON document is empty or cut short)")
	_, err = ParseText(Int, "five")
	require.Error(t, err)
}

func TestPorts(t *testing.T) {
	one, ten := 1.0, 10.0
	p := Port{Name: "n", Type: Int, Min: &one, Max: &ten, Default: []byte("3")}
	v, ok, err := p.DefaultValue()
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, p.CheckRange(v))
	require.EqualError(t, p.CheckRange(OfInt(0)), "n is 0, at least 1")
	require.EqualError(t, p.CheckRange(OfInt(11)), "n is 11, at most 10")
	require.Error(t, (&Port{Name: "f", Type: Float, Min: &one}).CheckRange(OfFloat(math.NaN())))
	require.NoError(t, p.CheckRange(Stored(Int, Digest{}, 8)))
	e := Port{Name: "e", Type: String, Enum: []string{"a", "b"}}
	require.NoError(t, e.CheckRange(OfString("b")))
	require.EqualError(t, e.CheckRange(OfString("c")), `e is "c", must be one of ["a" "b"]`)
	_, ok, err = (&Port{Name: "x", Type: Int}).DefaultValue()
	require.NoError(t, err)
	require.False(t, ok)
	sig := Signature{Inputs: []Port{p}, Outputs: []Port{e}}
	in, ok := sig.Input("n")
	require.True(t, ok)
	require.Equal(t, &sig.Inputs[0], in)
	_, ok = sig.Output("n")
	require.False(t, ok)
}

func TestRender(t *testing.T) {
	table, err := EncodeTable([]string{"a", "b"}, []Type{Int, String}, [][]any{{int64(1), nil, int64(3)}, {"x", "y", nil}})
	require.NoError(t, err)
	for _, c := range []struct {
		typ  Type
		enc  []byte
		want string
	}{
		{Table, table, `{"columns":["a","b"],"count":3,"rows":[[1,"x"],[null,"y"]]}`},
		{Image, EncodeImage(ImageInfo{2, 1, 3, 8}, make([]byte, 6)), `{"bits":8,"channels":3,"height":1,"type":"image","width":2}`},
		{"tensor<u8,[2]>", make([]byte, 14), `{"size":14,"type":"tensor<u8,[2]>"}`},
		{File, FileRef{Path: "a/b", Size: 3}.Encode(), `{"digest":"` + Digest{}.String() + `","path":"a/b","size":3}`},
		{Float, OfFloat(math.Inf(1)).enc, "null"},
	} {
		doc, err := ToJSON(c.typ, c.enc, 2)
		require.NoError(t, err, c.typ)
		require.Equal(t, c.want, string(doc))
	}
	for _, typ := range []Type{Bool, Int, Float, Image, Table, File, Any, "list<int>", JSON} {
		_, err := ToJSON(typ, []byte{7, 7}, -1)
		require.Error(t, err, typ)
	}
}
