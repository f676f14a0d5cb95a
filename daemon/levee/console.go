package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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
	file   string                 // of a per-file run
	nodes  map[string]*graph.Node // of the workflow itself, by id
	sums   map[string]*tally      // of what lies in groups, by the group's id
	wide   int
	whys   int

	cancelled int
	waits     int

	underway
}

// shownError is how much of a failure stands in a line; the history has it all.
const shownError = 500

// tally sums up the invocations of a group.
type tally struct {
	ran, cached, failed, skipped int
	first, last                  time.Time
}

// update is what node_update and node_progress events say.
type update struct {
	Status    string    `json:"status"`
	Cached    bool      `json:"cached"`
	Type      string    `json:"node_type"`
	Started   time.Time `json:"started_at"`
	Completed time.Time `json:"completed_at"`
	CompileUS int64     `json:"compile_us"`
	Error     string    `json:"error"`
	Cause     string    `json:"cause"`
	Total     int       `json:"total"`
	Ended     int       `json:"ended"`
	Lost      int       `json:"lost"`
	Progress  int64     `json:"progress"`
}

func newConsole(a *app, d *daemon.Daemon, flow *daemon.Workflow) *console {
	c := &console{a: a, d: d, flow: flow, nodes: make(map[string]*graph.Node), sums: make(map[string]*tally)}
	for _, n := range flow.Graph.Nodes {
		c.nodes[n.ID] = n
		c.wide = max(c.wide, len(n.ID))
	}
	return c
}

func (c *console) event(e journal.Event) {
	switch e.Type {
	case "node_update", "node_progress":
		var u update
		if json.Unmarshal(e.Data, &u) != nil {
			return
		}
		id, rest := split(e.Node)
		n := c.nodes[id]
		switch {
		case n == nil:
		case e.Type == "node_progress":
			if rest == "" { // of a group: its elements
				c.progress(id, u.Progress, int64(u.Total))
			}
		case rest != "":
			c.inGroup(id, n, &e, &u)
		case n.Kind == graph.Task:
			c.task(n, &e, &u)
		default:
			c.group(n, e.At, &u)
		}
	case "log_update":
		var l struct{ Content string }
		if json.Unmarshal(e.Data, &l) == nil {
			c.line("%s%s: %s", c.indent, e.Node, l.Content)
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

func (c *console) task(n *graph.Node, e *journal.Event, u *update) {
	var state, note string
	switch u.Status {
	case "completed":
		state = "cached"
		if !u.Cached {
			state, note = "ran", c.ran(n, e.Run, u)
		}
	case "skipped":
		state, note = "skipped", u.Cause
	case "error":
		state, note = "FAILED", daemon.Clip(u.Error, shownError)
	case "cancelled":
		state = "cancelled"
		c.cancelled++
	case "suspended":
		state, note = "waits", u.Cause
		c.waits++
	default:
		return
	}
	c.ended(n.ID)
	c.node(n, n.Uses, state, note)
	if state == "FAILED" {
		c.said(e)
	}
}

// ran says how long a node took, and why it was not found in the cache.
func (c *console) ran(n *graph.Node, run string, u *update) string {
	note := took(u.Completed.Sub(u.Started))
	if compiling := time.Duration(u.CompileUS) * time.Microsecond; compiling >= time.Millisecond {
		note += fmt.Sprintf("  (compiling it took %s, once)", took(compiling))
	}
	if why := c.why(run, n.ID); why != "" {
		note += "  " + why
	}
	return note
}

// mostWhys bounds the look-ups for reasons: the first ones tell what changed, the rest follows from them.
const mostWhys = 20

// why says nothing about per-file runs: the result that is most like theirs is another file's.
func (c *console) why(run, path string) string {
	if c.whys >= mostWhys || c.file != "" {
		return ""
	}
	c.whys++
	return c.d.WhyRan(context.Background(), c.flow, run, path)
}

// saidLines is how much of what a failed node said is printed beside its failure.
const saidLines = 5

// said prints the end of what a node said before it failed, where that is beyond what was told.
func (c *console) said(e *journal.Event) {
	lines := strings.Split(strings.TrimRight(string(c.d.Said(context.Background(), e.Run, e.Node)), "\n"), "\n")
	for _, line := range lines[min(len(lines), max(journal.MostSaid, len(lines)-saidLines)):] {
		c.line("%s    %s", c.indent, line)
	}
}

func (c *console) inGroup(id string, n *graph.Node, e *journal.Event, u *update) {
	t := c.sums[id]
	if t == nil {
		t = &tally{first: e.At}
		c.sums[id] = t
	}
	t.last = e.At
	if isGroup := u.Type == "each" || u.Type == "repeat" || u.Type == "group"; isGroup && u.Status != "skipped" {
		return
	}
	switch u.Status {
	case "completed":
		if u.Cached {
			t.cached++
		} else {
			t.ran++
		}
	case "skipped":
		t.skipped++
	case "cancelled":
		c.cancelled++
	case "suspended":
		c.waits++
		c.line("%s%s%s waits: %s", c.indent, e.Node, c.element(n, e), u.Cause)
	case "error":
		t.failed++
		c.line("%s%s%s: %s", c.indent, e.Node, c.element(n, e), daemon.Clip(u.Error, shownError))
		c.said(e)
	}
}

// element names the file that an element of trigger.files is.
func (c *console) element(n *graph.Node, e *journal.Event) string {
	if n.Over == nil || n.Over.Kind != graph.FromTrigger || n.Over.Type != value.Type("list<file>") {
		return ""
	}
	_, rest := split(e.Node)
	number, _, _ := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	i, err := strconv.Atoi(number)
	if err != nil {
		return ""
	}
	if name := c.d.TriggerFile(context.Background(), e.Run, i); name != "" {
		return " (" + name + ")"
	}
	return ""
}

func (c *console) group(n *graph.Node, at time.Time, u *update) {
	t := c.sums[n.ID]
	if t == nil {
		t = &tally{first: at, last: at}
		c.sums[n.ID] = t
	}
	kind := "group"
	switch n.Kind {
	case graph.Each:
		kind = fmt.Sprintf("each of %d", u.Total)
	case graph.Repeat:
		kind = fmt.Sprintf("up to %s", daemon.CountText(n.Repeat.Max, "turn"))
	}
	switch u.Status {
	case "running":
		t.first = at
		c.begun(n.ID, true)
	case "completed":
		note := fmt.Sprintf("%d ran, %d cached", t.ran, t.cached)
		if t.skipped > 0 {
			note += fmt.Sprintf(", %d skipped", t.skipped)
		}
		if u.Lost > 0 {
			note += fmt.Sprintf(", %s failed and left out", daemon.CountText(u.Lost, "element"))
		}
		c.ended(n.ID)
		c.node(n, kind, "done", took(at.Sub(t.first))+"  "+note)
	case "error":
		c.ended(n.ID)
		c.node(n, kind, "FAILED", u.Cause)
	case "suspended":
		c.ended(n.ID)
		c.node(n, kind, "waits", u.Cause)
	}
}

func (c *console) node(n *graph.Node, what, state, note string) {
	if len(what) > 28 {
		what = what[:25] + "..."
	}
	c.printf("%s %s", daemon.Printable(fmt.Sprintf("%slevel %d  %-*s  %-18s ", c.indent, n.Level+1, c.wide, n.ID, what)),
		strings.TrimRight(c.paint(state)+" "+daemon.Printable(note), " "))
}

// paint pads a state to its column, in its colour.
func (c *console) paint(state string) string {
	text := fmt.Sprintf("%-7s", state)
	colour := map[string]string{"cached": "2", "FAILED": "31", "skipped": "33", "cancelled": "33", "waits": "33"}[state]
	if colour == "" || !c.a.colors(c.a.err) {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (c *console) line(format string, args ...any) {
	c.printf("%s", daemon.Printable(strings.TrimRight(fmt.Sprintf(format, args...), " ")))
}

func (c *console) printf(format string, args ...any) { fmt.Fprintf(c.a.err, format+"\n", args...) }

func (c *console) end(r *daemon.Result) {
	n := r.Counts.Ran + r.Counts.Cached + r.Counts.Failed + r.Counts.Skipped + c.cancelled + c.waits
	parts := []string{fmt.Sprintf("%d ran", r.Counts.Ran), fmt.Sprintf("%d cached", r.Counts.Cached)}
	for _, more := range []struct {
		n    int
		what string
	}{{r.Counts.Failed, "failed"}, {r.Counts.Skipped, "skipped"}, {c.cancelled, "cancelled"}, {c.waits, "waiting"}} {
		if more.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", more.n, more.what))
		}
	}
	if len(r.Written) > 0 {
		parts = append(parts, "wrote "+listText(r.Written, 3))
	}
	c.line("%s%s: %s, %s  run %s %s", c.indent, daemon.CountText(n, "node"), strings.Join(parts, ", "), took(r.Duration), r.ID[:8], r.Status)
}

func listText(list []string, most int) string {
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}

func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	case d < 10*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
