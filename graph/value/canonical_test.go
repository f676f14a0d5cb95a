package value

import (
	"bytes"
	"encoding/binary"
	"math"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func u32(list ...uint32) (b []byte) {
	for _, n := range list {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

func u64(list ...uint64) (b []byte) {
	for _, n := range list {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// entry is a map with one entry, k.
func entry(enc []byte) []byte { return EncodeList([][]byte{[]byte("k"), enc}) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestCanonicalKeeps(t *testing.T) {
	table, err := EncodeTable([]string{"a", "b", "c", "d"}, []Type{Int, String, Bool, Float},
		[][]any{{int64(1), nil, int64(-3)}, {"x", "", nil}, {true, nil, false}, {1.5, math.NaN(), nil}})
	require.NoError(t, err)
	list := EncodeList([][]byte{OfInt(1).enc, OfInt(2).enc})
	for _, c := range []struct {
		typ Type
		enc []byte
	}{
		{Bool, []byte{1}}, {Int, u64(7)}, {Float, OfFloat(math.NaN()).enc}, {String, []byte("é")}, {String, nil}, {Bytes, []byte{0xff}},
		{JSON, []byte(`{"a":1}`)}, {"list<int>", list}, {"list<int>", u64(0)}, {"map<string>", EncodeList([][]byte{[]byte("a"), []byte("x"), []byte("b"), nil})},
		{Any, EncodeAny("list<int>", list)}, {"list<any>", EncodeList([][]byte{EncodeAny(Int, u64(1))})}, {Table, table},
		{Image, EncodeImage(ImageInfo{1, 2, 4, 16}, make([]byte, 16))}, {Audio, join(u32(44100, 2), make([]byte, 16))},
		{"tensor<f32,[2,n]>", join(u32(2), u64(2, 3), make([]byte, 24))}, {"tensor<bool,[]>", join(u32(0), []byte{1})}, {"tensor<u8,[n]>", join(u32(1), u64(0))},
		{File, FileRef{Path: "in/a.jpg", Size: 5}.Encode()},
	} {
		got, err := Canonical(t.Context(), c.typ, c.enc)
		require.NoError(t, err, c.typ)
		require.Equal(t, c.enc, got, c.typ)
		v, err := New(t.Context(), c.typ, c.enc)
		require.NoError(t, err)
		require.Equal(t, Sum(c.enc), v.Digest)
		require.EqualValues(t, len(c.enc), v.Size)
	}
}

func TestCanonicalRewrites(t *testing.T) {
	odd := u64(0xfff8000000000001)
	nan := OfFloat(math.NaN()).enc
	for _, c := range []struct {
		typ       Type
		enc, want []byte
	}{
		{JSON, []byte(` {"b":1, "a":2}`), []byte(`{"a":2,"b":1}`)}, {Float, odd, nan},
		{"list<json>", EncodeList([][]byte{[]byte("1"), []byte(" 2 ")}), EncodeList([][]byte{[]byte("1"), []byte("2")})},
		{"map<float>", entry(odd), entry(nan)},
		{Any, EncodeAny(JSON, []byte("[ ]")), EncodeAny(JSON, []byte("[]"))},
	} {
		got, err := Canonical(t.Context(), c.typ, c.enc)
		require.NoError(t, err, c.typ)
		require.Equal(t, c.want, got, c.typ)
	}
}

func TestCanonicalRefuses(t *testing.T) {
	table, err := EncodeTable([]string{"a", "b"}, []Type{Int, String}, [][]any{{int64(1), nil}, {"x", nil}})
	require.NoError(t, err)
	damaged := func(at int, b byte) []byte {
		enc := bytes.Clone(table)
		enc[at] = b
		return enc
	}
	twice, err := EncodeTable([]string{"a", "a"}, []Type{Int, Int}, [][]any{{}, {}})
	require.NoError(t, err)
	deep := OfInt(1).enc
	typ := Int
	for range maxAnyDepth + 2 {
		deep, typ = EncodeList([][]byte{EncodeAny(typ, deep)}), "list<any>"
	}
	for name, c := range map[string]struct {
		typ Type
		enc []byte
	}{
		"bool 2": {Bool, []byte{2}}, "bool empty": {Bool, nil}, "int short": {Int, make([]byte, 7)}, "float long": {Float, make([]byte, 9)},
		"string": {String, []byte{0xff}}, "json": {JSON, []byte("{")}, "json empty": {JSON, nil},
		"list empty": {"list<int>", nil}, "list count": {"list<int>", u64(1)}, "list huge": {"list<int>", u64(1 << 60)}, "list item size": {"list<int>", join(u64(1, 3), []byte("abc"))},
		"list descends": {"list<bytes>", join(u64(2, 2, 1), []byte("ab"))}, "list tail": {"list<bytes>", join(u64(1, 1), []byte("ab"))}, "list beyond": {"list<bytes>", join(u64(1, 9), []byte("ab"))},
		"map odd": {"map<bytes>", EncodeList([][]byte{[]byte("a")})}, "map order": {"map<bytes>", EncodeList([][]byte{[]byte("b"), nil, []byte("a"), nil})},
		"map twice": {"map<bytes>", EncodeList([][]byte{[]byte("a"), nil, []byte("a"), nil})}, "map key": {"map<bytes>", EncodeList([][]byte{{0xff}, nil})},
		"any short": {Any, []byte{1}}, "any type": {Any, EncodeAny("nope", nil)}, "any any": {Any, EncodeAny(Any, nil)}, "any var": {Any, EncodeAny("T", nil)},
		"any spaces": {Any, EncodeAny("list< int>", u64(0))}, "any value": {Any, EncodeAny(Int, nil)}, "any long": {Any, []byte{0xff, 0xff, 0}}, "any deep": {typ, deep},
		"image short": {Image, u32(1, 1, 1)}, "image size": {Image, u32(1, 1, 1, 8)}, "image zero": {Image, u32(0, 1, 1, 8)}, "image channels": {Image, join(u32(1, 1, 2, 8), []byte("ab"))},
		"image huge": {Image, u32(1<<31, 1<<31, 4, 16)}, "audio short": {Audio, u32(1)}, "audio channels": {Audio, u32(1, 0)}, "audio part": {Audio, join(u32(1, 2), u32(1))},
		"tensor rank": {"tensor<u8,[n]>", u32(2)}, "tensor dim": {"tensor<u8,[2]>", join(u32(1), u64(3), []byte("abc"))}, "tensor size": {"tensor<u8,[n]>", join(u32(1), u64(3), []byte("ab"))},
		"tensor overflow": {"tensor<f64,[n,n,n]>", join(u32(3), u64(1<<31-1, 1<<31-1, 1<<31-1))}, "tensor bool": {"tensor<bool,[1]>", join(u32(1), u64(1), []byte{2})},
		"file short": {File, make([]byte, 40)}, "file size": {File, FileRef{Path: "a", Size: -1}.Encode()}, "file up": {File, FileRef{Path: "../a"}.Encode()},
		"file absolute": {File, FileRef{Path: "/a"}.Encode()}, "file utf8": {File, FileRef{Path: "\xff"}.Encode()}, "file dot": {File, FileRef{Path: "."}.Encode()},
		"table short": {Table, make([]byte, 11)}, "table rows": {Table, join(u32(0), u64(1))}, "table columns": {Table, join(u32(5000), u64(0))}, "table huge": {Table, join(u32(1), u64(1<<40))},
		"table kind": {Table, damaged(12, 9)}, "table name": {Table, damaged(13, 200)}, "table spare bits": {Table, damaged(26, 0xff)}, "table missing": {Table, damaged(35, 1)},
		"table cut": {Table, table[:len(table)-1]}, "table tail": {Table, append(bytes.Clone(table), 0)}, "table twice": {Table, twice}, "unknown": {"list<nope>", EncodeList([][]byte{nil})},
		"var": {"T", nil}, "nothing": {"", nil},
	} {
		_, err := Canonical(t.Context(), c.typ, c.enc)
		require.Error(t, err, name)
		_, err = New(t.Context(), c.typ, c.enc)
		require.Error(t, err, name)
	}
}

// A list may have 16 M items; to look at them must not cost a slice of each.
func TestListsCostLittle(t *testing.T) {
	empty := EncodeList(make([][]byte, 300_000))
	deep := EncodeList([][]byte{EncodeAny(JSON, []byte(" 1"))})
	for range maxAnyDepth - 1 {
		deep = EncodeList([][]byte{EncodeAny("list<any>", deep), EncodeAny(Bytes, make([]byte, 10_000))})
	}
	for typ, enc := range map[Type][]byte{"list<string>": empty, "list<any>": deep} {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		canon, err := Canonical(t.Context(), typ, enc)
		goruntime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*len(enc)), typ)
		again, err := Canonical(t.Context(), typ, canon)
		require.NoError(t, err)
		require.Equal(t, canon, again)
	}
}

func TestTableCells(t *testing.T) {
	cells := [][]any{{int64(1), nil, int64(-3)}, {"x", "", nil}, {true, nil, false}, {1.5, nil, math.Copysign(0, -1)}}
	kinds := []Type{Int, String, Bool, Float}
	enc, err := EncodeTable([]string{"a", "b", "c", "d"}, kinds, cells)
	require.NoError(t, err)
	cols, rows, err := DecodeTable(enc)
	require.NoError(t, err)
	require.Equal(t, 3, rows)
	for i, col := range cols {
		require.Equal(t, kinds[i], col.Kind)
		for row := range rows {
			require.Equal(t, cells[i][row], col.Cell(row), "%s %d", col.Name, row)
		}
	}
	_, err = EncodeTable([]string{"a", "b"}, []Type{Int, Int}, [][]any{{}, {int64(1)}})
	require.Error(t, err)
	_, err = EncodeTable([]string{"a"}, []Type{Image}, [][]any{{nil}})
	require.Error(t, err)
}

func TestConvert(t *testing.T) {
	ints, floats := EncodeList([][]byte{OfInt(1).enc}), EncodeList([][]byte{OfFloat(1).enc})
	for _, c := range []struct {
		from, to  Type
		enc, want []byte
	}{
		{Int, Int, u64(1), u64(1)}, {Int, Float, u64(2), OfFloat(2).enc}, {"list<int>", "list<float>", ints, floats}, {Image, Any, []byte("x"), EncodeAny(Image, []byte("x"))},
		{"map<int>", "map<any>", entry(u64(1)), entry(EncodeAny(Int, u64(1)))},
		{"tensor<u8,[2]>", "tensor<u8,[n]>", []byte("t"), []byte("t")},
	} {
		require.True(t, Assignable(c.from, c.to))
		got, err := Convert(t.Context(), c.from, c.to, c.enc)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%s -> %s", c.from, c.to)
	}
	_, err := Convert(t.Context(), String, Int, nil)
	require.Error(t, err)
	_, err = Convert(t.Context(), "list<int>", "list<float>", []byte("x"))
	require.Error(t, err)
}

func TestTruthy(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		doc  string
		want bool
	}{
		{Bool, "true", true}, {Bool, "false", false}, {Int, "0", false}, {Int, "-1", true}, {Float, "0", false}, {Float, "0.1", true}, {String, `""`, false},
		{String, `"x"`, true}, {JSON, "null", false}, {JSON, "false", false}, {JSON, "0", false}, {JSON, "[]", false}, {JSON, "{}", false}, {JSON, "[0]", true},
		{"list<int>", "[]", false}, {"list<int>", "[0]", true}, {"map<int>", "{}", false}, {Any, "0", false}, {Any, "1", true},
	} {
		v, err := FromJSON(c.typ, []byte(c.doc))
		require.NoError(t, err)
		require.Equal(t, c.want, Truthy(c.typ, v.enc), "%s %s", c.typ, c.doc)
	}
}

func FuzzCanonical(f *testing.F) {
	types := []Type{"list<int>", "list<json>", "map<float>", "map<list<string>>", Any, "list<any>", Table, JSON, Image, Audio, File, "tensor<bool,[2,n]>", String}
	table, err := EncodeTable([]string{"a", "b"}, []Type{Int, String}, [][]any{{int64(1), nil}, {"x", nil}})
	require.NoError(f, err)
	for i, enc := range [][]byte{
		EncodeList([][]byte{u64(1)}), EncodeList([][]byte{[]byte(" 1 ")}), entry(u64(1)), entry(u64(0)),
		EncodeAny(JSON, []byte("[ ]")), EncodeList([][]byte{EncodeAny(Int, u64(1))}), table, []byte(`{"a":1.0}`), EncodeImage(ImageInfo{1, 1, 1, 8}, []byte("x")),
		u32(1, 1, 0), FileRef{Path: "a"}.Encode(), join(u32(2), u64(2, 1), []byte{0, 1}), []byte("x"),
	} {
		f.Add(uint8(i), enc)
	}
	f.Fuzz(func(t *testing.T, pick uint8, enc []byte) {
		typ := types[int(pick)%len(types)]
		before := strings.Clone(string(enc))
		canon, err := Canonical(t.Context(), typ, enc)
		require.Equal(t, before, string(enc), "the input was changed")
		if err != nil {
			return
		}
		again, err := Canonical(t.Context(), typ, canon)
		require.NoError(t, err)
		require.Equal(t, canon, again)
		_, err = ToJSON(typ, canon, 3)
		require.NoError(t, err)
		Truthy(typ, canon)
		wrapped, err := Convert(t.Context(), typ, Any, canon)
		require.NoError(t, err)
		if typ != Any && typ != "list<any>" { // these may be as deep as is allowed already
			_, err = Canonical(t.Context(), Any, wrapped)
			require.NoError(t, err)
		}
	})
}

// EncodeImage puts the head before pixels.
func EncodeImage(info ImageInfo, pixels []byte) []byte {
	b := make([]byte, 0, imageHeader+len(pixels))
	for _, n := range []int{info.Width, info.Height, info.Channels, info.Bits} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return append(b, pixels...)
}
