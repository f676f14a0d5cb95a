package daemon

import (
	"strings"
	"sync/atomic"

	"levee/graph"
)

// edge is a wire from an output of a node to an input of another one, or of a group: what a message calls it, and when its
// source is over for good: of a node in a group whose body runs several times, when the outermost such group is.
type edge struct {
	id    string
	until int // index of a node in the table
}

// edgeTable holds the edges of a workflow. It is made once and not changed.
type edgeTable struct {
	edges []edge
	nodes map[*graph.Node]int
	outs  [][]outEdge // by node
}

type outEdge struct{ port, edge int }

func newEdgeTable(g *graph.Graph) *edgeTable {
	t := &edgeTable{nodes: make(map[*graph.Node]int)}
	until := make(map[*graph.Node]int)
	t.number(g, -1, until)
	t.outs = make([][]outEdge, len(t.nodes))
	g.Walk(func(n *graph.Node) {
		for i := range n.Inputs { // of a task
			for j := range n.Inputs[i].Sources {
				t.add(&n.Inputs[i].Sources[j], n.Site+"."+n.Type.Inputs[i].Name, until)
			}
		}
		if n.Over != nil {
			t.add(n.Over, n.Site, until)
		}
		for i := range n.Zip {
			t.add(&n.Zip[i].Over, n.Site+"."+n.Zip[i].Name, until)
		}
		if n.Body != nil {
			for i := range n.Body.Outputs {
				t.add(&n.Body.Outputs[i].From, n.Site+"."+n.Body.Outputs[i].Name, until)
			}
		}
	})
	for i := range g.Outputs {
		t.add(&g.Outputs[i].From, "outputs."+g.Outputs[i].Name, until)
	}
	return t
}

// number gives the nodes of a graph their indexes; many is that of the outermost group around whose body runs several times.
func (t *edgeTable) number(g *graph.Graph, many int, until map[*graph.Node]int) {
	for _, n := range g.Nodes {
		own := len(t.nodes)
		t.nodes[n] = own
		until[n] = own
		if many >= 0 {
			until[n] = many
		}
		if n.Body == nil {
			continue
		}
		inner := many
		if n.Kind != graph.Group && many < 0 {
			inner = own
		}
		t.number(n.Body, inner, until)
	}
}

func (t *edgeTable) add(from *graph.Source, target string, until map[*graph.Node]int) {
	if from.Kind != graph.FromNode {
		return
	}
	for port, p := range from.Node.Outputs {
		if p.Name == from.Port {
			at := t.nodes[from.Node]
			t.outs[at] = append(t.outs[at], outEdge{port, len(t.edges)})
			t.edges = append(t.edges, edge{id: from.Node.Site + "." + from.Port + "->" + target, until: until[from.Node]})
			return
		}
	}
}

// edgeCounts counts what has gone along the edges of a run. Who counts holds the graph's lock, who looks does not.
type edgeCounts struct {
	table *edgeTable
	count []atomic.Int64
	over  []atomic.Bool // by node
	told  []int64       // what was said last: the count, or ^count when that was the end
}

func (c *edgeCounts) start(t *edgeTable) {
	c.table = t
	c.count, c.over, c.told = make([]atomic.Int64, len(t.edges)), make([]atomic.Bool, len(t.nodes)), make([]int64, len(t.edges))
}

// again forgets what was counted: the run begins again. No node runs.
func (c *edgeCounts) again() {
	for i := range c.count {
		c.count[i].Store(0)
	}
	for i := range c.over {
		c.over[i].Store(false)
	}
}

// saw counts the outputs of a node that has ended.
func (c *edgeCounts) saw(e *graph.Event) {
	if e.State == graph.Running || e.State == graph.Retrying || e.State == graph.Progress {
		return
	}
	at, ok := c.table.nodes[e.Node]
	if !ok {
		return
	}
	c.over[at].Store(true)
	for _, out := range c.table.outs[at] {
		if out.port < len(e.Outputs) && !e.Outputs[out.port].IsZero() {
			c.count[out.edge].Add(1)
		}
	}
}

// edgeUpdate is a message about an edge.
type edgeUpdate struct {
	ID      string `json:"edge_id"`
	Status  string `json:"status"`
	Counter int64  `json:"counter"`
}

// mostEdges bounds the messages that one row holds.
const mostEdges = 500

// changed are the edges of which there is something new to say, in rows.
func (c *edgeCounts) changed() (rows [][]edgeUpdate) {
	var row []edgeUpdate
	for i := range c.told {
		n, over := c.count[i].Load(), c.over[c.table.edges[i].until].Load()
		if over {
			n = ^c.count[i].Load() // again: it is final now
		}
		if n == c.told[i] {
			continue
		}
		c.told[i] = n
		u := edgeUpdate{ID: c.table.edges[i].id, Status: "active", Counter: n}
		if over {
			u.Status, u.Counter = "completed", ^n
		}
		if row = append(row, u); len(row) == mostEdges {
			rows, row = append(rows, row), nil
		}
	}
	if len(row) > 0 {
		rows = append(rows, row)
	}
	return rows
}

// nodeAt finds the node of a path: photos[3].decode is photos.decode.
func (w *Workflow) nodeAt(path string) *graph.Node {
	if path == "" {
		return nil
	}
	site := path
	for {
		open := strings.IndexByte(site, '[')
		if open < 0 {
			return w.sites()[site]
		}
		width := strings.IndexByte(site[open:], ']')
		if width < 0 {
			return nil
		}
		site = site[:open] + site[open+width+1:]
	}
}
