package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever the table and however it is cut into pieces: its rows are those that the whole table has.
func TestTableReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(0, 40).Draw(t, "rows")
		names := rapid.SliceOfNDistinct(rapid.StringN(0, 8, 16), 0, 5, rapid.ID).Draw(t, "names")
		if len(names) == 0 {
			rows = 0
		}
		kinds, cells := make([]Type, len(names)), make([][]any, len(names))
		for k := range names {
			kinds[k] = rapid.SampledFrom(columnKinds[1:]).Draw(t, "kind")
			for range rows {
				cells[k] = append(cells[k], drawCell(t, kinds[k]))
			}
		}
		enc, err := EncodeTable(names, kinds, cells)
		require.NoError(t, err)
		r, err := ReadTable(bytes.NewReader(enc), int64(len(enc)))
		require.NoError(t, err)
		require.Equal(t, rows, r.Rows)
		for i := 0; i < rows; {
			p, err := r.Piece(i, rapid.IntRange(1, 20).Draw(t, "piece"))
			require.NoError(t, err)
			require.Equal(t, i, p.From)
			for ; i < p.From+p.Rows; i++ {
				want := map[string]any{}
				for k := range names {
					want[names[k]] = cells[k][i]
				}
				got, err := p.Row(i)
				require.NoError(t, err)
				require.Equal(t, string(appendJSON(nil, want)), string(got))
			}
		}
		_, err = r.Piece(rows, 1)
		require.Error(t, err)
	})
}

func drawCell(t *rapid.T, kind Type) any {
	if rapid.IntRange(0, 3).Draw(t, "missing") == 0 {
		return nil
	}
	switch kind {
	case Bool:
		return rapid.Bool().Draw(t, "bool")
	case Int:
		return rapid.Int64().Draw(t, "int")
	case Float:
		return rapid.Float64().Draw(t, "float")
	}
	return rapid.StringN(0, 12, 40).Draw(t, "text")
}

// Long texts make pieces short; what no JSON document can hold is refused before it is read.
func TestTableReaderIsBounded(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), pieceTexts/2+1))
	enc, err := EncodeTable([]string{"a"}, []Type{String}, [][]any{{long, long, "", nil, "b"}})
	require.NoError(t, err)
	r, err := ReadTable(bytes.NewReader(enc), int64(len(enc)))
	require.NoError(t, err)
	p, err := r.Piece(0, 1024)
	require.NoError(t, err)
	require.Equal(t, 1, p.Rows)
	p, err = r.Piece(1, 1024)
	require.NoError(t, err)
	require.Equal(t, 4, p.Rows)

	enc, err = EncodeTable([]string{"a"}, []Type{String}, [][]any{{string(make([]byte, maxJSON+1))}})
	require.NoError(t, err)
	r, err = ReadTable(bytes.NewReader(enc), int64(len(enc)))
	require.NoError(t, err)
	_, err = r.Piece(0, 1)
	require.ErrorContains(t, err, "table row 0 has")
}

// The spans of a canonical document are its items as encoding/json finds them.
func TestJSONSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawJSON(t, 3)
		doc := appendJSON(nil, x)
		canon, err := CanonicalJSON(doc)
		require.NoError(t, err)
		spans, object, err := JSONSpans(bytes.NewReader(canon), int64(len(canon)), 1000)
		var list []json.RawMessage
		var m map[string]json.RawMessage
		switch {
		case json.Unmarshal(canon, &list) == nil && list != nil:
			require.NoError(t, err)
			require.False(t, object)
			require.Len(t, spans, len(list))
			for i, s := range spans {
				require.Equal(t, string(list[i]), string(canon[s.Off:s.Off+s.Len]))
			}
		case json.Unmarshal(canon, &m) == nil && m != nil:
			require.NoError(t, err)
			require.True(t, object)
			require.Len(t, spans, 2*len(m))
			for i := 0; i < len(spans); i += 2 {
				key, err := DecodeText(canon[spans[i].Off : spans[i].Off+spans[i].Len])
				require.NoError(t, err)
				require.Equal(t, string(m[key]), string(canon[spans[i+1].Off:spans[i+1].Off+spans[i+1].Len]))
			}
			name := rapid.StringN(0, 3, 9).Draw(t, "name")
			got, err := WithMember(canon, name, []byte("7"))
			require.NoError(t, err)
			want := x.(map[string]any)
			want[name] = int64(7)
			require.Equal(t, string(appendJSON(nil, want)), string(got))
		default:
			require.ErrorIs(t, err, ErrNotList)
		}
	})
}

func drawJSON(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	switch {
	case kind == 0:
		return nil
	case kind == 1:
		return rapid.Bool().Draw(t, "bool")
	case kind == 2:
		return rapid.Int64().Draw(t, "int")
	case kind == 3 || depth == 0:
		return rapid.SampledFrom([]string{"", `"`, `\`, `[1,`, "}", "a,b:c", "\x00\n", "ü", `\"`}).Draw(t, "text")
	case kind == 4:
		list := []any{}
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			list = append(list, drawJSON(t, depth-1))
		}
		return list
	}
	m := map[string]any{}
	for i := range rapid.IntRange(0, 4).Draw(t, "members") {
		m[fmt.Sprint(rapid.SampledFrom([]string{"", `"`, `\`, "{", "a:", "b,", "\t"}).Draw(t, "key"), i)] = drawJSON(t, depth-1)
	}
	return m
}

func TestJSONSpansAreBounded(t *testing.T) {
	doc := []byte("[1,2,3,4]")
	_, _, err := JSONSpans(bytes.NewReader(doc), int64(len(doc)), 3)
	require.ErrorContains(t, err, "more than 3 items")
	for _, broken := range []string{"", "[", "[1", `["a`, `["a\`, `{"a"}`, "[]]", "[1]2", `{"a":1`} {
		_, _, err := JSONSpans(strings.NewReader(broken), int64(len(broken)), 100)
		require.Error(t, err, broken)
	}
}
