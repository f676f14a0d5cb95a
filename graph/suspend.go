package graph

import "fmt"

// Suspend is what Exec returns for a node that cannot go on before somebody outside has done something. The node ends as
// Suspended, and so does every group around it; what depends on them is skipped; everything else goes on.
type Suspend struct{ Reason string }

func (e *Suspend) Error() string { return e.Reason }

// Final is what Exec returns for a failure that another attempt would not change.
type Final struct{ Err error }

func (e *Final) Error() string { return e.Err.Error() }

// Unwrap gives the failure.
func (e *Final) Unwrap() error { return e.Err }

// Waiting is a node that suspended.
type Waiting struct {
	Path   string
	Node   *Node
	Reason string
}

// SuspendedError says that a run cannot go on: every node that did not have to wait has ended. Run again, with what the
// nodes waited for there, it goes on.
type SuspendedError struct {
	Waits []*Waiting // the first hundred
	Total int
}

func (e *SuspendedError) Error() string {
	if e.Total == 1 {
		return fmt.Sprintf("%s waits: %s", e.Waits[0].Path, e.Waits[0].Reason)
	}
	return fmt.Sprintf("%d nodes wait, %s first: %s", e.Total, e.Waits[0].Path, e.Waits[0].Reason)
}

// suspend ends a node that waits. Called with mu held.
func (x *run) suspend(s *scope, i int32, why *Suspend) {
	w := &Waiting{Path: s.pathOf(i), Node: s.node(i), Reason: why.Reason}
	if x.held.Total++; x.held.Total <= maxFailures {
		x.held.Waits = append(x.held.Waits, w)
	}
	x.hold(s, i, Event{Attempt: int(s.states[i].attempt), Err: why, Cause: &Cause{Why: Waits, Node: w.Node, Path: w.Path, Err: why}})
}

// hold ends a node that waits, or a group in which one does. Called with mu held.
func (x *run) hold(s *scope, i int32, e Event) {
	if s.waits == nil {
		s.waits = e.Cause
	}
	e.State = Suspended
	x.end(s, i, held, e)
}

// waitsFor is why node i of s must wait: a node before it does. It holds also for one that comes after without taking data.
func (x *run) waitsFor(s *scope, i int32) *Cause {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held.Total == 0 {
		return nil
	}
	for _, d := range s.plan.deps.of(i) {
		if st := &s.states[d]; st.cause != nil && st.cause.Why == Waits {
			return st.cause
		}
	}
	return nil
}
