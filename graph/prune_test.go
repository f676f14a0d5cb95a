package graph

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPruneAndBehind(t *testing.T) {
	a := &Node{ID: "a", Site: "a", Outputs: nil}
	x := &Node{ID: "x", Site: "g.x"}
	y := &Node{ID: "y", Site: "g.y", Deps: []*Node{x}}
	z := &Node{ID: "z", Site: "g.z"}
	g := &Node{ID: "g", Site: "g", Kind: Each, Body: &Graph{Nodes: []*Node{y, x, z}}, Deps: []*Node{a}}
	b := &Node{ID: "b", Site: "b", Deps: []*Node{g}}
	c := &Node{ID: "c", Site: "c", Deps: []*Node{a}}
	flow := &Graph{Nodes: []*Node{b, g, c, a}, Outputs: []Output{
		{Name: "one", From: Source{Kind: FromNode, Node: a, Port: "p"}}, {Name: "two", From: Source{Kind: FromNode, Node: b, Port: "p"}},
		{Name: "three", From: Source{Kind: FromNode, Node: a, Port: "p"}, Names: &Source{Kind: FromNode, Node: c}},
	}}
	for _, c := range []struct{ from, want []string }{
		{[]string{"a"}, []string{"a", "b", "c", "g"}},
		{[]string{"g"}, []string{"b", "g"}},
		{[]string{"g.x"}, []string{"b", "g.x", "g.y"}},
		{[]string{"g.z"}, []string{"b", "g.z"}},
		{[]string{"c", "g.y"}, []string{"b", "c", "g.y"}},
		{nil, nil},
	} {
		require.Equal(t, c.want, slices.Sorted(maps.Keys(Behind(flow, c.from))), c.from)
	}
	part := Prune(flow, []string{"g.x"})
	require.Equal(t, []*Node{g, a}, part.Nodes)
	require.Len(t, part.Outputs, 1)
	require.Equal(t, "one", part.Outputs[0].Name)
	require.Len(t, flow.Nodes, 4, "what it was made of stays")
	_, near := flow.Site("g.xx")
	require.Equal(t, "g.x", near)
}
