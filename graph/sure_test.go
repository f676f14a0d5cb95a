package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

func TestSure(t *testing.T) {
	f := newFlow()
	a := f.task("a")
	maybeNot := f.task("b", when(of(a)))
	spared := f.task("c", onErrorSkip)
	valued := f.task("d", onError(value.OfInt(1)))
	half := f.task("e", func(_ *flow, n *graph.Node) {
		n.Outputs = append(n.Outputs, value.Port{Name: "more", Type: value.Int, Optional: true})
	})
	g := f.plain("g", func(b *flow) {
		b.out("out", of(b.task("x", from(a))))
		b.out("not", of(b.task("y", from(maybeNot))))
	})
	h := f.zip("h", of(f.over("i", lit(ints(1)))), of(f.over("j", lit(ints(1)), when(of(a)))))
	k := f.zip("k", of(f.over("l", lit(ints(1)))), lit(ints(1)))
	want := map[string]bool{}
	for name, w := range map[string]struct {
		src  graph.Source
		sure bool
	}{
		"a task": {of(a), true}, "not taken": {of(maybeNot), false}, "behind it": {of(f.task("z", from(maybeNot))), false},
		"left out": {of(spared), false}, "with a value": {of(valued), true}, "not optional": {of(half), true}, "optional": {port(half, "more"), false},
		"of a group": {of(g), true}, "not of a group": {port(g, "not"), false}, "over what may not be": {of(h), false}, "side by side": {of(k), true},
		"literal": {lit(ints()), true},
	} {
		f.out(name, w.src)
		want[name] = w.sure
	}
	for i, sure := range f.g.Sure() {
		require.Equal(t, want[f.g.Outputs[i].Name], sure, f.g.Outputs[i].Name)
	}
}

// Every node is looked at once, however many ways lead to it.
func TestSureOfManyWays(t *testing.T) {
	f := newFlow()
	n := f.task("n")
	for range 200 {
		n = f.task("n", from(n, n))
	}
	f.out("n", of(n))
	require.Equal(t, []bool{true}, f.g.Sure())
}
