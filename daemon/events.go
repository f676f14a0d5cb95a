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
	room  sync.Cond // its lock is mu: the queue became shorter
	queue []*entry  // guarded by mu
	wake  chan struct{}
	end   chan struct{}
}

// entry is an event to be recorded, or an invocation: one that ended without anyone waiting for its record, or one that was
// recorded already and is only to be handed on, as some events are. Or a mark, closed when all before it was written.
type entry struct {
	event *journal.Event
	inv   *journal.Invocation
	mark  chan struct{}
}

func (r *Run) startFeed(ctx context.Context) {
	f := &feed{run: r, wake: make(chan struct{}, 1), end: make(chan struct{})}
	f.room.L = &f.mu
	r.feed = f
	go f.pump(context.WithoutCancel(ctx)) // what happened is recorded even if the run is cancelled
}

// stopFeed waits until everything that was queued is recorded.
func (r *Run) stopFeed() {
	close(r.feed.wake)
	<-r.feed.end
}

// flush waits until everything that was queued so far is recorded.
func (f *feed) flush() {
	mark := make(chan struct{})
	f.put(&entry{mark: mark})
	<-mark
}

// put never blocks, for the graph's lock is held by some who call it.
func (f *feed) put(e *entry) {
	f.mu.Lock()
	f.queue = append(f.queue, e)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// feedMax is how far what happens may run ahead of its record.
const feedMax = 4096

// putWhenRoom is put for those who can wait.
func (f *feed) putWhenRoom(e *entry) {
	f.mu.Lock()
	for len(f.queue) >= feedMax {
		f.room.Wait()
	}
	f.mu.Unlock()
	f.put(e)
}

func (f *feed) pump(ctx context.Context) {
	defer close(f.end)
	for open := true; open; {
		_, open = <-f.wake
		f.mu.Lock()
		queue := f.queue
		f.queue = nil
		f.room.Broadcast()
		f.mu.Unlock()
		f.write(ctx, queue)
		for _, e := range queue {
			if e.mark != nil {
				close(e.mark)
			}
		}
	}
}

func (f *feed) write(ctx context.Context, batch []*entry) {
	var events []*journal.Event
	var invs []*journal.Invocation
	for _, e := range batch {
		switch {
		case e.event != nil && e.event.Seq == 0: // else it was recorded with the change of the run that it tells of
			events = append(events, e.event)
		case e.inv != nil && e.inv.Seq == 0:
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
		switch {
		case e.event != nil:
			f.run.req.Observe(*e.event)
		case e.inv != nil:
			f.run.req.Observe(e.inv.Event())
		}
	}
}

// event queues an event.
func (r *Run) event(kind, node string, data any) {
	r.feed.put(&entry{event: message(r.rec.ID, kind, node, data)})
}

// message makes an event of a run.
func message(run, kind, node string, data any) *journal.Event {
	raw, err := json.Marshal(data)
	if err != nil {
		raw, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	return &journal.Event{Run: run, At: time.UnixMicro(time.Now().UnixMicro()), Type: kind, Node: node, Data: raw}
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
		r.failed.Add(-1) // the attempt failed, the node has not
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
