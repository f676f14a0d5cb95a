package graph

import (
	"context"

	"levee/graph/value"
)

// phase is how far a node of a scope is.
type phase uint8

const (
	waiting phase = iota // for its deps
	queued               // ready
	started              // a worker has it, or it is a group that runs
	pausing              // between two attempts
	done                 // from here on it has ended
	skipped
	failed
	ended
	held // suspended
)

// state of one node in one scope. outputs and cause are final once the node has ended, and only then read, by nodes that
// were released after that; so they are read without the lock.
type state struct {
	phase   phase
	attempt int32
	waits   int32 // deps that have not ended
	readers int32 // dependents that have not ended
	outputs []value.Value
	cause   *Cause // skipped, failed, held: what to tell dependants; done: why some outputs are missing
	group   *group // while a group runs
	pause   func() bool
	stream  *stream // of a task that has given items while it ran
}

// scope is one execution of a graph: the run itself, a plain group, or one element of an each group.
type scope struct {
	plan    *plan
	parent  *scope // the scope around; nil for the run
	group   *group // what the scope is an element of; nil for the run
	elem    element
	path    string // what stands before a node's id: "photos[3]."
	ctx     context.Context
	cancel  context.CancelFunc
	states  []state
	left    int      // nodes that have not ended
	blocked int      // nodes that wait for room in front of a group
	slot    int      // where in group.live
	ending  bool     // its last step is in the queue
	stop    *Cause   // set once nothing new may start
	fault   *Failure // what failed in it, if on_error of no node or group within took it
	waits   *Cause   // the first node in it that is suspended
	turn             // of a repeat group
}

// turn is what came of one turn of a repeat group.
type turn struct {
	last  bool
	carry []value.Value // what the next one gets
}

func newScope(ctx context.Context, p *plan, g *group) *scope {
	s := &scope{plan: p, group: g, left: len(p.graph.Nodes), states: make([]state, len(p.graph.Nodes))}
	if g != nil {
		s.parent = g.scope
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	for i := range s.states {
		s.states[i].waits = int32(len(p.deps.of(int32(i))))
		s.states[i].readers = int32(len(p.uses.of(int32(i))))
	}
	return s
}

func (s *scope) node(i int32) *Node { return s.plan.graph.Nodes[i] }

func (s *scope) pathOf(i int32) string { return s.path + s.node(i).ID }

// launch queues the nodes that wait for nothing. Called with mu held.
func (x *run) launch(s *scope) {
	for _, i := range s.plan.roots {
		x.enqueue(s, i)
	}
	x.maybeEndScope(s)
}

func (x *run) enqueue(s *scope, i int32) {
	s.states[i].phase = queued
	x.steps.push(step{kind: startNode, scope: s, index: i})
}

// oneLess is called when a node waits for one less of its deps.
func (x *run) oneLess(s *scope, i int32) {
	if st := &s.states[i]; st.phase == waiting {
		if st.waits--; st.waits == 0 {
			x.enqueue(s, i)
		}
	}
}

func (x *run) maybeEndScope(s *scope) {
	if s.left == 0 && !s.ending {
		s.ending = true
		x.steps.push(step{kind: endScope, scope: s})
	}
}

// end ends a node and releases what waited for it. Called with mu held.
func (x *run) end(s *scope, i int32, ph phase, e Event) {
	st := &s.states[i]
	st.phase, st.outputs, st.cause, st.group, st.pause = ph, e.Outputs, e.Cause, nil, nil
	e.Node = s.node(i)
	if e.Path == "" && (x.Observe != nil) {
		e.Path = s.pathOf(i)
	}
	x.tell(e)
	s.left--
	x.endStream(s, i)
	if e.Node.Kind == Each {
		x.leave(s, i)
	}
	if s.stop == nil {
		x.release(s, i)
	}
	x.maybeEndScope(s)
}

// release lets go of what the node read, and of the node's dependants.
func (x *run) release(s *scope, i int32) {
	for _, d := range s.plan.deps.of(i) {
		if dep := &s.states[d]; dep.readers > 0 {
			if dep.readers--; dep.readers == 0 && !s.plan.kept[d] {
				dep.outputs = nil
			}
		}
	}
	if st := &s.states[i]; st.readers == 0 && !s.plan.kept[i] {
		st.outputs = nil
	}
	for _, u := range s.plan.uses.of(i) {
		if !s.states[i].stream.let(u) {
			x.oneLess(s, u)
		}
	}
}

// fail is called when node i of s has failed for good and nothing at the node takes it: the innermost group around that has an
// on_error takes the failure, or it is the run's. All scopes up to there stop. Called with mu held.
func (x *run) fail(s *scope, f *Failure) {
	for s.group != nil && !s.group.tolerant() && s.stop == nil {
		s.group.fault = f
		s = s.group.scope
	}
	if s.stop == nil {
		s.fault = f
		x.stop(s, f.cause())
	}
}

// taken reports whether a group around s lets the run go on when s fails.
func (s *scope) taken() bool {
	for ; s.group != nil; s = s.parent {
		if s.group.tolerant() {
			return true
		}
	}
	return false
}

// stop lets nothing new start in s and below it, and ends what runs there. Called with mu held.
func (x *run) stop(s *scope, cause *Cause) {
	if s.stop != nil {
		return
	}
	s.stop = cause
	s.cancel()
	for i := range s.states {
		switch st := &s.states[i]; st.phase {
		case waiting, queued:
			x.drop(s, int32(i))
		case pausing:
			if st.pause == nil || st.pause() {
				x.drop(s, int32(i))
			}
		case started:
			if st.group != nil {
				x.stopGroup(st.group, cause)
			}
		}
	}
	x.maybeEndScope(s)
}

// drop ends a node that will not run, or not again, because its scope has stopped. Called with mu held.
func (x *run) drop(s *scope, i int32) {
	if attempt := s.states[i].attempt; attempt > 0 {
		x.end(s, i, ended, Event{State: Cancelled, Attempt: int(attempt), Cause: s.stop})
	} else {
		x.end(s, i, skipped, Event{State: Skipped, Cause: s.stop})
	}
}

// finish is the last step of a scope: it makes the outputs of its graph.
func (x *run) finish(s *scope) {
	x.mu.Lock()
	stopped := s.stop != nil || s.fault != nil || s.waits != nil
	x.mu.Unlock()
	if s.group == nil {
		x.finishRun(s, stopped)
		return
	}
	var outs []value.Value
	var missing *Cause
	var err error
	if !stopped && s.group.node.Kind == Repeat {
		s.last, s.carry, err = x.turnOf(s)
	}
	if !stopped && err == nil {
		outs, missing, err = x.outsOf(s)
	}
	s.cancel()
	x.mu.Lock()
	x.endElement(s, outs, missing, err)
}

func (x *run) finishRun(s *scope, stopped bool) {
	defer s.cancel()
	var outputs []OutputValue
	var wrong error
	if !stopped {
		outputs, wrong = x.results(s)
	}
	x.mu.Lock()
	x.result.Outputs, x.wrong, x.ended = outputs, wrong, true
	close(x.over)
}
