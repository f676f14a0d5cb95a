package graph

import (
	"fmt"
	"time"

	"levee/graph/value"
)

// State is what a node, or a group, has come to.
type State int

// The states of a node in the order in which they can follow each other. A node that starts has one Running for each attempt
// (a group one), and every node has exactly one of the last five.
const (
	Running   State = iota // Exec is called next; of a group: its elements start
	Retrying               // an attempt failed with Err, another follows
	Progress               // of an each or repeat group: one more element, or turn, has ended
	Done                   // Outputs are there
	Skipped                // it never ran, because of Cause
	Failed                 // Err; of a group: an element failed, Cause names the node
	Cancelled              // it ran, and was ended for Cause
	Suspended              // it waits for somebody outside, see Suspend; of a group: a node in it does, which Cause names
)

// Event is a change of state of one node.
type Event struct {
	State   State
	Node    *Node
	Path    string
	Attempt int
	Outputs []value.Value // Done, and Failed where on_error gave values; in the order of the node's outputs
	Cause   *Cause        // Skipped, Cancelled, Failed, Suspended; Done of a plain group: why an output is missing
	Err     error         // Retrying, Failed, Cancelled, Suspended
	Wait    time.Duration // Retrying: how long until the next attempt
	Handled bool          // Failed: on_error lets the run go on

	// Of an each group: elements in all, ended, and of these failed. Of a repeat group: turns at most, ended, and 0.
	Total, Ended, Lost int
}

// Why tells the causes of skipping apart.
type Why int

// The causes.
const (
	NotTaken     Why = iota // its if: was not
	HasFailed               // the node failed
	GaveNothing             // the node, input or element did not give the value that was wired
	WasCancelled            // the run was cancelled; Node is nil
	Waits                   // the node is suspended
)

// Cause is why a node was skipped or cancelled: always the first cause, however many nodes lie between.
type Cause struct {
	Why  Why
	Node *Node  // nil when the run was cancelled or an input is absent
	Path string // of Node in the run
	Port string // GaveNothing: the output that is missing
	Err  error  // HasFailed, WasCancelled, Waits
}

// absence reports whether a value is missing without anything having gone wrong.
func (c *Cause) absence() bool { return c.Why == NotTaken || c.Why == GaveNothing }

func (c *Cause) String() string {
	switch c.Why {
	case NotTaken:
		return c.Path + " was not taken"
	case HasFailed:
		return fmt.Sprintf("%s failed: %v", c.Path, c.Err)
	case GaveNothing:
		return c.Path + " gave no " + c.Port
	case Waits:
		return fmt.Sprintf("%s waits: %v", c.Path, c.Err)
	}
	return fmt.Sprintf("the run was cancelled: %v", c.Err)
}

// Failure is a node that failed by itself, after all its attempts.
type Failure struct {
	Path    string
	Node    *Node
	Err     error
	Attempt int
	Handled bool // on_error of the node or of a group around it let the run go on
}

func (f *Failure) cause() *Cause {
	return &Cause{Why: HasFailed, Node: f.Node, Path: f.Path, Err: f.Err}
}

// RunError says which node made a run fail: the first one that failed without an on_error that takes it.
type RunError struct {
	Path string
	Node *Node
	Err  error
}

func (e *RunError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap gives what the runner's function returned.
func (e *RunError) Unwrap() error { return e.Err }

const maxFailures = 100

// failed keeps a failure for the result. Called with mu held.
func (x *run) failed(f *Failure) {
	if len(x.result.Failures) < maxFailures {
		x.result.Failures = append(x.result.Failures, f)
	}
}

// tell counts and reports the end of a node. Called with mu held.
func (x *run) tell(e Event) {
	if e.Node.Kind == Task || e.State == Skipped {
		switch e.State {
		case Done:
			x.result.Done++
		case Skipped:
			x.result.Skipped++
		case Failed:
			x.result.Failed++
		case Cancelled:
			x.result.Cancelled++
		case Suspended:
			x.result.Suspended++
		}
	}
	if x.Observe != nil {
		x.Observe(e)
	}
}
