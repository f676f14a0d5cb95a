package graph

import "levee/graph/value"

// rawGraph is a graph whose wires are still texts.
type rawGraph struct {
	owner *rawNode // the group whose body it is, nil for the workflow
	nodes []*rawNode
	ids   map[string]*rawNode
	out   []rawOutput
	order []*rawNode // the nodes, what they depend on first
}

// parent is the graph around, nil for the workflow.
func (g *rawGraph) parent() *rawGraph {
	if g.owner == nil {
		return nil
	}
	return g.owner.graph
}

// ports names the outputs of a body, before their types are known.
func (g *rawGraph) ports() []value.Port {
	ports := make([]value.Port, len(g.out))
	for i := range g.out {
		ports[i].Name = g.out[i].name
	}
	return ports
}

// walk visits all nodes, a group before its body.
func (g *rawGraph) walk(visit func(*rawNode)) {
	if g == nil {
		return
	}
	for _, n := range g.nodes {
		visit(n)
		n.body.walk(visit)
	}
}

// rawNode is what the file says of a node beyond its Node, and what the checker finds out.
type rawNode struct {
	node     *Node
	graph    *rawGraph // that it is in
	body     *rawGraph // of a group
	usesPos  Pos
	gpuPos   Pos
	with, in []field
	cond     *tree // if:
	over     []rawLane
	until    *tree
	carry    []rawCarry
	after    []*tree // ids
	onError  *tree   // the map of values
	broken   bool    // its ports cannot be known: nothing is said about wires to and from them

	inWires   map[string][]wire // by port, those of in: that lead somewhere
	condWire  *wire
	untilWire *wire
	deps      []dep
	isDep     map[*rawNode]bool
	fanOut    int
	typed     bool                  // outputs is there
	outputs   map[string]value.Type // "": unknown, which was reported
}

// rawLane is one of the lists that an each group goes over; the only one has no name.
type rawLane struct {
	name string
	pos  Pos
	from *tree
	wire *wire
	typ  value.Type // "" when unknown
}

// rawCarry is a value that a turn hands to the next.
type rawCarry struct {
	name           string
	pos            Pos
	from, next     *tree
	fromAt, nextAt *wire
	typ            value.Type // of from; "" when unknown
}

// dep is a sibling that must end first, and the first wire that says so.
type dep struct {
	on  *rawNode
	pos Pos
}

type rawOutput struct {
	name        string
	pos         Pos
	from, names *tree
	file        string
	filePos     Pos
	wire        *wire
	typ         value.Type // of the wire; "" when unknown
	namesWire   *wire
	namesFrom   *Source
}
