package graph

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"levee/graph/value"
)

// The limits of a run that asks for none.
const (
	defaultInFlight = 64
	defaultParallel = 16
)

// Invocation is one execution of a task in a run.
type Invocation struct {
	Node    *Node
	Path    string        // where in the run: photos[3].decode; unique in it, the same for every attempt
	Attempt int           // counts from 1
	Inputs  []value.Value // one per port of the node's type, already of the port's type; the zero Value: the port stays absent
	// Emit may be called with the items of outputs that are streams, one after the other, until Exec returns: the groups that run over
	// them begin. It waits while such a group has enough; when ctx ends meanwhile it gives up waiting, for all that follow too, and the
	// groups take the rest from the list that Exec returns. nil: there is no such group. The list that Exec returns holds all items.
	Emit func(ctx context.Context, port int, item value.Value) error
}

// Runner is what a run needs of the world around it. Every function but Observe is called by many goroutines at once.
type Runner struct {
	// Exec runs one invocation and returns one value per output port; the zero Value stands for an optional output that was not
	// written. It must return soon after its context ends. A panic in it fails the node.
	Exec func(ctx context.Context, inv *Invocation) ([]value.Value, error)
	// Open gives access to the encoding of a value that does not carry it. A reader that is an io.Closer is closed.
	Open func(ctx context.Context, v value.Value) (io.ReaderAt, error)
	// Save makes a value of type t of which the encoding is prefix and then the encodings of parts, one behind the other. It is
	// asked for values that would be large, and for pieces of them (of type bytes) while a large list grows. It must not keep
	// prefix, which is used again, unless in the value it returns.
	Save func(ctx context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error)
	// Observe is told what happens, in order, by one goroutine at a time, with the run's lock held: it must not block. May be nil.
	Observe func(Event)
	// After calls f once after d in a goroutine of its own unless stop is called before, as time.AfterFunc does. nil: retries do
	// not wait.
	After func(d time.Duration, f func()) (stop func() bool)
	// InFlight is the most Exec calls of this run at once; 0: 64.
	InFlight int
}

// Inputs is what a run is given.
type Inputs struct {
	Values map[string]value.Value // by name of the workflow's inputs; a missing one takes its default
	Files  []value.FileRef        // trigger.files, in order
	File   *value.FileRef         // trigger.data, path, name, stem and size of a run per file
	Time   string                 // trigger.time
}

// Result is what came of a run; of a failed run too.
type Result struct {
	Outputs []OutputValue // in the order of the workflow; empty when the run failed
	// Failures holds the first hundred nodes that failed by themselves (not for another's failure), also where on_error let the
	// run go on, in the order in which they failed.
	Failures []*Failure
	// How many tasks ended how, each element of a group counted on its own; a group that never started counts as one.
	Done, Skipped, Failed, Cancelled, Suspended int
}

// OutputValue is the value of one output of a workflow.
type OutputValue struct {
	Output *Output
	Value  value.Value // zero when Cause is set
	Names  value.Value // what Output.Names led to; zero without it
	Cause  *Cause      // why there is no value
}

// Run runs a checked graph until every node has ended. A failure that no on_error took is returned as a *RunError; the end of
// ctx as an error that wraps its cause; nodes that wait for somebody outside as a *SuspendedError. No call of r's functions is under way when Run returns.
//
// All scheduling state belongs to one mutex (run.mu). Goroutines exist for steps that can run now, at most InFlight of them:
// one takes a step, leaves the lock, does it, and takes the next; it ends when nothing is ready. Nothing waits in a goroutine.
func Run(ctx context.Context, g *Graph, in Inputs, r Runner) (*Result, error) {
	p, places, err := newPlan(g)
	if err != nil {
		return nil, err
	}
	x := &run{Runner: r, in: in, places: places, over: make(chan struct{}), result: &Result{}}
	if x.InFlight <= 0 {
		x.InFlight = defaultInFlight
	}
	if x.inputs, err = x.bind(ctx, g.Inputs, in.Values); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, cancelled(ctx)
	}
	x.root = newScope(ctx, p, nil)
	x.mu.Lock()
	x.launch(x.root)
	x.wake()
	x.mu.Unlock()

	gone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(gone)
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.root.left > 0 {
			x.stop(x.root, &Cause{Why: WasCancelled, Err: context.Cause(ctx)})
			x.wake()
		}
	})
	<-x.over
	if !stop() {
		<-gone
	}
	x.wg.Wait()
	return x.result, x.err(ctx)
}

func cancelled(ctx context.Context) error {
	return fmt.Errorf("run cancelled: %w", context.Cause(ctx))
}

// run is the state of one run. What stands above mu does not change once the first node started.
type run struct {
	Runner
	in     Inputs
	inputs map[string]value.Value
	places map[*Node]place
	root   *scope
	files  onceValue // trigger.files as one value
	casts  casts
	over   chan struct{} // closed when the root scope has ended
	wg     sync.WaitGroup

	mu      sync.Mutex // guards all below, and every scope and group except where they say otherwise
	steps   queue[step]
	groups  []queue[*group] // by depth: groups that may start another element
	workers int
	coming  bool // a worker was started and has not taken its first step
	ended   bool
	wrong   error // the outputs could not be made
	held    SuspendedError
	result  *Result
}

// err is what Run returns once the run is over.
func (x *run) err(ctx context.Context) error {
	switch {
	case x.root.fault != nil:
		f := x.root.fault
		return &RunError{Path: f.Path, Node: f.Node, Err: f.Err}
	case x.root.stop != nil:
		return cancelled(ctx)
	case x.root.waits != nil:
		return &x.held
	}
	return x.wrong
}

// bind gives every input of the workflow its value.
func (x *run) bind(ctx context.Context, ports []value.Port, given map[string]value.Value) (map[string]value.Value, error) {
	bound := make(map[string]value.Value, len(ports))
	for i := range ports {
		p := &ports[i]
		v, ok := given[p.Name]
		if !ok || v.IsZero() {
			var err error
			if v, ok, err = p.DefaultValue(); err != nil {
				return nil, fmt.Errorf("input %s: its default %v", p.Name, err)
			}
			if !ok {
				if !p.Optional {
					return nil, fmt.Errorf("input %s (%s) is not given and has no default", p.Name, p.Type)
				}
				continue
			}
		}
		if !value.Assignable(v.Type, p.Type) {
			return nil, fmt.Errorf("input %s wants %s, got %s", p.Name, p.Type, v.Type)
		}
		v, err := x.convert(ctx, v, p.Type)
		if err == nil {
			err = p.CheckRange(v)
		}
		if err != nil {
			return nil, fmt.Errorf("input %s: %v", p.Name, err)
		}
		bound[p.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := bound[name]; !ok && !slices.ContainsFunc(ports, func(p value.Port) bool { return p.Name == name }) {
			return nil, fmt.Errorf("the workflow has no input %s", name)
		}
	}
	return bound, nil
}
