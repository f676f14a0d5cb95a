package graph_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"levee/graph"
	"levee/graph/value"
)

// flow builds a graph as Check would leave it: sites, Deps and levels set. Every task has one output "out" of type int and
// collects what is wired into it in one input of type list<int>.
type flow struct {
	g     *graph.Graph
	owns  map[*graph.Node]bool
	group *graph.Node // whose body this is
	outer *flow
}

func newFlow() *flow {
	return &flow{g: &graph.Graph{Name: "test"}, owns: map[*graph.Node]bool{}}
}

type option func(f *flow, n *graph.Node)

func (f *flow) add(n *graph.Node, opts []option) *graph.Node {
	n.Site = n.ID
	if f.group != nil {
		n.Site = f.group.Site + "." + n.ID
	}
	f.g.Nodes = append(f.g.Nodes, n)
	f.owns[n] = true
	for _, o := range opts {
		o(f, n)
	}
	return n
}

func (f *flow) task(id string, opts ...option) *graph.Node {
	n := &graph.Node{ID: id, Kind: graph.Task, Outputs: []value.Port{{Name: "out", Type: value.Int}}}
	return f.add(n, opts)
}

// each adds a group over src; fill builds its body.
func (f *flow) each(id string, src graph.Source, fill func(body *flow), opts ...option) *graph.Node {
	n := &graph.Node{ID: id, Kind: graph.Each, Over: &src, As: "e"}
	f.dependOn(n, src)
	return f.fill(n, fill, opts)
}

// repeat adds a group of turns that carry one int; fill builds its body and says what the next turn gets, and when to end.
func (f *flow) repeat(id string, most int, start graph.Source, fill func(body *flow) (next graph.Source, until *graph.Source), opts ...option) *graph.Node {
	n := &graph.Node{ID: id, Kind: graph.Repeat, Repeat: &graph.Turns{Max: most}, As: "t"}
	f.dependOn(n, start)
	return f.fill(n, func(b *flow) {
		next, until := fill(b)
		n.Repeat.Until = until
		n.Repeat.Carry = []graph.Carry{{Name: "n", From: start, Next: &next, Type: start.Type}}
	}, opts)
}

func (f *flow) plain(id string, fill func(body *flow), opts ...option) *graph.Node {
	return f.fill(&graph.Node{ID: id, Kind: graph.Group}, fill, opts)
}

func (f *flow) fill(n *graph.Node, fill func(body *flow), opts []option) *graph.Node {
	f.add(n, nil)
	body := &flow{g: &graph.Graph{}, owns: map[*graph.Node]bool{}, group: n, outer: f}
	n.Body = body.g
	fill(body)
	for _, o := range opts {
		o(f, n)
	}
	return n
}

// out names an output: of the workflow, or of the group that f is the body of.
func (f *flow) out(name string, src graph.Source) {
	f.g.Outputs = append(f.g.Outputs, graph.Output{Name: name, From: src})
	if f.group != nil {
		t := src.Type
		if f.group.Kind == graph.Each {
			t = value.ListOf(t)
		}
		f.group.Outputs = append(f.group.Outputs, value.Port{Name: name, Type: t})
	}
}

// dependOn adds what src needs to the Deps of n, or of the group around it that stands beside the producer.
func (f *flow) dependOn(n *graph.Node, src graph.Source) {
	switch {
	case src.Kind != graph.FromNode:
	case !f.owns[src.Node]:
		f.outer.dependOn(f.group, src)
	case !slices.Contains(n.Deps, src.Node):
		n.Deps = append(n.Deps, src.Node)
		n.Level = max(n.Level, src.Node.Level+1)
	}
}

func of(n *graph.Node) graph.Source { return port(n, "out") }

func port(n *graph.Node, name string) graph.Source {
	for _, p := range n.Outputs {
		if p.Name == name {
			return graph.Source{Kind: graph.FromNode, Node: n, Port: name, Type: p.Type}
		}
	}
	panic(n.ID + " has no port " + name)
}

// elem is the element of the group that f is the body of, or a field of it.
func (f *flow) elem(field string, t value.Type) graph.Source {
	return graph.Source{Kind: graph.FromElement, Node: f.group, Port: field, Type: t}
}

func lit(v value.Value) graph.Source {
	return graph.Source{Kind: graph.FromLiteral, Literal: v, Type: v.Type}
}

func ints(list ...int64) value.Value {
	enc := make([][]byte, len(list))
	for i, n := range list {
		enc[i], _ = value.OfInt(n).Inline()
	}
	v, err := value.New(context.Background(), "list<int>", value.EncodeList(enc))
	if err != nil {
		panic(err)
	}
	return v
}

// in wires sources into the task's list.
func in(srcs ...graph.Source) option {
	return func(f *flow, n *graph.Node) {
		for _, s := range srcs {
			f.dependOn(n, s)
		}
		n.Inputs = []graph.Input{{Sources: srcs, Collect: true, Type: "list<int>"}}
	}
}

// from wires the outputs of tasks.
func from(nodes ...*graph.Node) option {
	srcs := make([]graph.Source, len(nodes))
	for i, n := range nodes {
		srcs[i] = of(n)
	}
	return in(srcs...)
}

// reads wires one source into one port of its own type.
func reads(src graph.Source, t value.Type) option {
	return func(f *flow, n *graph.Node) {
		f.dependOn(n, src)
		n.Inputs = append(n.Inputs, graph.Input{Sources: []graph.Source{src}, Type: t})
	}
}

func gives(t value.Type) option {
	return func(_ *flow, n *graph.Node) { n.Outputs[0].Type = t }
}

func after(nodes ...*graph.Node) option {
	return func(f *flow, n *graph.Node) {
		n.After = append(n.After, nodes...)
		for _, a := range nodes {
			f.dependOn(n, graph.Source{Kind: graph.FromNode, Node: a})
		}
	}
}

func when(src graph.Source) option {
	return func(f *flow, n *graph.Node) {
		n.If = &src
		f.dependOn(n, src)
	}
}

func onErrorSkip(_ *flow, n *graph.Node) { n.Error.Skip = true }

func onError(v value.Value) option {
	return func(_ *flow, n *graph.Node) { n.Error.Values = map[string]value.Value{"out": v} }
}

func parallel(k int) option { return func(_ *flow, n *graph.Node) { n.Parallel = k } }

// number decodes an int value.
func number(v value.Value) int64 {
	enc, _ := v.Inline()
	return value.DecodeInt(enc)
}

func numbers(t testing.TB, v value.Value) []int64 {
	enc, ok := v.Inline()
	require.True(t, ok)
	items, err := value.Items(enc)
	require.NoError(t, err)
	list := []int64{}
	for _, it := range items {
		list = append(list, value.DecodeInt(it))
	}
	return list
}

// sum is what tasks compute unless a test says otherwise: 1 and all inputs.
func sum(inv *graph.Invocation) int64 {
	total := int64(1)
	for _, v := range inv.Inputs {
		switch enc, _ := v.Inline(); v.Type {
		case value.Int:
			total += value.DecodeInt(enc)
		case "list<int>":
			items, _ := value.Items(enc)
			for _, it := range items {
				total += value.DecodeInt(it)
			}
		}
	}
	return total
}

func gave(n int64) []value.Value { return []value.Value{value.OfInt(n)} }

func execSum(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
	return gave(sum(inv)), nil
}

// vault keeps large values, as a cache would.
type vault struct {
	mu     sync.Mutex
	byName map[value.Digest][]byte
	saves  int
}

func (k *vault) open(_ context.Context, v value.Value) (io.ReaderAt, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.byName[v.Digest]
	if !ok {
		return nil, fmt.Errorf("no value %s", v.Digest.Short())
	}
	return bytes.NewReader(b), nil
}

func (k *vault) put(t value.Type, b []byte) value.Value {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byName == nil {
		k.byName = map[value.Digest][]byte{}
	}
	d := value.Sum(b)
	k.byName[d] = b
	return value.Stored(t, d, int64(len(b)))
}

func (k *vault) save(ctx context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error) {
	b := bytes.Clone(prefix)
	for _, p := range parts {
		enc, ok := p.Inline()
		if !ok {
			k.mu.Lock()
			enc = k.byName[p.Digest]
			k.mu.Unlock()
			if enc == nil {
				return value.Value{}, errors.New("a part is not there")
			}
		}
		b = append(b, enc...)
	}
	k.mu.Lock()
	k.saves++
	k.mu.Unlock()
	return k.put(t, b), nil
}

func (k *vault) bytesOf(v value.Value) []byte {
	if enc, ok := v.Inline(); ok {
		return enc
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byName[v.Digest]
}

// trace writes down events as "state path" lines.
type trace struct {
	events []graph.Event
}

func (l *trace) observe(e graph.Event) { l.events = append(l.events, e) }

// of returns the states of one path in order, with the cause where there is one.
func (l *trace) of(path string) string {
	var list []string
	for _, e := range l.events {
		if e.Path != path || e.State == graph.Progress {
			continue
		}
		text := e.State.String()
		if e.Cause != nil && (e.State == graph.Skipped || e.State == graph.Cancelled) {
			text += " (" + e.Cause.String() + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// execute runs the flow and checks that it left no goroutine behind.
func (f *flow) execute(t *testing.T, r graph.Runner, inputs graph.Inputs) (*graph.Result, *trace, error) {
	t.Helper()
	return f.executeIn(t.Context(), t, r, inputs)
}

func (f *flow) executeIn(ctx context.Context, t *testing.T, r graph.Runner, inputs graph.Inputs) (*graph.Result, *trace, error) {
	t.Helper()
	already := goleak.IgnoreCurrent()
	l := &trace{}
	if r.Exec == nil {
		r.Exec = execSum
	}
	r.Observe = l.observe
	res, err := graph.Run(ctx, f.g, inputs, r)
	goleak.VerifyNone(t, already)
	return res, l, err
}

func output(t testing.TB, res *graph.Result, name string) value.Value {
	t.Helper()
	for _, o := range res.Outputs {
		if o.Output.Name == name {
			require.Nil(t, o.Cause)
			return o.Value
		}
	}
	t.Fatalf("no output %s", name)
	return value.Value{}
}

func cause(res *graph.Result, name string) string {
	for _, o := range res.Outputs {
		if o.Output.Name == name && o.Cause != nil {
			return o.Cause.String()
		}
	}
	return ""
}
