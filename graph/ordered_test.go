package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

func TestOrdered(t *testing.T) {
	f := newFlow()
	a := f.task("a")
	b := f.task("b", from(a))
	c := f.task("c", after(b))
	d := f.task("d", from(a))
	plain := f.plain("plain", func(b *flow) { b.task("x", from(d)) })

	producer := f.task("producer", func(_ *flow, n *graph.Node) {
		n.Outputs = []value.Port{{Name: "out", Type: value.ListOf(value.Int), Stream: true}}
	})
	first := f.over("first", of(producer))
	second := f.over("second", of(first))
	third := f.over("third", of(second))
	ended := f.over("ended", of(first), after(first))
	behind := f.task("behind", after(third))
	gaps := f.over("gaps", of(a), onErrorSkip)
	spared := f.over("spared", of(gaps))

	for _, c := range []struct {
		a, b       *graph.Node
		same, want bool
	}{
		{a, b, false, true}, {a, c, false, true}, {b, d, false, false}, {c, d, false, false},
		{a, plain, false, true}, {d, plain, false, true}, {b, plain, false, false},
		{producer, first, false, false}, {producer, third, false, false}, {producer, ended, false, true}, {producer, behind, false, true},
		{first, second, false, false}, {first, second, true, true}, {first, third, true, true}, {first, third, false, false},
		{second, ended, true, false}, {first, ended, false, true}, {first, behind, false, true}, {second, behind, false, true},
		{gaps, spared, false, true}, {a, spared, false, true},
	} {
		require.Equal(t, c.want, graph.Ordered(c.a, c.b, c.same), "%s %s %v", c.a.ID, c.b.ID, c.same)
		require.Equal(t, c.want, graph.Ordered(c.b, c.a, c.same), "%s %s %v", c.b.ID, c.a.ID, c.same)
	}
}

func TestInTurn(t *testing.T) {
	f := newFlow()
	producer := f.task("producer", func(_ *flow, n *graph.Node) {
		n.Outputs = []value.Port{{Name: "out", Type: value.ListOf(value.Int), Stream: true}}
	})
	one := f.over("one", of(producer), parallel(1))
	several := f.over("several", of(one))
	loose := f.over("loose", of(several), parallel(1))
	behind := f.over("behind", of(several), parallel(1), after(several))
	turn := f.over("turn", of(one), parallel(1))
	for n, want := range map[*graph.Node]bool{one: true, several: false, loose: false, behind: true, turn: true} {
		require.Equal(t, want, n.InTurn(), n.ID)
	}
}
