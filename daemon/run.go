package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"levee/cache"
	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
	"levee/watch"
)

// Request asks for one run of a workflow.
type Request struct {
	Inputs  map[string]value.Value
	Files   []value.FileRef // what trigger.files matched, sorted by path
	File    *value.FileRef  // the one file of a per-file trigger
	Trigger string          // at most one run has this trigger; "": always a new run
	Why     string          // what started it, for people
	Time    string          // trigger.time, RFC 3339; "": the newest time of the workflow that has come

	NoCache bool // run every node, store the results
	Verify  bool // run every node and compare with the stored results

	Only []string // sites: run these nodes, afresh, and what they need
	From []string // sites: run these nodes and all that hangs on them afresh

	Observer

	ticket     *ticket // its place in the queue; nil: it needs none
	parent     *Run    // the run is that of a node of this one, parentPath
	parentPath string
	limit      *TimeoutError // of that node; nil: none
}

// Observer is told what happens in a run. Each of its functions may be nil.
type Observer struct {
	Observe func(journal.Event) // called in order of Seq, from one goroutine at a time
	// Working says that an invocation of a run goes to the engine. It is called from many goroutines and must not block.
	Working func(run, path string)
	// Children is Observe for the runs of nodes that are workflows, and of nodes in these.
	Children func(journal.Event)
}

// Run is one execution of a workflow.
type Run struct {
	daemon *Daemon
	flow   *Workflow
	req    Request
	grants Grants
	fresh  map[string]bool // sites that run again although their results are stored
	dir    *watch.Dir
	files  map[value.Digest]string // content of trigger files -> path

	rec     journal.Run // fixed after accept, but for Outputs, Counts and the end, which finish writes
	feed    *feed
	effects map[string]journal.Invocation // invocations with effects that an earlier process began and did not end
	done    map[string]journal.Invocation // invocations with effects that have ended before the run was taken up
	gaveUp  map[string]journal.Invocation // invocations that had failed, after all their attempts, before the run was taken up
	past    map[string]bool               // where nodes run although their results are stored: those that have, before the run was taken up
	answers map[string]value.Value        // of people, by path

	ran, cached, failed, skipped atomic.Int64
	presence                     presence
	pubs                         publications
	unstored                     share // values in memory that the disk has no room for
	keys                         keyMemo
	writers                      *writers             // of the outermost run
	way                          string               // from there to this one, as writers has it
	told                         map[string]time.Time // when groups last said how far they are, by path; under the graph's lock

	mu         sync.Mutex
	mismatches []Mismatch // guarded by mu
	written    []string   // guarded by mu; by runs of its nodes
}

// Mismatch is a node that, run again, gave another result than the one that is stored.
type Mismatch struct {
	Node   string `json:"node"`
	Module string `json:"module"`
	Output string `json:"output"`
}

// Result is how a run ended.
type Result struct {
	ID         string
	Status     journal.Status
	Outputs    []journal.Named
	Counts     journal.Counts
	Written    []string // files, relative to the workflow's folder
	Mismatches []Mismatch
	Duration   time.Duration
	Err        error                 // nil, or the root cause
	Waits      *graph.SuspendedError // of a suspended run: what it waits for

	unstored int64 // bytes of results that it had in memory
}

// Run executes a workflow and returns when it has ended. The error is for what kept it from starting: *DeniedError,
// *journal.DuplicateError, a full disk. A failed node is in Result.Err.
func (d *Daemon) Run(ctx context.Context, flow *Workflow, req Request) (*Result, error) {
	r, err := d.accept(ctx, flow, req)
	if err != nil {
		return nil, err
	}
	return r.execute(ctx)
}

func (d *Daemon) newRun(flow *Workflow, req Request, fresh map[string]bool) *Run {
	r := &Run{daemon: d, flow: flow, req: req, grants: flow.Grants, fresh: fresh,
		unstored: share{all: &d.held, what: "results of one run for which the disk has no room"}}
	if above := req.parent; above != nil {
		r.writers, r.way = above.writers, above.way+req.parentPath+"/"
	} else {
		r.writers = &writers{flow: flow, by: make(map[string]*written)}
	}
	r.presence.run, r.presence.above = r, req.above()
	return r
}

func (d *Daemon) accept(ctx context.Context, flow *Workflow, req Request) (*Run, error) {
	if flow.Denied != nil {
		return nil, flow.Denied
	}
	if req.Time == "" && flow.Graph.Trigger.Timed() {
		req.Time = flow.lastTime(d.now()).Format(time.RFC3339Nano)
	}
	flow, fresh, err := flow.part(req.Only, req.From)
	if err != nil {
		return nil, err
	}
	r := d.newRun(flow, req, fresh)
	r.rec = journal.Run{
		ID: newID(), Workflow: flow.Path, Name: flow.Graph.Name, Source: flow.Source, Files: req.Files,
		Trigger: req.Trigger, Why: req.Why, Status: journal.Running, Accepted: time.Now(),
		How: journal.How{NoCache: req.NoCache, Verify: req.Verify, Map: flow.mapped, Time: req.Time, Only: req.Only, From: req.From},
	}
	if req.ticket != nil {
		r.rec.Accepted = req.ticket.at
	}
	r.rec.Started = r.rec.Accepted
	if r.rec.Trigger == "" {
		r.rec.Trigger = r.rec.ID
	}
	if req.File != nil {
		r.rec.File = req.File.Path
	}
	if req.parent != nil {
		r.rec.Parent, r.rec.ParentPath = req.parent.rec.ID, req.parentPath
	}
	for _, p := range flow.Graph.Inputs {
		if v, ok := req.Inputs[p.Name]; ok {
			r.rec.Inputs = append(r.rec.Inputs, journal.Named{Name: p.Name, Value: v})
		}
	}
	if req.ticket == nil || req.ticket.begun() {
		return r, d.journal.Accept(ctx, &r.rec)
	}
	r.rec.Status, r.rec.Started = journal.Queued, time.Time{}
	queued := r.queuedMessage(req.ticket)
	if err := d.journal.Accept(ctx, &r.rec, queued); err != nil {
		return nil, err
	}
	r.tell(queued)
	return r, nil
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// execute runs an accepted run to its end, and records that end whatever happens.
func (r *Run) execute(ctx context.Context) (*Result, error) {
	begin := time.Now()
	r.daemon.active.Add(1)
	defer r.daemon.active.Done()

	res := &Result{ID: r.rec.ID}
	defer func() { res.unstored = r.unstored.end() }()
	r.startFeed(ctx)
	defer r.stopFeed()
	r.event("job_update", "", map[string]any{"status": journal.Running, "message": r.req.Why, "progress": r.soFar()})
	ctx, stop := r.limit(ctx)
	defer stop()
	ctx, gone := r.daemon.stoppable(ctx, r.rec.ID)
	defer gone()
	outputs, written, err := r.walkOrWait(ctx)
	r.presence.end()
	if late := timedOut(ctx); late != nil && err != nil && !errors.As(err, &res.Waits) {
		err = late
	}
	res.Written = append(r.written, written...)
	res.Outputs, res.Mismatches, res.Err = outputs, r.mismatches, err
	res.Status = statusOf(ctx, err)
	res.Counts = journal.Counts{Ran: int(r.ran.Load()), Cached: int(r.cached.Load()), Failed: int(r.failed.Load()), Skipped: int(r.skipped.Load())}
	res.Duration = time.Since(begin)

	if errors.As(err, &res.Waits) {
		res.Status, res.Err = journal.Suspended, nil
		return res, nil
	}
	if res.Status == journal.Interrupted {
		return res, nil // stays open: the next start resumes it
	}
	r.rec.Status, r.rec.Finished, r.rec.Outputs, r.rec.Counts = res.Status, time.Now(), outputs, res.Counts
	if err != nil {
		r.rec.Error, r.rec.Code = err.Error(), codeOf(err)
		var failure *graph.RunError
		if errors.As(err, &failure) {
			r.rec.Cause = failure.Path
		}
		if res.Status == journal.Failed {
			data := map[string]any{"message": r.rec.Error}
			if r.rec.Code != "" {
				data["error_code"] = r.rec.Code
			}
			r.event("error", r.rec.Cause, data)
		}
	}
	r.feed.seal()
	return res, r.finish(ctx)
}

// finish records the one end of a run with the message that tells of it.
func (r *Run) finish(ctx context.Context) error {
	d := r.daemon
	last := endMessage(&r.rec)
	ended := context.WithoutCancel(ctx) // a cancelled run must still be recorded as such
	if err := d.keepTrying(ended, func() error { return d.journal.Finish(ended, &r.rec, last) }); err != nil {
		return fmt.Errorf("recording the end of run %s: %w", r.rec.ID, err)
	}
	if last.Seq > 0 { // else it had ended so already
		r.feed.putEnd(&entry{event: last})
	}
	return nil
}

// endMessage is the last message of a run.
func endMessage(rec *journal.Run) *journal.Event {
	data := map[string]any{"status": rec.Status, "counts": rec.Counts}
	if began := rec.Started; !began.IsZero() {
		data["duration"] = rec.Finished.Sub(began).Seconds()
	}
	if rec.Error != "" {
		data["error"] = rec.Error
	}
	if rec.Code != "" {
		data["error_code"] = rec.Code
	}
	if rec.Status == journal.Completed {
		result := make(map[string]any, len(rec.Outputs))
		for _, o := range rec.Outputs {
			result[o.Name] = journal.ForMessage(o.Value, journal.InlineOutput)
		}
		data["result"] = result
	}
	return message(rec.ID, "job_update", "", data)
}

// walkOrWait is walk, again and again while what it waits for has come meanwhile. A *graph.SuspendedError says that the run is put aside.
func (r *Run) walkOrWait(ctx context.Context) ([]journal.Named, []string, error) {
	for {
		outputs, written, err := r.walk(ctx)
		var waits *graph.SuspendedError
		if !errors.As(err, &waits) {
			return outputs, written, err
		}
		switch aside, err := r.suspend(ctx, waits); {
		case errors.Is(err, journal.ErrCancelAsked):
			return nil, nil, errCancelAsked
		case err != nil:
			return nil, nil, fmt.Errorf("recording that run %s waits: %w", r.rec.ID, err)
		case aside:
			return nil, nil, waits
		}
		if err := r.again(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// again forgets what was counted: the run begins again, and finds what it has done.
func (r *Run) again(ctx context.Context) error {
	r.ran.Store(0)
	r.cached.Store(0)
	r.failed.Store(0)
	r.skipped.Store(0)
	return r.recall(ctx)
}

// walk opens the workflow's folder, runs its graph, and writes what the workflow wants as files.
func (r *Run) walk(ctx context.Context) ([]journal.Named, []string, error) {
	dir, err := r.daemon.openDir(r.flow.Dir)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	defer r.pubs.letGo()
	r.dir = dir
	r.files = make(map[value.Digest]string, len(r.req.Files))
	for _, f := range r.req.Files {
		r.files[f.Digest] = f.Path
	}
	for range lostMost {
		outputs, written, err := r.pass(ctx)
		if !errors.Is(err, cache.ErrLost) || ctx.Err() != nil {
			return outputs, written, err
		}
		// A stored result whose bytes turn out to be damaged only when they are used is a miss that was seen late: what made
		// them is found missing now and runs again, everything else is found.
		r.event("log_update", "", map[string]any{"content": "a stored value was damaged, making it again: " + err.Error(), "severity": "warning"})
		r.cached.Store(0)
		r.failed.Store(0)
		r.skipped.Store(0)
		if err := r.recall(ctx); err != nil {
			return nil, nil, err
		}
		clear(r.gaveUp) // it may have been for that value
	}
	return r.pass(ctx)
}

// lostMost is how often a run begins again because of damaged values; each time there is at least one less.
const lostMost = 20

// pass runs the graph once.
func (r *Run) pass(ctx context.Context) ([]journal.Named, []string, error) {
	r.feed.pass()
	r.pubs.begin(ctx)
	in := graph.Inputs{Values: r.req.Inputs, Files: r.req.Files, File: r.req.File, Time: r.req.Time}
	got, err := graph.Run(ctx, r.flow.Graph, in, graph.Runner{
		Exec: r.invoke, InFlight: inFlight, Save: r.save, Observe: r.observe,
		Open:  func(ctx context.Context, v value.Value) (io.ReaderAt, error) { return r.reader(ctx, v) },
		After: r.presence.after,
	})
	if late := r.pubs.end(); err == nil {
		err = late
	}
	if err != nil {
		return nil, nil, err
	}
	for i := range got.Outputs {
		o := &got.Outputs[i]
		if o.Value, err = r.outlast(o.Value); err != nil {
			return nil, nil, err
		}
	}
	written, err := r.writeOutputs(ctx, got.Outputs)
	var outputs []journal.Named
	for _, o := range got.Outputs {
		if !o.Value.IsZero() {
			outputs = append(outputs, journal.Named{Name: o.Output.Name, Value: o.Value})
			r.outputUpdate(o.Output, o.Value)
		}
	}
	return outputs, written, err
}

// inFlight is how many invocations of a run are under way at once. Most of them wait: for a worker, or for a commit, which the
// more of them share the cheaper it is (10,000 tiny nodes: 64 in flight 104 us a node, 256 79 us, 512 87 us).
const inFlight = 256

// Why a run's context ends early.
var (
	// ErrSuperseded ends a run whose workflow was edited.
	ErrSuperseded = errors.New("superseded by a newer version of the workflow")
	// errCancelAsked ends a run whose end somebody asked for.
	errCancelAsked = errors.New("somebody asked for its end")
	// errRemoved ends a run whose workflow was taken away.
	errRemoved = errors.New("the workflow was removed")
	// ErrStopping ends a run because the daemon stops; it is resumed at the next start.
	ErrStopping = errors.New("levee is stopping")
)

func statusOf(ctx context.Context, err error) journal.Status {
	switch cause := context.Cause(ctx); {
	case err == nil:
		return journal.Completed
	case errors.Is(cause, ErrStopping):
		return journal.Interrupted
	case timedOut(ctx) != nil:
		return journal.Failed
	case cause != nil, errors.Is(err, errCancelAsked):
		return journal.Cancelled
	}
	return journal.Failed
}
