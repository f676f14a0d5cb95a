package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"levee/daemon/journal"
	"levee/graph"
	"levee/runtime"
	"levee/watch"
)

// ServeOptions say how a folder is served. Zero values stand for the defaults.
type ServeOptions struct {
	Settle time.Duration // how long a file must be quiet; 0: 250 ms
	Once   bool          // do what there is to do, then return
	Notify func(Notice)  // what happens, in order, from one goroutine at a time; may be nil

	Working  func(run, path string) // as that of Observer
	Children bool                   // also notify of what happens in runs of nodes that are workflows
}

// Notice is something that happened in a served folder.
type Notice struct {
	Kind     NoticeKind     `json:"type"`
	Path     string         `json:"path,omitempty"` // of the workflow, relative to the folder
	Flow     *Workflow      `json:"-"`
	Problems graph.Problems `json:"problems,omitempty"`
	Kept     bool           `json:"kept,omitempty"` // Broken: the last good version stays
	Text     string         `json:"text,omitempty"`
	Event    *journal.Event `json:"event,omitempty"`
	Result   *Result        `json:"-"`
	Next     time.Time      `json:"next,omitzero"` // Loaded: the next time at which it starts by itself
}

// NoticeKind tells notices apart.
type NoticeKind string

// The kinds of notices.
const (
	Loaded    NoticeKind = "loaded"    // a workflow is checked and will run
	Broken    NoticeKind = "broken"    // a workflow has problems
	Waiting   NoticeKind = "waiting"   // a workflow waits for a grant, an input or files
	Gone      NoticeKind = "gone"      // a workflow's file was removed
	Unchanged NoticeKind = "unchanged" // nothing to do: this was run before
	Happened  NoticeKind = "event"     // something in a run
	Ended     NoticeKind = "ended"     // a run ended
	Warning   NoticeKind = "warning"   // something is wrong with the folder
	Draining  NoticeKind = "draining"  // nothing new is started; what runs is waited for
)

// folder is the state of Serve. One goroutine owns it: changes, the ends of runs and the end of the context come to it.
type folder struct {
	d      *Daemon
	dir    *watch.Dir
	root   string
	opts   ServeOptions
	flows  map[string]*served         // by path relative to the root
	files  map[string]watch.Signature // every settled file
	cut    context.Context            // ends when runs must end at once
	runs   sync.WaitGroup
	ended  chan ended
	asks   chan func()   // what others want to have done with the folder
	closed chan struct{} // closed when nothing is started any more
	active int

	alarm     chan struct{} // a time has come, or the clock was set
	alarmAt   time.Time     // zero: no alarm is set
	stopAlarm func()

	say sync.Mutex // around opts.Notify
}

type ended struct {
	flow *served
	res  *Result
	err  error
}

// Serve watches a folder and runs the workflows in it until ctx ends; then it starts nothing new and waits for what runs,
// until cut ends too: that leaves the runs unfinished, to be resumed by the next Serve.
func (d *Daemon) Serve(ctx, cut context.Context, root string, opts ServeOptions) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	dir, err := d.openDir(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	f := &folder{
		d: d, dir: dir, root: root, opts: opts, cut: cut, flows: make(map[string]*served),
		files: make(map[string]watch.Signature), ended: make(chan ended), closed: make(chan struct{}), asks: make(chan func()),
		alarm: make(chan struct{}, 1),
	}
	defer f.setAlarm(time.Time{})
	hang, err := f.listen()
	if err != nil {
		return err
	}
	defer hang()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan watch.Batch)
	failed := make(chan error, 1)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		failed <- watch.Tree(watching, watch.Options{Root: root, Settle: opts.Settle, Log: f.trouble}, func(b watch.Batch) {
			select {
			case batches <- b:
			case <-watching.Done():
			}
		})
	})
	err = f.loop(ctx, batches, failed)
	stop()
	watcher.Wait()
	f.drain()
	return err
}

func (f *folder) loop(ctx context.Context, batches <-chan watch.Batch, failed <-chan error) error {
	begun := false
	calm := time.NewTimer(calmAfter)
	defer calm.Stop()
	for {
		if f.opts.Once && begun && f.active == 0 {
			return nil
		}
		select {
		case <-calm.C:
			// Nothing happened for a while: an unattended box has better uses for the memory.
			if err := runtime.GiveBack(); err != nil {
				f.d.log.Debug("memory is not given back", "err", err)
			}
			continue
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-f.d.broken:
			return f.d.whyBroken
		case b := <-batches:
			f.batch(ctx, b)
			begun = true
		case e := <-f.ended:
			f.runEnded(ctx, e)
		case do := <-f.asks:
			do()
		case <-f.alarm:
			f.setAlarm(time.Time{})
			f.tick(ctx, true)
		}
		f.tick(ctx, false)
		calm.Reset(calmAfter)
	}
}

// calmAfter is when memory that was used for work is given back: after workers have left and the cache has written down what was used, each of
// which happens after 30 s.
const calmAfter = 40 * time.Second

// drain waits for the runs in hand. Those that are in the queue stay there, for the next start.
func (f *folder) drain() {
	close(f.closed)
	if n := f.d.queue.begun(); n > 0 {
		f.notify(Notice{Kind: Draining, Text: "waiting for " + CountText(n, "run") + " to end"})
	}
	idle := make(chan struct{})
	go func() { f.runs.Wait(); close(idle) }()
	for {
		select {
		case e := <-f.ended:
			f.active--
			f.report(e)
		case <-idle:
			return
		}
	}
}

func (f *folder) notify(n Notice) {
	if f.opts.Notify != nil {
		f.say.Lock()
		defer f.say.Unlock()
		f.opts.Notify(n)
	}
}

func (f *folder) trouble(err error) { f.notify(Notice{Kind: Warning, Text: Printable(err.Error())}) }

// batch takes in what changed: workflows are loaded again, workflows whose modules changed too, and data starts runs.
func (f *folder) batch(ctx context.Context, b watch.Batch) {
	if b.Replaced {
		if dir, err := f.d.openDir(f.root); err == nil {
			f.dir.Close()
			f.dir = dir
		}
	}
	for _, r := range b.Refused {
		f.trouble(r)
	}
	changed := make([]string, 0, len(b.Added)+len(b.Changed))
	for _, list := range [][]watch.Entry{b.Added, b.Changed} {
		for _, e := range list {
			f.files[e.Path] = e.Signature
			changed = append(changed, e.Path)
		}
	}
	for _, p := range b.Removed {
		delete(f.files, p)
		f.removed(p)
	}
	fresh := f.loadChanged(changed, b.Removed)
	if b.Initial {
		f.resumeAll(ctx)
	}
	for _, s := range fresh {
		why := s.why
		if b.Initial {
			why = "at start"
		}
		f.start(ctx, s, why)
	}
	f.data(ctx, append(changed, b.Removed...), fresh)
}

// resumeAll takes up the runs that an earlier process left.
func (f *folder) resumeAll(ctx context.Context) {
	recs, err := f.d.orphans(ctx, f.root)
	if err != nil {
		f.trouble(fmt.Errorf("runs of before were not resumed: %v", err))
		return
	}
	for _, rec := range recs {
		s := f.resumable(rec)
		if !rec.CancelAsked.IsZero() || s == nil {
			why := "levee was stopped in the middle of it, and the workflow changed since"
			if !rec.CancelAsked.IsZero() {
				why = errCancelAsked.Error()
			}
			if err := abandon(ctx, f.d.journal, rec, why); err != nil {
				f.trouble(err)
			}
			continue
		}
		flow, show := s.good, f.show(s)
		f.launch(s, func(ctx context.Context, t *ticket) (*Run, error) { return f.d.requeue(ctx, flow, rec, show, t) })
	}
}

// show says where what happens in a run of a workflow is told.
func (f *folder) show(s *served) Observer {
	p, flow := s.path, s.good
	show := Observer{Working: f.opts.Working, Observe: func(e journal.Event) { f.notify(Notice{Kind: Happened, Path: p, Flow: flow, Event: &e}) }}
	if f.opts.Children {
		show.Children = show.Observe
	}
	return show
}

// accept makes what is asked for a run that is durable. A full disk takes no new runs, but what asks for one is not forgotten.
func (f *folder) accept(ctx context.Context, flow *Workflow, req Request, t *ticket) (r *Run, err error) {
	req.ticket = t
	err = f.d.keepTrying(ctx, func() error {
		r, err = f.d.accept(ctx, flow, req)
		return err
	})
	return r, err
}

// launch takes a ticket for a run of a workflow, and runs in the background what get makes durable when its turn comes; its end comes to
// the loop.
func (f *folder) launch(s *served, get func(context.Context, *ticket) (*Run, error)) {
	if s.ctx == nil {
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(f.cut))
		stop := context.AfterFunc(f.cut, func() { cancel(ErrStopping) })
		s.ctx, s.cancel = ctx, func(cause error) { stop(); cancel(cause) }
	}
	ctx := s.ctx
	s.running++
	f.active++
	t := f.d.queue.enter(s.good.Path, s.good.Graph.Serial)
	f.runs.Go(func() {
		var res *Result
		r, err := get(ctx, t)
		if err == nil {
			res, err = r.inTurn(ctx, t, f.closed)
		}
		t.leave()
		f.ended <- ended{s, res, err}
	})
}

// runEnded starts what waited for the run.
func (f *folder) runEnded(ctx context.Context, e ended) {
	f.active--
	f.report(e)
	s := e.flow
	s.running--
	if s.running == 0 {
		s.end(nil)
	}
	if s.again != "" && s.running == 0 {
		why := s.again
		s.again = ""
		f.start(ctx, s, why)
	}
	f.timeEnded(ctx, s)
	f.next(ctx, s)
}

func (f *folder) report(e ended) {
	var dup *journal.DuplicateError
	switch {
	case errors.As(e.err, &dup):
		f.notify(Notice{Kind: Unchanged, Path: e.flow.path, Text: fmt.Sprintf("another levee runs, or ran, the same: run %s (%s)", shortID(dup.Run), dup.Status)})
	case e.err != nil:
		f.notify(Notice{Kind: Warning, Path: e.flow.path, Text: Printable(e.err.Error())})
	case e.res.Status == journal.Queued: // the next start has it
	default:
		f.notify(Notice{Kind: Ended, Path: e.flow.path, Flow: e.flow.good, Result: e.res})
	}
}

// identity is what makes two runs the same: the same version of a workflow, in the same place, on the same files. Elsewhere
// the same text reads and writes other files.
func identity(flow *Workflow, req *Request) string {
	h := sha256.New()
	h.Write(flow.ID[:])
	h.Write([]byte(flow.Path))
	h.Write([]byte{0})
	for _, file := range req.Files {
		h.Write(file.Encode())
		h.Write([]byte{0})
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
