package graph_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"levee/graph"
	"levee/graph/value"
)

// randomFlow fills f with up to eight nodes, each wired to nodes before it in all the ways there are; tasks of which the id
// ends in "!" fail.
func randomFlow(t *rapid.T, f *flow, depth int) {
	var nodes []*graph.Node
	pick := func(label string) *graph.Node {
		if len(nodes) == 0 {
			return nil
		}
		return nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, label)]
	}
	for i := range rapid.IntRange(1, 8).Draw(t, "nodes") {
		id := fmt.Sprintf("n%d", i)
		var opts []option
		if n := pick("after"); n != nil && rapid.IntRange(0, 4).Draw(t, "has after") == 0 {
			opts = append(opts, after(n))
		}
		if n := pick("if"); n != nil && rapid.IntRange(0, 4).Draw(t, "has if") == 0 {
			opts = append(opts, when(of(n)))
		}
		switch rapid.IntRange(0, 9).Draw(t, "on error") {
		case 0, 1:
			opts = append(opts, onErrorSkip)
		case 2, 3:
			opts = append(opts, onError(value.OfInt(rapid.Int64Range(0, 3).Draw(t, "value"))))
		}
		if depth < 2 && rapid.IntRange(0, 5).Draw(t, "group") == 0 {
			nodes = append(nodes, randomGroup(t, f, nodes, id, depth, opts))
			continue
		}
		var srcs []graph.Source
		for range rapid.IntRange(0, 3).Draw(t, "inputs") {
			if n := pick("input"); n != nil && n.Outputs[0].Type == value.Int {
				srcs = append(srcs, of(n))
			}
		}
		switch {
		case f.group != nil && f.group.Zip != nil:
			srcs = append(srcs, f.elem("l0", value.Int), f.elem("l1", value.Int))
		case f.group != nil && f.group.Kind == graph.Each:
			srcs = append(srcs, f.elem("", value.Int))
		case f.group != nil && f.group.Kind == graph.Repeat:
			srcs = append(srcs, f.elem(rapid.SampledFrom([]string{"n", "index"}).Draw(t, "of the turn"), value.Int))
		}
		if f.outer != nil && len(f.outer.g.Nodes) > 1 && rapid.Bool().Draw(t, "reads outside") {
			if n := f.outer.g.Nodes[0]; n != f.group && n.Kind == graph.Task {
				srcs = append(srcs, of(n))
			}
		}
		if rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
			id += "!"
		}
		wires := in(srcs...)
		if len(srcs) > 0 && rapid.IntRange(0, 2).Draw(t, "joins") == 0 {
			wires = ports(maybe, srcs...)
		}
		nodes = append(nodes, f.task(id, append(opts, wires)...))
	}
	f.out("out", of(pick("out")))
}

// randomGroup adds a group: a plain one, one of turns, or one that goes over a list, the list of a group before it or two of these.
func randomGroup(t *rapid.T, f *flow, nodes []*graph.Node, id string, depth int, opts []option) *graph.Node {
	fill := func(b *flow) { randomFlow(t, b, depth+1) }
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return f.plain(id, fill, opts...)
	case 1:
		return randomTurns(t, f, id, fill, opts)
	}
	list := rapid.SliceOfN(rapid.Int64Range(0, 9), 0, 5).Draw(t, "list")
	opts = append(opts, parallel(rapid.IntRange(0, 3).Draw(t, "parallel")))
	var made []graph.Source
	for _, m := range nodes {
		if m.Kind == graph.Each && m.Outputs[0].Type == "list<int>" {
			made = append(made, of(m))
		}
	}
	var n *graph.Node
	switch over := rapid.IntRange(0, 2).Draw(t, "over"); {
	case over == 0 || len(made) == 0:
		n = f.each(id, lit(ints(list...)), fill, opts...)
	case over == 1:
		n = f.each(id, rapid.SampledFrom(made).Draw(t, "list of"), fill, opts...)
	default:
		n = &graph.Node{ID: id, Kind: graph.Each, As: "e"}
		for k := range 2 {
			src := rapid.SampledFrom(made).Draw(t, "lane")
			f.dependOn(n, src)
			n.Zip = append(n.Zip, graph.Lane{Name: fmt.Sprint("l", k), Over: src})
		}
		n = f.fill(n, fill, opts)
	}
	if n.Body.Outputs[0].From.Type != value.Int && n.Error.Values != nil {
		n.Error = graph.OnError{Skip: true}
	}
	return n
}

// randomTurns adds a group of turns that carry an int, made by a task of the body, and end at another.
func randomTurns(t *rapid.T, f *flow, id string, fill func(*flow), opts []option) *graph.Node {
	start := lit(value.OfInt(rapid.Int64Range(0, 3).Draw(t, "start")))
	return f.repeat(id, rapid.IntRange(1, 4).Draw(t, "turns"), start, func(b *flow) (next graph.Source, until *graph.Source) {
		fill(b)
		var ints []graph.Source
		for _, n := range b.g.Nodes {
			if n.Outputs[0].Type == value.Int {
				ints = append(ints, of(n))
			}
		}
		next = b.elem("index", value.Int)
		if len(ints) > 0 {
			next = rapid.SampledFrom(ints).Draw(t, "next")
			if rapid.Bool().Draw(t, "has until") {
				src := rapid.SampledFrom(ints).Draw(t, "until")
				until = &src
			}
		}
		return next, until
	}, opts...)
}

// reference runs a graph one node after the other. It knows nothing of queues, scopes or locks.
type reference struct {
	outer *reference
	graph *graph.Graph
	path  string
	elem  *value.Value // of an each group; of a repeat group what it carries
	other *value.Value // of an each group over two lists
	index int64
	group *graph.Node
	vals  map[*graph.Node]given
	ran   map[string]bool
}

// given is what a node gave: a value, or none, because something failed or because it was not taken.
type given struct {
	v      *value.Value
	failed bool
}

var errReference = errors.New("failed")

// run returns errReference when the graph fails.
func (r *reference) run() error {
	r.vals = map[*graph.Node]given{}
	for _, n := range r.graph.Nodes {
		v, err := r.node(n)
		each := n.Kind == graph.Each
		switch {
		case err == nil:
		case n.Error.Values != nil && !each:
			lit := n.Error.Values["out"]
			v = given{v: &lit}
		case n.Error.Skip && !each:
			v = given{failed: true}
		default:
			return err
		}
		r.vals[n] = v
	}
	return nil
}

func (r *reference) resolve(s *graph.Source) given {
	switch s.Kind {
	case graph.FromLiteral:
		return given{v: &s.Literal}
	case graph.FromElement:
		if s.Port == "index" {
			v := value.OfInt(r.index)
			return given{v: &v}
		}
		if s.Port == "l1" {
			return given{v: r.other}
		}
		return given{v: r.elem}
	}
	for ; r != nil; r = r.outer {
		if v, ok := r.vals[s.Node]; ok {
			return v
		}
	}
	panic("not evaluated: " + s.Node.Site)
}

func (r *reference) node(n *graph.Node) (given, error) {
	if n.If != nil {
		v := r.resolve(n.If)
		if v.v == nil {
			return v, nil
		}
		if enc, _ := v.v.Inline(); !value.Truthy(v.v.Type, enc) {
			return given{}, nil
		}
	}
	if n.Kind != graph.Task {
		return r.body(n)
	}
	total, wires, absent := int64(1), 0, 0
	for k := range n.Inputs {
		for i := range n.Inputs[k].Sources {
			wires++
			v := r.resolve(&n.Inputs[k].Sources[i])
			switch {
			case v.v != nil:
				total += number(*v.v)
			case v.failed:
				return v, nil
			default:
				absent++
			}
		}
		if absent > 0 && n.Type == nil {
			return given{}, nil
		}
	}
	if wires > 0 && wires == absent {
		return given{}, nil
	}
	r.ran[r.path+n.ID] = true
	if strings.HasSuffix(n.ID, "!") {
		return given{}, errReference
	}
	v := value.OfInt(total % 4)
	return given{v: &v}, nil
}

func (r *reference) body(n *graph.Node) (given, error) {
	if n.Kind == graph.Group {
		in := &reference{outer: r, graph: n.Body, path: r.path + n.ID + ".", group: n, elem: r.elem, ran: map[string]bool{}}
		if err := in.run(); err != nil {
			return given{}, err
		}
		r.merge(in)
		return in.resolve(&n.Body.Outputs[0].From), nil
	}
	if n.Kind == graph.Repeat {
		return r.turns(n)
	}
	overs := []graph.Source{}
	if n.Over != nil {
		overs = append(overs, *n.Over)
	}
	for _, l := range n.Zip {
		overs = append(overs, l.Over)
	}
	var lanes [][][]byte
	for k := range overs {
		list := r.resolve(&overs[k])
		if list.v == nil {
			return list, nil
		}
		enc, _ := list.v.Inline()
		items, _ := value.Items(enc)
		lanes = append(lanes, items)
	}
	if last := lanes[len(lanes)-1]; len(lanes[0]) != len(last) {
		// It is the group that fails, whatever on_error makes of its elements.
		if n.Error.Skip {
			return given{failed: true}, nil
		}
		return given{}, errReference
	}
	var outs [][]byte
	for i, item := range lanes[0] {
		elem, other := value.OfInt(value.DecodeInt(item)), value.OfInt(value.DecodeInt(lanes[len(lanes)-1][i]))
		in := &reference{outer: r, graph: n.Body, path: fmt.Sprintf("%s%s[%d].", r.path, n.ID, i), group: n, elem: &elem, other: &other, ran: map[string]bool{}}
		err := in.run()
		switch {
		case err == nil:
			r.merge(in)
			if v := in.resolve(&n.Body.Outputs[0].From).v; v != nil {
				enc, _ := v.Inline()
				outs = append(outs, enc)
			}
		case n.Error.Values != nil:
			enc, _ := n.Error.Values["out"]
			raw, _ := enc.Inline()
			outs = append(outs, raw)
		case !n.Error.Skip:
			return given{}, err
		}
	}
	v, err := value.New(context.Background(), n.Outputs[0].Type, value.EncodeList(outs))
	return given{v: &v}, err
}

func (r *reference) turns(n *graph.Node) (given, error) {
	carry := r.resolve(&n.Repeat.Carry[0].From).v
	for i := 0; ; i++ {
		in := &reference{outer: r, graph: n.Body, path: fmt.Sprintf("%s%s[%d].", r.path, n.ID, i), group: n, elem: carry, index: int64(i), ran: map[string]bool{}}
		if err := in.run(); err != nil {
			return given{}, err
		}
		r.merge(in)
		last := i+1 == n.Repeat.Max
		if !last && n.Repeat.Until != nil {
			v := in.resolve(n.Repeat.Until).v
			if v == nil {
				return given{}, errReference
			}
			enc, _ := v.Inline()
			last = value.Truthy(v.Type, enc)
		}
		if last {
			return in.resolve(&n.Body.Outputs[0].From), nil
		}
		if carry = in.resolve(n.Repeat.Carry[0].Next).v; carry == nil {
			return given{}, errReference
		}
	}
}

func (r *reference) merge(in *reference) {
	for p := range in.ran {
		r.ran[p] = true
	}
}

// Whatever the graph: every node runs once at most, after all its deps; the result is that of the reference; and what the
// reference ran, ran.
func TestRunEqualsSequentialReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFlow()
		randomFlow(t, f, 0)
		ref := &reference{graph: f.g, ran: map[string]bool{}}
		refErr := ref.run()

		var mu sync.Mutex
		ran := map[string]int{}
		running, ended := map[string]bool{}, map[string]bool{}
		r := graph.Runner{InFlight: rapid.IntRange(1, 8).Draw(t, "in flight")}
		r.Exec = func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
			mu.Lock()
			defer mu.Unlock()
			ran[inv.Path]++
			if strings.HasSuffix(inv.Path, "!") {
				return nil, errBoom
			}
			return gave(sum(inv) % 4), nil
		}
		r.Observe = func(e graph.Event) {
			switch e.State {
			case graph.Running:
				running[e.Path] = true
				prefix := strings.TrimSuffix(e.Path, e.Node.ID)
				for _, d := range e.Node.Deps {
					if e.Node.Kind == graph.Each && d.Kind == graph.Each && running[prefix+d.ID] {
						continue // it may go over the other one's list while that grows
					}
					require.True(t, ended[prefix+d.ID], "%s runs before %s has ended", e.Path, d.ID)
				}
			case graph.Done, graph.Skipped, graph.Failed, graph.Cancelled:
				require.False(t, ended[e.Path], "%s ends twice", e.Path)
				ended[e.Path] = true
			}
		}
		res, err := graph.Run(t.Context(), f.g, graph.Inputs{}, r)
		require.Equal(t, refErr != nil, err != nil, "%v", err)
		for p, times := range ran {
			require.Equal(t, 1, times, "%s", p)
		}
		for _, n := range f.g.Nodes {
			require.True(t, ended[n.ID], "%s never ended", n.ID)
		}
		if err != nil {
			if !errors.Is(err, errBoom) {
				require.Regexp(t, `(\]: (carry n|until): .* (failed|was not taken|gave no)|Input data must be of equal length)`, err.Error())
			}
			return
		}
		for p := range ref.ran {
			require.Equal(t, 1, ran[p], "%s", p)
		}
		want := ref.resolve(&f.g.Outputs[0].From).v
		if want == nil {
			require.NotNil(t, res.Outputs[0].Cause)
			return
		}
		require.Equal(t, *want, res.Outputs[0].Value)
	})
}
