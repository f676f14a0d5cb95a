package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// over runs a group over v and returns the values of fields of its elements, rendered as JSON.
func over(t *testing.T, v value.Value, r graph.Runner, fields ...string) ([]string, error) {
	f := newFlow()
	g := f.each("g", lit(v), func(b *flow) {
		for _, name := range fields {
			typ := value.Type(value.Any)
			switch {
			case name == "index":
				typ = value.Int
			case name == "key":
				typ = value.String
			case v.Type != value.Any:
				typ = value.JSON
			}
			b.out("o"+name, b.elem(name, typ))
		}
	})
	for _, name := range fields {
		f.out(name, port(g, "o"+name))
	}
	res, _, err := f.execute(t, r, graph.Inputs{})
	if err != nil {
		return nil, err
	}
	var list []string
	for _, name := range fields {
		out := output(t, res, name)
		enc, ok := out.Inline()
		require.True(t, ok)
		doc, err := value.ToJSON(out.Type, enc, -1)
		require.NoError(t, err)
		list = append(list, string(doc))
	}
	return list, nil
}

func fromJSON(t *testing.T, typ value.Type, doc string) value.Value {
	v, err := value.FromJSON(typ, []byte(doc))
	require.NoError(t, err)
	return v
}

func anyOf(t *testing.T, v value.Value) value.Value {
	enc, _ := v.Inline()
	wrapped, err := value.New(t.Context(), value.Any, value.EncodeAny(v.Type, enc))
	require.NoError(t, err)
	return wrapped
}

func people(t *testing.T) value.Value {
	enc, err := value.EncodeTable([]string{"name", "age", "ok", "index", "w"}, []value.Type{value.String, value.Int, value.Bool, value.String, value.Float},
		[][]any{{"Ada", "", nil}, {int64(36), nil, int64(-1)}, {true, false, nil}, {"x", "y", nil}, {0.5, nil, 1e300}})
	require.NoError(t, err)
	v, err := value.New(t.Context(), value.Table, enc)
	require.NoError(t, err)
	return v
}

// What an element is, and what its item is, by what the group goes over.
func TestEachOverAnything(t *testing.T) {
	rows := `[{"age":36,"index":"x","name":"Ada","ok":true,"w":0.5},{"age":null,"index":"y","name":"","ok":false,"w":null},{"age":-1,"index":null,"name":null,"ok":null,"w":1e+300}]`
	numbered := `[{"age":36,"index":0,"name":"Ada","ok":true,"w":0.5},{"age":null,"index":1,"name":"","ok":false,"w":null},{"age":-1,"index":2,"name":null,"ok":null,"w":1e+300}]`
	entries := `[{"key":"","value":1},{"key":"a\"b","value":2}]`
	mixed := `[1,"a,[\"]",[2,[]],{"b":{}},null]`
	for _, c := range []struct {
		over        value.Value
		itself, own string
	}{
		{people(t), rows, numbered},
		{anyOf(t, people(t)), numbered, numbered},
		{fromJSON(t, value.JSON, mixed), mixed, mixed},
		{anyOf(t, fromJSON(t, value.JSON, mixed)), mixed, mixed},
		{fromJSON(t, value.JSON, `{"a\"b":2,"":1}`), entries, entries},
		{anyOf(t, fromJSON(t, value.JSON, `{"a\"b":2,"":1}`)), entries, entries},
		{anyOf(t, fromJSON(t, "map<int>", `{"a\"b":2,"":1}`)), entries, entries},
		{anyOf(t, ints(5, 6)), "[5,6]", "[5,6]"},
		{anyOf(t, fromJSON(t, "list<any>", mixed)), mixed, mixed},
		{fromJSON(t, value.JSON, "[]"), "[]", "[]"},
		{fromJSON(t, value.JSON, "{}"), "[]", "[]"},
		{anyOf(t, ints()), "[]", "[]"},
	} {
		got, err := over(t, c.over, graph.Runner{}, "", "value", "item", "index")
		require.NoError(t, err)
		require.Equal(t, []string{c.itself, c.itself, c.own}, got[:3], c.over.Type)
		var items, index []any
		require.NoError(t, json.Unmarshal([]byte(c.own), &items))
		require.NoError(t, json.Unmarshal([]byte(got[3]), &index))
		require.Len(t, index, len(items))
	}
	// An entry of a map of which the type is known keeps it.
	got, err := over(t, fromJSON(t, "map<json>", `{"b":[2],"a":{"c":1}}`), graph.Runner{}, "", "key", "item", "index")
	require.NoError(t, err)
	require.Equal(t, []string{`[{"c":1},[2]]`, `["a","b"]`, `[{"key":"a","value":{"c":1}},{"key":"b","value":[2]}]`, "[0,1]"}, got)
}

func TestEachOverWhatIsNoList(t *testing.T) {
	for _, v := range []value.Value{fromJSON(t, value.JSON, "7"), fromJSON(t, value.JSON, `"[1]"`), fromJSON(t, value.JSON, "null"), anyOf(t, value.OfInt(7)), anyOf(t, value.OfString("a,b")), anyOf(t, fromJSON(t, value.JSON, "true"))} {
		_, err := over(t, v, graph.Runner{}, "item")
		require.ErrorContains(t, err, "g: Input data must be a list.")
	}
	for _, enc := range []string{"", "[", `[1,"`, `{"a"`, `[1]x`, `["\`} {
		_, err := over(t, value.Loaded(value.JSON, value.Digest{}, []byte(enc)), graph.Runner{}, "item")
		require.ErrorContains(t, err, "g: ", enc)
	}
	// A damaged table, or a value of type any.
	enc, _ := people(t).Inline()
	for cut := range len(enc) {
		_, err := over(t, value.Loaded(value.Table, value.Digest{}, enc[:cut]), graph.Runner{}, "item")
		require.Error(t, err, "a table cut after %d bytes", cut)
	}
	for _, enc := range []string{"", "\x03", "\x03\x00in", "\x03\x00any\x00", "\x09\x00list<int>"} {
		_, err := over(t, value.Loaded(value.Any, value.Digest{}, []byte(enc)), graph.Runner{}, "item")
		require.ErrorContains(t, err, "g: ", "%q", enc)
	}
}

func TestEachSideBySide(t *testing.T) {
	lanes := func(srcs ...graph.Source) *flow {
		f := newFlow()
		g := f.zip("g", srcs...)
		f.out("list", port(g, "out"))
		return f
	}
	res, l, err := lanes(lit(ints(1, 2, 3)), lit(ints(10, 20, 30))).execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{12, 23, 34}, numbers(t, output(t, res, "list")))
	require.Equal(t, "running, done", l.of("g[2].x"))

	_, l, err = lanes(lit(ints(1, 2)), lit(ints(1)), lit(ints())).execute(t, graph.Runner{}, graph.Inputs{})
	require.EqualError(t, err, "g: Input data must be of equal length. l0 has 2, l1 has 1, l2 has 0")
	require.Equal(t, "", l.of("g[0].x"))

	res, _, err = lanes(lit(ints()), lit(ints())).execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Empty(t, numbers(t, output(t, res, "list")))

	// One of them never came: nothing runs.
	f := newFlow()
	no := f.each("no", lit(ints(1)), func(b *flow) { b.out("out", of(b.task("x"))) }, when(lit(value.OfBool(false))))
	f.zip("g", lit(ints(1)), port(no, "out"))
	_, l, err = f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "skipped (no was not taken)", l.of("g"))
}

// counting counts what is read, and whether readers are closed.
type counting struct {
	io.ReaderAt
	mu         *sync.Mutex
	read, open *int
	most       *int
}

func (c counting) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	*c.read += len(p)
	*c.most = max(*c.most, len(p))
	c.mu.Unlock()
	return c.ReaderAt.ReadAt(p, off)
}

func (c counting) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.open--
	return nil
}

// A table of 200,000 rows, some of them long, is read once and in pieces, whatever the number of rows in flight.
func TestEachReadsTablesInPieces(t *testing.T) {
	const rows = 200_000
	names := []string{"id", "text", "flag"}
	cells := make([][]any, 3)
	for i := range rows {
		text := fmt.Sprint("row ", i)
		if i == 777 {
			text = strings.Repeat("long ", 1<<18) // 1.25 MiB: a piece of its own
		}
		cells[0], cells[1], cells[2] = append(cells[0], int64(i)), append(cells[1], text), append(cells[2], i%3 == 0)
	}
	cells[1][5], cells[2][9] = nil, nil
	enc, err := value.EncodeTable(names, []value.Type{value.Int, value.String, value.Bool}, cells)
	require.NoError(t, err)

	k := &vault{}
	var mu sync.Mutex
	read, open, most, heap := 0, 0, 0, uint64(0)
	f := newFlow()
	f.each("g", lit(k.put(value.Table, enc)), func(b *flow) { b.task("x", reads(b.elem("item", value.JSON), value.JSON)) }, parallel(1024))
	var before goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	seen := make([]bool, rows)
	_, err = graph.Run(t.Context(), f.g, graph.Inputs{}, graph.Runner{
		Open: func(ctx context.Context, v value.Value) (io.ReaderAt, error) {
			mu.Lock()
			defer mu.Unlock()
			open++
			return counting{bytes.NewReader(k.bytesOf(v)), &mu, &read, &open, &most}, nil
		},
		Save: k.save,
		Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
			var row struct {
				ID, Index int
				Text      *string
				Flag      *bool
			}
			if err := json.Unmarshal(k.bytesOf(inv.Inputs[0]), &row); err != nil {
				return nil, err
			}
			i := row.ID
			text, _ := cells[1][i].(string)
			flag, _ := cells[2][i].(bool)
			same := row.Index == i && (row.Text == nil) == (i == 5) && (row.Text == nil || *row.Text == text) &&
				(row.Flag == nil) == (i == 9) && (row.Flag == nil || *row.Flag == flag)
			if !same {
				return nil, fmt.Errorf("row %d is wrong", i)
			}
			mu.Lock()
			defer mu.Unlock()
			if seen[i] {
				return nil, fmt.Errorf("row %d comes twice", i)
			}
			if seen[i] = true; i%20_000 == 0 {
				var now goruntime.MemStats
				goruntime.GC()
				goruntime.ReadMemStats(&now)
				heap = max(heap, now.HeapAlloc)
			}
			return gave(1), nil
		},
	})
	require.NoError(t, err)
	require.Zero(t, open)
	require.Less(t, most, 2<<20)
	require.Less(t, read, 2*len(enc))
	require.NotContains(t, seen, false)
	require.Less(t, heap, before.HeapAlloc+16<<20)
}
