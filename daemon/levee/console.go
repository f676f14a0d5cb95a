package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
)

// console prints the progress of one run: a line per node of the workflow, groups summed up.
type console struct {
	a      *app
	d      *daemon.Daemon
	flow   *daemon.Workflow
	indent string
	nodes  map[string]*graph.Node // of the workflow itself, by id
	sums   map[string]*tally      // of what lies in groups, by the group's id
	live   bool                   // the last line is one that will be written over
	wide   int
	tty    bool
	shown  int
}

// tally sums up the invocations of a group.
type tally struct {
	ran, cached, failed, skipped int
	first, last                  time.Time
}

// update is what node_update events say.
type update struct {
	Status    string `json:"status"`
	Cached    bool   `json:"cached"`
	Type      string `json:"type"`
	Micros    int64  `json:"us"`
	CompileUS int64  `json:"compile_us"`
	Error     string `json:"error"`
	Cause     string `json:"cause"`
	Group     bool   `json:"group"`
	Total     int    `json:"total"`
	Ended     int    `json:"ended"`
	Lost      int    `json:"lost"`
}

func newConsole(a *app, d *daemon.Daemon, flow *daemon.Workflow) *console {
	c := &console{a: a, d: d, flow: flow, nodes: make(map[string]*graph.Node), sums: make(map[string]*tally), tty: a.terminal(a.err)}
	for _, n := range flow.Graph.Nodes {
		c.nodes[n.ID] = n
		c.wide = max(c.wide, len(n.ID))
	}
	return c
}

func (c *console) event(e journal.Event) {
	switch e.Type {
	case "node_update":
		var u update
		if json.Unmarshal(e.Data, &u) != nil {
			return
		}
		id, rest := split(e.Node)
		n := c.nodes[id]
		if n == nil {
			return
		}
		switch {
		case rest != "":
			c.inGroup(id, n, e.At, &u)
		case n.Kind == graph.Task:
			c.task(n, e.Run, &u)
		default:
			c.group(n, e.At, &u)
		}
	case "log_update":
		var l struct{ Content string }
		if json.Unmarshal(e.Data, &l) == nil {
			c.line("%s: %s", e.Node, l.Content)
		}
	}
}

// split cuts a path behind the workflow's own node.
func split(path string) (id, rest string) {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

func (c *console) task(n *graph.Node, run string, u *update) {
	var state, note string
	switch {
	case u.Status == "completed" && u.Cached:
		state = "cached"
	case u.Status == "completed":
		state, note = "ran", took(time.Duration(u.Micros)*time.Microsecond)
		if u.CompileUS > 0 {
			note += fmt.Sprintf(" (%s of it to compile or load, once)", took(time.Duration(u.CompileUS)*time.Microsecond))
		}
		if why := c.why(run, n.ID); why != "" {
			note += "  " + why
		}
	case u.Status == "skipped":
		state, note = "skipped", u.Cause
	case u.Status == "failed":
		state, note = "FAILED", u.Error
	case u.Status == "cancelled":
		state = "cancelled"
	default:
		return
	}
	c.node(n, n.Uses, state, note)
}

// mostWhys bounds the look-ups for reasons: the first ones tell what changed, the rest follows from them.
const mostWhys = 20

func (c *console) why(run, path string) string {
	if c.shown >= mostWhys {
		return ""
	}
	c.shown++
	return c.d.WhyRan(context.Background(), c.flow, run, path)
}

func (c *console) inGroup(id string, n *graph.Node, at time.Time, u *update) {
	t := c.sums[id]
	if t == nil {
		t = &tally{first: at}
		c.sums[id] = t
	}
	t.last = at
	if u.Group {
		return
	}
	switch {
	case u.Status == "completed" && u.Cached:
		t.cached++
	case u.Status == "completed":
		t.ran++
	case u.Status == "skipped":
		t.skipped++
	case u.Status == "failed":
		t.failed++
		c.line("%s: %s", n.Site, u.Error)
	}
}

func (c *console) group(n *graph.Node, at time.Time, u *update) {
	t := c.sums[n.ID]
	if t == nil {
		t = &tally{first: at, last: at}
		c.sums[n.ID] = t
	}
	kind := "group"
	if n.Kind == graph.Each {
		kind = fmt.Sprintf("each of %d", u.Total)
	}
	switch u.Status {
	case "running":
		t.first = at
	case "progress":
		c.rewrite("%slevel %d  %-*s  %d/%d", c.indent, n.Level+1, c.wide, n.ID, u.Ended, u.Total)
	case "completed":
		note := fmt.Sprintf("%d ran, %d cached", t.ran, t.cached)
		if t.skipped > 0 {
			note += fmt.Sprintf(", %d skipped", t.skipped)
		}
		if u.Lost > 0 {
			note += fmt.Sprintf(", %d elements failed and were left out", u.Lost)
		}
		c.node(n, kind, "done", note+"  "+took(at.Sub(t.first)))
	case "failed":
		c.node(n, kind, "FAILED", u.Cause)
	}
}

func (c *console) node(n *graph.Node, what, state, note string) {
	if len(what) > 28 {
		what = what[:25] + "..."
	}
	c.line("%slevel %d  %-*s  %-18s  %-7s %s", c.indent, n.Level+1, c.wide, n.ID, what, state, note)
}

func (c *console) line(format string, args ...any) {
	c.clear()
	fmt.Fprintln(c.a.err, daemon.Printable(strings.TrimRight(fmt.Sprintf(format, args...), " ")))
}

// rewrite prints a line that the next one takes the place of; on a terminal only.
func (c *console) rewrite(format string, args ...any) {
	if c.tty {
		c.clear()
		fmt.Fprint(c.a.err, daemon.Printable(fmt.Sprintf(format, args...)))
		c.live = true
	}
}

func (c *console) clear() {
	if c.live {
		fmt.Fprint(c.a.err, "\r\x1b[K")
		c.live = false
	}
}

func (c *console) end(r *daemon.Result) {
	n := r.Counts.Ran + r.Counts.Cached + r.Counts.Failed + r.Counts.Skipped
	parts := []string{fmt.Sprintf("%d ran", r.Counts.Ran), fmt.Sprintf("%d cached", r.Counts.Cached)}
	if r.Counts.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", r.Counts.Failed))
	}
	if r.Counts.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", r.Counts.Skipped))
	}
	if len(r.Written) > 0 {
		parts = append(parts, "wrote "+listText(r.Written, 3))
	}
	c.line("%s%s: %s, %s  run %s %s", c.indent, count(n, "node"), strings.Join(parts, ", "), took(r.Duration), r.ID[:8], r.Status)
}

func listText(list []string, most int) string {
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// printOutputs writes the results to stdout: small values as they are, large ones by what they are.
func (a *app) printOutputs(r *daemon.Result) {
	for _, o := range r.Outputs {
		fmt.Fprintf(a.out, "%s: %s\n", o.Name, showValue(o.Value))
	}
}

const shownBytes, shownRows = 2 << 10, 10

func showValue(v value.Value) string {
	enc, ok := v.Inline()
	if ok && v.Type == value.String && v.Size <= shownBytes {
		return daemon.PrintableLines(string(enc))
	}
	if ok && v.Type == value.Table {
		if text, err := showTable(enc); err == nil {
			return text
		}
	}
	if ok && v.Type != value.Bytes && v.Type != value.Image {
		if js, err := value.ToJSON(v.Type, enc, shownRows); err == nil && len(js) <= shownBytes {
			return daemon.Printable(string(js))
		}
	}
	return fmt.Sprintf("%s, %s (%s)", v.Type, daemon.SizeText(v.Size), v.Digest.Short())
}

// showTable writes the first rows of a table in columns.
func showTable(enc []byte) (string, error) {
	cols, rows, err := value.DecodeTable(enc)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table of %s\n", count(rows, "row"))
	tw := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	cells := func(cell func(*value.Column) string) {
		for i := range cols {
			sep := "  "
			if i > 0 {
				sep = "\t"
			}
			fmt.Fprint(tw, sep, daemon.Printable(cell(&cols[i])))
		}
		fmt.Fprintln(tw)
	}
	cells(func(c *value.Column) string { return c.Name })
	for i := range min(rows, shownRows) {
		cells(func(c *value.Column) string {
			if x := c.Cell(i); x != nil {
				return fmt.Sprint(x)
			}
			return ""
		})
	}
	tw.Flush()
	if rows > shownRows {
		fmt.Fprintf(&b, "  and %d more", rows-shownRows)
	}
	return strings.TrimRight(b.String(), "\n "), nil
}
