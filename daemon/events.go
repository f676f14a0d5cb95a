package daemon

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
)

type rawJSON = json.RawMessage

// feed takes what happens in a run out of everybody's way: events are queued by who makes them, and one goroutine writes
// them to the journal, several in one transaction, and hands them on in order.
type feed struct {
	run *Run

	mu    sync.Mutex
	queue []*entry // guarded by mu
	wake  chan struct{}
	end   chan struct{}
}

// entry is an event to be recorded, or an invocation: one that ended without anyone waiting for its record, or one that was
// recorded already and is only to be handed on.
type entry struct {
	event *journal.Event
	inv   *journal.Invocation
}

func (r *Run) startFeed(ctx context.Context) {
	r.feed = &feed{run: r, wake: make(chan struct{}, 1), end: make(chan struct{})}
	go r.feed.pump(context.WithoutCancel(ctx)) // what happened is recorded even if the run is cancelled
}

// stopFeed waits until everything that was queued is recorded.
func (r *Run) stopFeed() {
	r.feed.put(nil)
	<-r.feed.end
}

func (f *feed) put(e *entry) {
	f.mu.Lock()
	f.queue = append(f.queue, e)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) pump(ctx context.Context) {
	defer close(f.end)
	for range f.wake {
		f.mu.Lock()
		queue := f.queue
		f.queue = nil
		f.mu.Unlock()
		for len(queue) > 0 {
			n, last := f.take(queue)
			f.write(ctx, queue[:n])
			if last {
				return
			}
			queue = queue[n:]
		}
	}
}

// take cuts the queue before the final nil.
func (f *feed) take(queue []*entry) (n int, last bool) {
	for i, e := range queue {
		if e == nil {
			return i, true
		}
	}
	return len(queue), false
}

func (f *feed) write(ctx context.Context, batch []*entry) {
	var events []*journal.Event
	var invs []*journal.Invocation
	for _, e := range batch {
		switch {
		case e.event != nil:
			events = append(events, e.event)
		case e.inv.Seq == 0:
			invs = append(invs, e.inv)
		}
	}
	d := f.run.daemon
	err := d.keepTrying(ctx, func() error { return d.journal.Record(ctx, invs...) })
	if err == nil {
		err = d.keepTrying(ctx, func() error { return d.journal.Append(ctx, events...) })
	}
	if err != nil {
		d.log.Warn("events not recorded", "run", f.run.rec.ID, "err", err)
	}
	if f.run.req.Observe == nil {
		return
	}
	for _, e := range batch {
		if e.event != nil {
			f.run.req.Observe(*e.event)
		} else {
			f.run.req.Observe(e.inv.Event())
		}
	}
}

// event queues an event.
func (r *Run) event(kind, node string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		raw, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	r.feed.put(&entry{event: &journal.Event{Run: r.rec.ID, At: time.Now(), Type: kind, Node: node, Data: raw}})
}

// observe turns the graph's events into the run's: those of groups, and of tasks that never came to be invoked. It is called
// with the graph's lock held, so it only queues.
func (r *Run) observe(e graph.Event) {
	task := e.Node.Kind == graph.Task
	switch {
	case e.State == graph.Skipped:
		r.skipped.Add(1)
		inv := &journal.Invocation{
			Run: r.rec.ID, Path: e.Path, Site: e.Node.Site, Attempt: 1, Status: journal.Skipped, Type: typeName(e.Node),
			Started: time.Now(), Ended: time.Now(), Cause: e.Cause.String(),
		}
		r.feed.put(&entry{inv: inv})
	case task && e.State == graph.Retrying:
		r.event("log_update", e.Path, map[string]any{"content": "trying again: " + e.Err.Error(), "severity": "warning"})
	case !task && e.State != graph.Cancelled:
		data := map[string]any{"status": e.State.String(), "group": true, "total": e.Total, "ended": e.Ended, "lost": e.Lost}
		if e.State == graph.Done {
			data["status"] = "completed"
		}
		if e.Cause != nil {
			data["cause"] = e.Cause.String()
		}
		r.event("node_update", e.Path, data)
	}
}

func typeName(n *graph.Node) string {
	if n.Type != nil {
		return n.Type.Name
	}
	return ""
}

// recordEnd makes the end of an invocation durable and hands it on.
func (r *Run) recordEnd(ctx context.Context, rec journal.Invocation) error {
	d := r.daemon
	if err := d.keepTrying(ctx, func() error { return d.journal.Record(ctx, &rec) }); err != nil {
		return err
	}
	if r.req.Observe != nil {
		r.feed.put(&entry{inv: &rec})
	}
	return nil
}

// describe is what an output_update says: small values as they are, large ones by type, size and digest.
func describe(name string, v value.Value) map[string]any {
	const most = 4 << 10
	d := map[string]any{"name": name, "type": v.Type, "size": v.Size, "digest": v.Digest}
	if enc, ok := v.Inline(); ok && v.Size <= most && v.Type != value.Bytes {
		if js, err := value.ToJSON(v.Type, enc, 100); err == nil {
			d["value"] = rawJSON(js)
		}
	}
	return d
}
