package graph_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// seen collects the inputs that tasks got.
type seen struct {
	mu  sync.Mutex
	got map[string][]value.Value
}

func (s *seen) exec(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got == nil {
		s.got = map[string][]value.Value{}
	}
	s.got[inv.Path] = inv.Inputs
	return gave(sum(inv)), nil
}

func fromInput(name string, t value.Type) graph.Source {
	return graph.Source{Kind: graph.FromInput, Port: name, Type: t}
}

func TestInputsGivenAndDefault(t *testing.T) {
	f := newFlow()
	f.g.Inputs = []value.Port{
		{Name: "w", Type: value.Float},
		{Name: "h", Type: value.Int, Default: json.RawMessage("7")},
		{Name: "o", Type: value.Int, Optional: true},
	}
	f.task("a", reads(fromInput("w", value.Float), value.Float), reads(fromInput("h", value.Int), value.Int))
	f.task("b", reads(fromInput("o", value.Int), value.Int))
	s := &seen{}
	_, l, err := f.execute(t, graph.Runner{Exec: s.exec}, graph.Inputs{Values: map[string]value.Value{"w": value.OfInt(3)}})
	require.NoError(t, err)
	require.Equal(t, []value.Value{value.OfFloat(3), value.OfInt(7)}, s.got["a"])
	require.Equal(t, "skipped (inputs gave no o)", l.of("b"))

	for name, given := range map[string]map[string]value.Value{
		"input w (float) is not given and has no default": {},
		"input w wants float, got string":                 {"w": value.OfString("x")},
		"the workflow has no input z":                     {"w": value.OfInt(1), "z": value.OfInt(1)},
	} {
		_, _, err := f.execute(t, graph.Runner{}, graph.Inputs{Values: given})
		require.EqualError(t, err, name)
	}
}

func TestInputsAreConverted(t *testing.T) {
	f := newFlow()
	a := f.task("a")
	f.task("b", reads(of(a), value.Float), reads(of(a), value.Any), reads(lit(ints(1, 2)), "list<float>"))
	s := &seen{}
	_, _, err := f.execute(t, graph.Runner{Exec: s.exec}, graph.Inputs{})
	require.NoError(t, err)
	got := s.got["b"]
	require.Equal(t, value.OfFloat(1), got[0])
	require.Equal(t, value.Any, got[1].Type)
	floats, err := value.FromJSON("list<float>", []byte("[1, 2]"))
	require.NoError(t, err)
	require.Equal(t, floats, got[2])
}

// A large value is wrapped without being loaded, and only once.
func TestLargeInputsAreConvertedOnce(t *testing.T) {
	k := &vault{}
	large := k.put(value.Bytes, make([]byte, value.InlineMax+1))
	f := newFlow()
	a := f.task("a", reads(lit(large), value.Any))
	f.task("b", reads(lit(large), value.Any), after(a))
	s := &seen{}
	_, _, err := f.execute(t, graph.Runner{Exec: s.exec, Save: k.save}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, 1, k.saves)
	require.Equal(t, s.got["a"], s.got["b"])
	inner, enc, err := value.DecodeAny(k.bytesOf(s.got["a"][0]))
	require.NoError(t, err)
	require.Equal(t, value.Bytes, inner)
	require.Len(t, enc, value.InlineMax+1)
}

func trigger(field string, t value.Type) graph.Source {
	return graph.Source{Kind: graph.FromTrigger, Port: field, Type: t}
}

func TestTriggerFields(t *testing.T) {
	content := []byte("abc")
	file := value.FileRef{Path: "in/b.tar.gz", Size: 3, Digest: value.Sum(content)}
	f := newFlow()
	f.task("a",
		reads(trigger("data", value.Bytes), value.Bytes), reads(trigger("path", value.String), value.String),
		reads(trigger("name", value.String), value.String), reads(trigger("stem", value.String), value.String),
		reads(trigger("size", value.Int), value.Int), reads(trigger("files", "list<file>"), "list<file>"))
	s := &seen{}
	_, _, err := f.execute(t, graph.Runner{Exec: s.exec}, graph.Inputs{File: &file, Files: []value.FileRef{file}})
	require.NoError(t, err)
	got := s.got["a"]
	require.Equal(t, value.Stored(value.Bytes, value.Sum(content), 3), got[0])
	require.Equal(t, []value.Value{value.OfString("in/b.tar.gz"), value.OfString("b.tar.gz"), value.OfString("b.tar"), value.OfInt(3)}, got[1:5])
	list, err := value.New(t.Context(), "list<file>", value.EncodeList([][]byte{file.Encode()}))
	require.NoError(t, err)
	require.Equal(t, list, got[5])

	_, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "skipped (trigger gave no data)", l.of("a"))
}

// A list too large to be carried goes to Save in pieces, and comes out as its encoding.
func TestLargeListsAreSaved(t *testing.T) {
	k := &vault{}
	texts := []string{strings.Repeat("a", 100<<10), strings.Repeat("b", 100<<10), ""}
	f := newFlow()
	large := k.put(value.String, []byte(strings.Repeat("c", 200<<10)))
	srcs := []graph.Source{lit(value.OfString(texts[0])), lit(value.OfString(texts[1])), lit(large), lit(value.OfString(""))}
	f.task("a", func(_ *flow, n *graph.Node) {
		n.Inputs = []graph.Input{{Sources: srcs, Collect: true, Type: "list<string>"}}
	})
	s := &seen{}
	_, _, err := f.execute(t, graph.Runner{Exec: s.exec, Save: k.save, Open: k.open}, graph.Inputs{})
	require.NoError(t, err)
	got := s.got["a"][0]
	require.Equal(t, value.Type("list<string>"), got.Type)
	want := value.EncodeList([][]byte{[]byte(texts[0]), []byte(texts[1]), k.bytesOf(large), nil})
	require.Equal(t, value.Sum(want), got.Digest)
	require.Equal(t, want, k.bytesOf(got))
}
