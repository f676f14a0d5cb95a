package daemon

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"levee/cache"
	"levee/daemon/journal"
)

// feed takes what happens in a run out of everybody's way: events are queued by who makes them, and one goroutine writes
// them to the journal, several in one transaction, and hands them on in order.
type feed struct {
	run *Run

	mu    sync.Mutex
	room  sync.Cond     // its lock is mu: the queue became shorter
	queue []*entry      // guarded by mu
	done  bool          // guarded by mu: only the end of the run is taken
	shut  bool          // guarded by mu: nothing is taken any more
	wake  chan struct{} // something is there
	now   chan struct{} // it is not to wait for more
	end   chan struct{}

	edges    edgeCounts
	total    atomic.Int64   // invocations that the run is known to have
	elements map[string]int // of it: those that groups which run are known to have, by path; under the graph's lock
	over     atomic.Bool    // nothing but the end of the run, or of this part of it, comes any more

	// of the goroutine that writes
	running   map[string]time.Time  // since when, by path
	quiet     map[string]*beginning // those of them of which nothing was told yet
	window    time.Time             // since when begunLeft counts
	begunLeft int                   // how many beginnings may be told until the window is over
	progress  progressTold
}

// entry is an event to be recorded, or one that was recorded with the change of the run that it tells of; an invocation that
// begins or ends; a mark, closed when all up to it was written, with err set when it could not be.
type entry struct {
	event *journal.Event
	begun *beginning
	inv   *journal.Invocation
	mark  chan struct{}
	last  bool // with mark
	early bool // what it tells of is not stored yet, so neither it nor what comes behind it is written; guarded by feed.mu
	err   error
}

func (r *Run) startFeed(ctx context.Context) {
	f := &feed{
		run: r, wake: make(chan struct{}, 1), now: make(chan struct{}, 1), end: make(chan struct{}),
		running: make(map[string]time.Time), quiet: make(map[string]*beginning), elements: make(map[string]int),
	}
	f.room.L = &f.mu
	f.begin()
	r.feed, r.told = f, make(map[string]time.Time)
	go f.pump(context.WithoutCancel(ctx)) // what happened is recorded even if the run is cancelled
}

// stopFeed waits until everything that was queued is recorded.
func (r *Run) stopFeed() {
	f := r.feed
	f.mu.Lock()
	f.shut = true
	r.daemon.cache.Hurry()
	for slices.ContainsFunc(f.queue, isEarly) {
		f.room.Wait()
	}
	signal(f.now)
	close(f.wake)
	f.mu.Unlock()
	<-f.end
}

// flush waits until everything that the run's nodes did is recorded; only its end follows, or another pass.
func (f *feed) flush() {
	mark := make(chan struct{})
	f.put(&entry{mark: mark, last: true})
	<-mark
}

// seal is flush for the last time: what the run's nodes do for others from then on is not told.
func (f *feed) seal() {
	f.mu.Lock()
	mark := make(chan struct{})
	f.add(&entry{mark: mark, last: true})
	f.done = true
	f.mu.Unlock()
	<-mark
}

// putEnd puts the end of the run, which is the last thing that is told of it.
func (f *feed) putEnd(e *entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(e)
}

// put never blocks, for the graph's lock is held by some who call it. What comes after the run has ended is of no interest: work that
// another run joined goes on.
func (f *feed) put(e *entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.done && !f.shut:
		f.add(e)
	case e.mark != nil: // nobody waits for ever
		e.err = journal.ErrEnded
		close(e.mark)
	}
}

// add is called with mu held.
func (f *feed) add(e *entry) {
	f.queue = append(f.queue, e)
	if e.mark != nil { // somebody waits
		f.run.daemon.cache.Hurry()
	}
	if e.mark != nil || len(f.queue) >= feedMany {
		signal(f.now)
	}
	signal(f.wake)
}

// signal sends on a channel of capacity 1: one that is there already is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

const (
	// feedMax is how far what happens may run ahead of its record.
	feedMax = 4096
	// feedMany are so many entries that they are written at once. Fewer, for which nobody waits, are written after feedWait: a row of many
	// costs a third of one alone, and so does a commit.
	feedMany = 1024
	feedWait = 20 * time.Millisecond
)

// putWhenRoom is put for those who can wait.
func (f *feed) putWhenRoom(e *entry) {
	f.mu.Lock()
	for len(f.queue) >= feedMax && !f.shut {
		f.room.Wait()
	}
	f.mu.Unlock()
	f.put(e)
}

// putStored is putWhenRoom for what may be written only when a result is stored.
func (f *feed) putStored(e *entry, result *cache.Entry) {
	if result.Stored() {
		f.putWhenRoom(e)
		return
	}
	e.early = true
	f.putWhenRoom(e)
	f.run.daemon.cache.WhenStored(result, func(err error) {
		if err != nil {
			f.run.daemon.log.Warn("result not stored", "node", e.inv.Path, "err", err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		e.early = false
		f.room.Broadcast()
		if !f.shut {
			signal(f.wake)
		}
	})
}

func isEarly(e *entry) bool { return e.early }

// mayWait reports whether what is in the queue is few, and nobody waits for it.
func (f *feed) mayWait() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.shut && len(f.queue) < feedMany && !slices.ContainsFunc(f.queue, func(e *entry) bool { return e.mark != nil })
}

// ripe takes what can be written from the queue.
func (f *feed) ripe() []*entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := slices.IndexFunc(f.queue, isEarly)
	if n < 0 {
		n = len(f.queue)
	}
	ripe := f.queue[:n:n]
	if f.queue = f.queue[n:]; len(f.queue) == 0 {
		f.queue = nil
	}
	f.room.Broadcast()
	return ripe
}

func (f *feed) pump(ctx context.Context) {
	defer close(f.end)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for open := true; open; {
		select {
		case _, open = <-f.wake:
			if open && f.mayWait() {
				timer.Reset(f.run.daemon.feedWait)
				select {
				case <-f.now: // somebody began to wait meanwhile, or there is enough
				case <-timer.C:
				}
			}
		case <-timer.C:
		}
		queue := f.ripe()
		f.write(ctx, queue)
		last := false
		for _, e := range queue {
			last = last || e.last
		}
		if due := f.due(time.Now(), last); len(due) > 0 {
			f.write(ctx, due)
		}
		if last {
			f.over.Store(true)
		}
		for _, e := range queue {
			if e.mark != nil {
				close(e.mark)
			}
		}
		timer.Reset(f.next(time.Now()))
	}
}

// The beginning of an invocation is kept back for quietFor: who ends sooner, and says nothing meanwhile, is one row. Of 10,000 tiny
// nodes 256 are under way at once, most of them waiting for a worker, on a slow machine for longer than that: so at most mostBegun are told in that time,
// those that began first. Nodes that are really slow soon are these.
const (
	quietFor  = 100 * time.Millisecond
	mostBegun = 20
)

// overdue are the invocations whose beginning should be told now.
func (f *feed) overdue(now time.Time) (paths []string) {
	if now.Sub(f.window) >= quietFor {
		f.window, f.begunLeft = now, mostBegun
	}
	if f.begunLeft == 0 {
		return nil
	}
	for path, begun := range f.quiet {
		if now.Sub(begun.at) >= quietFor {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return f.quiet[a].at.Compare(f.quiet[b].at) })
	paths = paths[:min(len(paths), f.begunLeft)]
	f.begunLeft -= len(paths)
	return paths
}

// write records a batch in the order in which it happened, and hands it on.
func (f *feed) write(ctx context.Context, batch []*entry) {
	list := make([]journal.Entry, 0, len(batch))
	begin := func(path string) {
		if begun := f.quiet[path]; begun != nil {
			e := begun.event()
			list = append(list, journal.Entry{Event: &e})
			delete(f.quiet, path)
		}
	}
	for _, e := range batch {
		switch {
		case e.begun != nil:
			f.quiet[e.begun.of.Path] = e.begun
			f.running[e.begun.of.Path] = e.begun.at
		case e.event != nil:
			begin(e.event.Node)
			list = append(list, journal.Entry{Event: e.event})
		case e.inv != nil:
			if begun := f.quiet[e.inv.Path]; begun != nil {
				e.inv.Began, e.inv.Properties = true, begun.properties
			}
			delete(f.quiet, e.inv.Path)
			delete(f.running, e.inv.Path)
			list = append(list, journal.Entry{Invocation: e.inv})
		}
	}
	for _, path := range f.overdue(time.Now()) {
		begin(path)
	}
	fresh := make([]journal.Entry, 0, len(list))
	for _, e := range list {
		if e.Invocation != nil || e.Event.Seq == 0 { // else it was recorded with the change of the run that it tells of
			fresh = append(fresh, e)
		}
	}
	d := f.run.daemon
	if err := d.keepTrying(ctx, func() error { return d.journal.Write(ctx, fresh...) }); err != nil {
		d.log.Warn("events not recorded", "run", f.run.rec.ID, "err", err)
		for _, e := range batch {
			e.err = err
		}
		return
	}
	if f.run.req.Observe != nil {
		f.tell(list)
	}
}

// tell hands on what was recorded.
func (f *feed) tell(list []journal.Entry) {
	for _, e := range list {
		var messages []journal.Event
		if e.Event != nil {
			messages = e.Event.Messages()
		} else {
			messages = e.Invocation.Messages()
		}
		for _, m := range messages {
			m.Workflow = f.run.rec.Workflow
			f.run.req.Observe(m)
		}
	}
}
