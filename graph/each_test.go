package graph_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// chain is a group over a list of which the body is two tasks, so that element v gives v+2:
//
//	g[i]:  e.value -> x -> y -> out
func chain(list graph.Source, opts ...option) (f *flow, g *graph.Node) {
	f = newFlow()
	g = f.each("g", list, func(b *flow) {
		x := b.task("x", reads(b.elem("value", value.Int), value.Int))
		b.out("out", of(b.task("y", reads(of(x), value.Int))))
		b.out("index", b.elem("index", value.Int))
	}, opts...)
	f.out("list", port(g, "out"))
	f.out("index", port(g, "index"))
	return f, g
}

func TestEachKeepsOrder(t *testing.T) {
	// The first element ends last: its x waits until the others are through.
	f, _ := chain(lit(ints(10, 20, 30, 40)))
	var others sync.WaitGroup
	others.Add(3)
	res, l, err := f.execute(t, graph.Runner{Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch {
		case inv.Path == "g[0].x":
			others.Wait()
		case strings.HasSuffix(inv.Path, ".y") && inv.Path != "g[0].y":
			others.Done()
		}
		return gave(sum(inv)), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{12, 22, 32, 42}, numbers(t, output(t, res, "list")))
	require.Equal(t, []int64{0, 1, 2, 3}, numbers(t, output(t, res, "index")))
	require.Equal(t, "running, done", l.of("g"))
	require.Equal(t, 8, res.Done)
	require.Equal(t, []int{1, 2, 3, 4}, progress(l, "g"))
}

func progress(l *trace, path string) (ended []int) {
	for _, e := range l.events {
		if e.State == graph.Progress && e.Path == path {
			ended = append(ended, e.Ended)
		}
	}
	return ended
}

func TestEachOfNothing(t *testing.T) {
	f, _ := chain(lit(ints()))
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, ints(), output(t, res, "list"))
	require.Equal(t, "running, done", l.of("g"))
	f, _ = chain(trigger("files", "list<file>"))
	res, _, err = f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, ints(), output(t, res, "list"))
}

func TestEachIsBoundedByParallel(t *testing.T) {
	for _, limit := range []int{1, 3, 0} {
		synctest.Test(t, func(t *testing.T) {
			f, _ := chain(lit(ints(make([]int64, 100)...)), parallel(limit))
			now, most := make(chan int, 1), 0
			now <- 0
			_, err := graph.Run(t.Context(), f.g, graph.Inputs{}, graph.Runner{Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
				n := <-now + 1
				most = max(most, n)
				now <- n
				<-time.After(time.Second) // of the bubble's clock
				now <- <-now - 1
				return gave(1), nil
			}})
			require.NoError(t, err)
			require.Equal(t, map[int]int{1: 1, 3: 3, 0: 16}[limit], most)
		})
	}
}

// An if: in the body filters: an element that lacks one of its outs is in no list, so that the lists stay aligned.
func TestEachFilters(t *testing.T) {
	f := newFlow()
	g := f.each("g", lit(ints(0, 5, 0, 7)), func(b *flow) {
		b.out("out", of(b.task("x", reads(b.elem("", value.Int), value.Int), when(b.elem("value", value.Int)))))
		b.out("index", b.elem("index", value.Int))
	})
	f.out("list", port(g, "out"))
	f.out("index", port(g, "index"))
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{6, 8}, numbers(t, output(t, res, "list")))
	require.Equal(t, []int64{1, 3}, numbers(t, output(t, res, "index")))
	require.Equal(t, "skipped (g[2].x was not taken)", l.of("g[2].x"))
}

// Two groups, one in the other; the inner body reads both elements and a task outside of both.
func TestEachNests(t *testing.T) {
	rows, err := value.FromJSON("list<list<int>>", []byte("[[1,2],[],[3]]"))
	require.NoError(t, err)
	f := newFlow()
	a := f.task("a")
	g := f.each("g", lit(rows), func(b *flow) {
		h := b.each("h", b.elem("", "list<int>"), func(c *flow) {
			c.out("out", of(c.task("x", in(c.elem("", value.Int), b.elem("index", value.Int), of(a)))))
		})
		b.out("out", port(h, "out"))
	})
	f.out("list", port(g, "out"))
	require.Equal(t, []*graph.Node{a}, g.Deps)
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	want, err := value.FromJSON("list<list<int>>", []byte("[[3,4],[],[7]]"))
	require.NoError(t, err)
	require.Equal(t, want, output(t, res, "list"))
	require.Equal(t, "running, done", l.of("g[0].h[1].x"))
	require.Equal(t, "running, done", l.of("g[1].h"))

	// A failure in the inner group is the run's, through both.
	_, l, err = f.execute(t, graph.Runner{Exec: failing("g[0].h[1].x")}, graph.Inputs{})
	require.EqualError(t, err, "g[0].h[1].x: boom")
	require.Equal(t, "running, failed", l.of("g[0].h"))
	require.Equal(t, "running, failed", l.of("g"))

	// Or it stays where an on_error takes it: the outer element is left out.
	g.Error.Skip = true
	res, _, err = f.execute(t, graph.Runner{Exec: failing("g[0].h[1].x")}, graph.Inputs{})
	require.NoError(t, err)
	want, err = value.FromJSON("list<list<int>>", []byte("[[],[7]]"))
	require.NoError(t, err)
	require.Equal(t, want, output(t, res, "list"))
}

func TestEachOverMap(t *testing.T) {
	m, err := value.FromJSON("map<int>", []byte(`{"b":2,"":1}`))
	require.NoError(t, err)
	f := newFlow()
	g := f.each("g", lit(m), func(b *flow) {
		b.out("key", b.elem("key", value.String))
		b.out("out", of(b.task("x", reads(b.elem("value", value.Int), value.Int))))
	})
	f.out("keys", port(g, "key"))
	f.out("list", port(g, "out"))
	res, _, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{2, 3}, numbers(t, output(t, res, "list")))
	keys, err := value.FromJSON("list<string>", []byte(`["","b"]`))
	require.NoError(t, err)
	require.Equal(t, keys, output(t, res, "keys"))
}

func TestEachOverFiles(t *testing.T) {
	files := []value.FileRef{{Path: "in/a.jpg", Size: 5, Digest: value.Digest{1}}, {Path: "in/.b", Size: 0, Digest: value.Digest{2}}}
	f := newFlow()
	g := f.each("g", trigger("files", "list<file>"), func(b *flow) {
		b.task("x", reads(b.elem("data", value.Bytes), value.Bytes), reads(b.elem("", value.File), value.File))
		b.out("stem", b.elem("stem", value.String))
		b.out("name", b.elem("name", value.String))
		b.out("path", b.elem("path", value.String))
		b.out("size", b.elem("size", value.Int))
		b.out("index", b.elem("index", value.Int))
	})
	for _, n := range []string{"stem", "name", "path", "size", "index"} {
		f.out(n, port(g, n))
	}
	s := &seen{}
	res, _, err := f.execute(t, graph.Runner{Exec: s.exec}, graph.Inputs{Files: files})
	require.NoError(t, err)
	require.Equal(t, value.Stored(value.Bytes, value.Digest{1}, 5), s.got["g[0].x"][0])
	ref, _ := s.got["g[1].x"][1].Inline()
	decoded, err := value.DecodeFile(ref)
	require.NoError(t, err)
	require.Equal(t, files[1], decoded)
	for name, want := range map[string]string{"stem": `["a",".b"]`, "name": `["a.jpg",".b"]`, "path": `["in/a.jpg","in/.b"]`} {
		list, err := value.FromJSON("list<string>", []byte(want))
		require.NoError(t, err)
		require.Equal(t, list, output(t, res, name))
	}
	require.Equal(t, []int64{5, 0}, numbers(t, output(t, res, "size")))
}

func TestPlainGroup(t *testing.T) {
	f := newFlow()
	a := f.task("a")
	g := f.plain("g", func(b *flow) {
		x := b.task("x", from(a))
		b.out("out", of(x))
		b.out("not", of(b.task("y", when(lit(value.OfBool(false))))))
	})
	f.out("out", port(g, "out"))
	f.out("not", port(g, "not"))
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 2, number(output(t, res, "out")))
	require.Equal(t, "g.y was not taken", cause(res, "not"))
	require.Equal(t, "running, done", l.of("g"))

	_, l, err = f.execute(t, graph.Runner{Exec: failing("g.x")}, graph.Inputs{})
	require.EqualError(t, err, "g.x: boom")
	require.Equal(t, "running, failed", l.of("g"))

	g.Error.Skip = true
	res, _, err = f.execute(t, graph.Runner{Exec: failing("g.x")}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "g.x failed: boom", cause(res, "out"))

	g.Error = graph.OnError{Values: map[string]value.Value{"out": value.OfInt(9)}}
	res, _, err = f.execute(t, graph.Runner{Exec: failing("g.x")}, graph.Inputs{})
	require.NoError(t, err)
	require.EqualValues(t, 9, number(output(t, res, "out")))
	require.Equal(t, "g.x failed: boom", cause(res, "not"))
}

func TestGroupNotTaken(t *testing.T) {
	f, g := chain(lit(ints(1)), when(lit(value.OfInt(0))))
	f.task("behind", reads(port(g, "out"), "list<int>"))
	_, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "skipped (g was not taken)", l.of("g"))
	require.Equal(t, "skipped (g was not taken)", l.of("behind"))
	require.Equal(t, "", l.of("g[0].x"))
}

// A list that is kept elsewhere is read element by element, and its reader closed.
func TestEachReadsStoredLists(t *testing.T) {
	k := &vault{}
	var items [][]byte
	for i := range 300 {
		items = append(items, []byte(strings.Repeat(string(rune('a'+i%26)), 1000)))
	}
	items[7] = make([]byte, value.InlineMax+1) // an element that is kept elsewhere itself
	list := k.put("list<bytes>", value.EncodeList(items))
	f := newFlow()
	g := f.each("g", lit(list), func(b *flow) {
		b.out("same", b.elem("", value.Bytes))
		b.out("x", of(b.task("x", reads(b.elem("", value.Bytes), value.Bytes))))
	})
	f.out("same", port(g, "same"))
	res, _, err := f.execute(t, graph.Runner{Open: k.open, Save: k.save}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, list.Digest, output(t, res, "same").Digest)

	// It is gone: the group fails, or is skipped where it says so.
	f2 := newFlow()
	h := f2.each("h", lit(value.Stored("list<bytes>", value.Digest{9}, 100)), func(b *flow) { b.out("same", b.elem("", value.Bytes)) })
	f2.out("same", port(h, "same"))
	_, _, err = f2.execute(t, graph.Runner{Open: k.open}, graph.Inputs{})
	require.ErrorContains(t, err, "h: reading list<bytes> 0900")
	h.Error.Skip = true
	res, _, err = f2.execute(t, graph.Runner{Open: k.open}, graph.Inputs{})
	require.NoError(t, err)
	require.Contains(t, cause(res, "same"), "h failed: ")
}

// Many elements behind a slow first one: they all run meanwhile.
func TestEachDoesNotWaitForASlowElement(t *testing.T) {
	const n = 500
	f, _ := chain(lit(ints(make([]int64, n)...)), parallel(2))
	var rest sync.WaitGroup
	rest.Add(n - 1)
	res, _, err := f.execute(t, graph.Runner{Exec: func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch {
		case inv.Path == "g[0].x":
			rest.Wait()
		case strings.HasSuffix(inv.Path, ".y") && inv.Path != "g[0].y":
			rest.Done()
		}
		return gave(sum(inv)), nil
	}}, graph.Inputs{})
	require.NoError(t, err)
	require.Len(t, numbers(t, output(t, res, "list")), n)
}

func ExampleCause() {
	fmt.Println(&graph.Cause{Why: graph.NotTaken, Path: "photos[3].small"})
	// Output: photos[3].small was not taken
}
