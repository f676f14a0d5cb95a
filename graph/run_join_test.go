package graph_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// ports gives a task one input for each source, of which the node type says what p says.
func ports(p value.Port, srcs ...graph.Source) option {
	return func(f *flow, n *graph.Node) {
		n.Type = &graph.Type{}
		for _, s := range srcs {
			f.dependOn(n, s)
			n.Inputs = append(n.Inputs, graph.Input{Sources: []graph.Source{s}, Type: p.Type})
			n.Type.Inputs = append(n.Type.Inputs, p)
		}
	}
}

var (
	maybe    = value.Port{Name: "x", Type: value.Int, Optional: true}
	required = value.Port{Name: "x", Type: value.Int}
	nine     = value.Port{Name: "x", Type: value.Int, Default: json.RawMessage("9")}
)

// joins has branches of all fates:
//
//	yes    taken                        gives 1
//	no     not taken -> behind (skipped)
//	mute   runs, gives nothing
//	bad    fails, on_error: skip -> below (skipped)
//	group  its output is that of a node that was not taken
func joins() (f *flow, yes, no, behind, mute, bad, below, group graph.Source) {
	f = newFlow()
	off := when(lit(value.OfBool(false)))
	n, b := f.task("no", off), f.task("bad", onErrorSkip)
	g := f.plain("g", func(body *flow) { body.out("out", of(body.task("in", off))) })
	return f, of(f.task("yes")), of(n), of(f.task("behind", from(n))), of(f.task("mute")), of(b), of(f.task("below", from(b))), of(g)
}

func TestJoins(t *testing.T) {
	list := func(optional bool, srcs ...graph.Source) option {
		return func(f *flow, n *graph.Node) {
			in(srcs...)(f, n)
			n.Type = &graph.Type{Signature: value.Signature{Inputs: []value.Port{{Name: "x", Type: "list<int>", Optional: optional}}}}
		}
	}
	choices := func(srcs ...graph.Source) option {
		return func(f *flow, n *graph.Node) {
			ports(maybe, srcs...)(f, n)
			for k := range n.Type.Inputs {
				n.Type.Inputs[k].Type = "T"
			}
		}
	}
	f, yes, no, behind, mute, bad, below, group := joins()
	five := lit(value.OfInt(5))
	one, nothing := value.OfInt(1), value.Value{}
	cases := []struct {
		id   string
		opt  option
		gets []value.Value
		says string
	}{
		{"join", ports(maybe, no, yes), []value.Value{nothing, one}, ""},
		{"through", ports(maybe, behind, yes), []value.Value{nothing, one}, ""},
		{"silent", ports(maybe, yes, mute), []value.Value{one, nothing}, ""},
		{"grouped", ports(maybe, group, yes), []value.Value{nothing, one}, ""},
		{"default", ports(nine, no, yes), []value.Value{value.OfInt(9), one}, ""},
		{"none", ports(maybe, behind, mute), nil, "skipped (no was not taken)"},
		{"second", ports(maybe, mute, no), nil, "skipped (mute gave no out)"},
		{"literal", ports(maybe, five, no), nil, "skipped (no was not taken)"},
		{"choice", choices(no, five), []value.Value{nothing, value.OfInt(5)}, ""},
		{"unchosen", choices(no, mute), nil, "skipped (no was not taken)"},
		{"chosen", choices(five, bad), nil, "skipped (bad failed: boom)"},
		{"alone", ports(nine, no), nil, "skipped (no was not taken)"},
		{"needs", ports(required, yes, no), nil, "skipped (no was not taken)"},
		{"failed", ports(maybe, yes, bad), nil, "skipped (bad failed: boom)"},
		{"failing", ports(maybe, no, below, yes), nil, "skipped (bad failed: boom)"},
		{"list", list(true, no, yes, mute, yes), []value.Value{ints(1, 1)}, ""},
		{"empty", list(true, mute, no), nil, "skipped (mute gave no out)"},
		{"whole", list(false, yes, no), nil, "skipped (no was not taken)"},
		{"badlist", list(true, yes, bad), nil, "skipped (bad failed: boom)"},
	}
	for _, c := range cases {
		f.task(c.id, c.opt)
	}
	s := &seen{}
	_, l, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "mute":
			return []value.Value{{}}, nil
		case "bad":
			return nil, errBoom
		}
		return s.exec(ctx, inv)
	}}, graph.Inputs{})
	require.NoError(t, err)
	for _, c := range cases {
		require.Equal(t, c.gets, s.got[c.id], c.id)
		if c.says == "" {
			c.says = "running, done"
		}
		require.Equal(t, c.says, l.of(c.id), c.id)
	}
}

// if: takes no part in joining: a condition that never came skips the node.
func TestJoinsNeedTheirCondition(t *testing.T) {
	f, yes, no, _, _, _, _, _ := joins()
	f.task("x", ports(maybe, yes), when(no))
	_, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "skipped (no was not taken)", l.of("x"))
}

// A join inside of a group takes an element's branches; an element of which none was taken is left out.
func TestJoinsInGroups(t *testing.T) {
	f := newFlow()
	g := f.each("g", lit(ints(0, 1, 2)), func(b *flow) {
		e := b.elem("", value.Int)
		odd := b.task("odd", reads(e, value.Int), when(e))
		twice := b.task("twice", reads(of(odd), value.Int), when(b.elem("index", value.Int)))
		even := b.task("even", when(lit(value.OfBool(false))))
		b.out("out", of(b.task("join", ports(maybe, of(even), of(twice)))))
	})
	f.out("list", port(g, "out"))
	res, l, err := f.execute(t, graph.Runner{}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, []int64{4, 5}, numbers(t, output(t, res, "list")))
	require.Equal(t, "skipped (g[0].even was not taken)", l.of("g[0].join"))
}
