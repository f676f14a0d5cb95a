package daemon

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
)

// event queues a message. data is what it says beyond its type and place: a map or struct that becomes a JSON object.
func (r *Run) event(kind, path string, data any) {
	r.feed.put(&entry{event: message(r.rec.ID, kind, path, r.named(kind, path, data))})
}

// named adds what people call the node of a message.
func (r *Run) named(kind, path string, data any) any {
	n := r.flow.nodeAt(path)
	if n == nil {
		return data
	}
	m, ok := data.(map[string]any)
	if !ok {
		return data
	}
	if m["node_name"] == nil {
		m["node_name"] = nodeName(n)
	}
	if kind == "node_update" {
		m["node_type"] = typeName(n)
	}
	return m
}

// message makes an event of a run.
func message(run, kind, path string, data any) *journal.Event {
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		raw.Reset()
		_ = enc.Encode(map[string]string{"error": err.Error()}) // of a text: cannot fail
	}
	return &journal.Event{Run: run, At: time.Now(), Type: kind, Node: path, Data: bytes.TrimSpace(raw.Bytes())}
}

// groupEvery is how often a group says how far it is.
const groupEvery = 250 * time.Millisecond

// observe turns the graph's events into the run's: those of groups, and of tasks that never came to be invoked. It is called
// with the graph's lock held, so it only queues.
func (r *Run) observe(e graph.Event) {
	task := e.Node.Kind == graph.Task
	r.feed.known(&e)
	r.feed.edges.saw(&e)
	switch {
	case e.State == graph.Skipped:
		r.skipped.Add(1)
		at := time.Now()
		r.feed.put(&entry{inv: &journal.Invocation{
			Run: r.rec.ID, Path: e.Path, Site: e.Node.Site, Name: e.Node.Label, Attempt: 1, Status: journal.Skipped, Type: typeName(e.Node),
			Started: at, Ended: at, Cause: causeText(e.Cause),
		}})
	case task && e.State == graph.Retrying:
		r.failed.Add(-1) // the attempt failed, the node has not
		r.event("log_update", e.Path, map[string]any{"content": "trying again: " + e.Err.Error(), "severity": "warning"})
		if e.Wait > 0 {
			r.event("node_update", e.Path, map[string]any{"status": "waiting", "cause": fmt.Sprintf("attempt %d begins in %s", e.Attempt+1, e.Wait)})
		}
	case !task && e.State == graph.Progress:
		if now := time.Now(); now.Sub(r.told[e.Path]) >= groupEvery {
			r.told[e.Path] = now
			r.event("node_progress", e.Path, map[string]any{"progress": e.Ended, "total": e.Total, "lost": e.Lost})
		}
	case !task:
		r.groupUpdate(e)
	}
}

// causeText is short: all that hangs on a node repeats it, and what a node fails with may be long.
func causeText(c *graph.Cause) string { return Clip(c.String(), 300) }

// groupStatus gives what a group has come to the words of the messages.
var groupStatus = map[graph.State]string{
	graph.Running: "running", graph.Done: "completed", graph.Failed: "error", graph.Cancelled: "cancelled", graph.Suspended: "suspended",
}

func (r *Run) groupUpdate(e graph.Event) {
	data := map[string]any{"status": groupStatus[e.State], "total": e.Total, "ended": e.Ended, "lost": e.Lost}
	if e.State == graph.Running {
		r.told[e.Path] = time.Now()
	} else {
		delete(r.told, e.Path)
	}
	if e.Cause != nil {
		data["cause"] = causeText(e.Cause)
		if e.State == graph.Failed {
			data["error"] = e.Cause.String()
		}
	}
	r.event("node_update", e.Path, data)
}

// typeName is what messages call a node's type.
func typeName(n *graph.Node) string {
	switch {
	case n.Type != nil:
		return n.Type.Name
	case n.Kind == graph.Each:
		return "each"
	case n.Kind == graph.Repeat:
		return "repeat"
	}
	return "group"
}

// nodeName is what people call a node.
func nodeName(n *graph.Node) string {
	return cmp.Or(n.Label, n.ID)
}

// recordEnd returns when the end of an invocation is durable.
func (r *Run) recordEnd(rec journal.Invocation) error {
	e := &entry{inv: &rec, mark: make(chan struct{})}
	r.feed.put(e)
	<-e.mark
	return e.err
}

// outputUpdate is the message of an output of the run.
func (r *Run) outputUpdate(o *graph.Output, v value.Value) {
	meta := map[string]any{"size": v.Size, "digest": v.Digest}
	if o.File != "" {
		meta["file"] = o.File
	}
	r.event("output_update", "outputs."+o.Name, map[string]any{
		"node_name": cmp.Or(o.Label, o.Name), "output_name": o.Name, "output_type": v.Type, "value": journal.ForMessage(v, journal.InlineOutput), "metadata": meta,
		"disposition": "replace", "done": true,
	})
}

// itemUpdate is the message of an item of an output that comes while the run goes on.
func (r *Run) itemUpdate(o *graph.Output, index int, v value.Value) *journal.Event {
	path := "outputs." + o.Name
	return message(r.rec.ID, "output_update", path, r.named("output_update", path, map[string]any{
		"node_name": cmp.Or(o.Label, o.Name), "output_name": o.Name, "output_type": v.Type, "value": journal.ForMessage(v, journal.InlineOutput),
		"metadata": map[string]any{"size": v.Size, "digest": v.Digest, "index": index}, "disposition": "append", "done": false,
	}))
}
