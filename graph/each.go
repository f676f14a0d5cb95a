package graph

import (
	"fmt"

	"levee/graph/value"
)

// group is a group that runs: an each group with one scope per element, a repeat group with one scope per turn, or a plain one
// with one scope in all. It holds no more than the elements that are alive and the values that wait for their turn.
type group struct {
	scope    *scope // where the group's node stands
	index    int32
	node     *Node
	body     *plan
	from     elements
	parallel int

	next     int          // the element to start next
	ahead    ahead        // those that may start before it
	starting int          // elements whose first step is under way
	live     []*scope     // elements that run
	queued   bool         // stands in run.groups
	reading  int          // lists of streams that are being opened
	broken   *Cause       // why a stream that it goes over ended in the middle
	short    bool         // no more comes of such a stream in this run: its producer waits for somebody
	ending   bool         // its last step is in the queue
	stopped  *Cause       // set once no element may start
	fault    *Failure     // what failed in it, or in it as a whole
	lost     int          // elements that failed
	waits    *Cause       // the first node in it that is suspended
	asleep   map[int]bool // the elements in which one is
	sleeper  int          // the first of them
	gapless  bool         // its readers know the element of each item by number

	// Elements end in any order, lists are built in theirs.
	turn       int                   // the element whose values are collected next
	over       int                   // elements that have ended
	early      map[int][]value.Value // values of elements that have ended, turn or later; nil: left out
	held       int64                 // about how many bytes early holds
	collecting bool                  // a worker is at it; it alone uses lists
	lists      []growing             // one per output port of an each group
	plain      []value.Value         // the outputs of a plain group, of a repeat group those of its last turn
	missing    *Cause                // why plain lacks some
	carry      []value.Value         // of a repeat group: what the next turn gets
}

// A group starts no elements while more than maxEarly elements, and more than maxHeld bytes, wait behind one slow element.
const (
	maxEarly = 1024
	maxHeld  = 16 << 20
)

func (g *group) each() bool { return g.node.Kind == Each }

// tolerant reports whether a failure in the group stays there.
func (g *group) tolerant() bool { return g.node.Error.Skip || g.node.Error.Values != nil }

func (g *group) mayStart() bool {
	if g.stopped != nil || g.ending || len(g.live)+g.starting >= g.parallel {
		return false
	}
	room := len(g.early) < maxEarly || g.held < maxHeld
	if g.next < g.from.n {
		return room || g.next < g.ahead.top // who comes late holds the others up
	}
	return room && g.ahead.any(g.from.n)
}

// pick takes the element to start next.
func (g *group) pick() int {
	if g.next >= g.from.n {
		return g.ahead.take()
	}
	i := g.next
	g.next++
	g.skipBegun()
	return i
}

// offer lines the group up for starting an element. Called with mu held.
func (x *run) offer(g *group) {
	if g.queued || !g.mayStart() {
		return
	}
	for len(x.groups) <= g.body.depth {
		x.groups = append(x.groups, queue[*group]{})
	}
	g.queued = true
	x.groups[g.body.depth].push(g)
}

// startGroup is the step of a group's node once its if: was taken.
func (x *run) startGroup(s *scope, i int32) {
	n := s.node(i)
	g := &group{scope: s, index: i, node: n, body: s.plan.bodies[i], parallel: n.Parallel, early: map[int][]value.Value{}}
	if g.each() {
		g.lists = make([]growing, len(n.Outputs))
		for k := range g.lists {
			g.lists[k].c.elem = n.Outputs[k].Type.Elem()
		}
	}
	switch {
	case n.Kind == Repeat:
		g.parallel = 1
	case g.parallel <= 0:
		g.parallel = defaultParallel
	}
	cause, err := x.split(g)
	x.mu.Lock()
	switch {
	case s.stop != nil:
		g.from.close()
		x.drop(s, i)
		return
	case cause != nil:
		x.end(s, i, skipped, Event{State: Skipped, Cause: cause})
		return
	}
	s.states[i].group = g
	x.offerItems(g)
	if x.Observe != nil {
		x.Observe(Event{State: Running, Node: n, Path: s.pathOf(i), Total: g.total()})
	}
	if err != nil {
		x.failGroup(g, x.groupFailure(g, err))
	}
	x.enter(g)
	x.offer(g)
	x.maybeEndGroup(g)
}

func (g *group) total() int {
	if g.node.Kind == Group {
		return 0
	}
	return max(g.from.n, g.ahead.top)
}

// startElement is the step that begins element i of g; g.starting counts it.
func (x *run) startElement(g *group, i int) {
	elem, err := g.from.at(g.scope.ctx, x, i)
	elem.carry = g.carry // set before this turn was offered
	s := newScope(g.scope.ctx, g.body, g)
	s.elem, s.path = elem, g.pathOf(i)+"."
	x.mu.Lock()
	g.starting--
	switch {
	case g.stopped != nil:
		s.cancel()
		x.maybeEndGroup(g)
	case err != nil:
		s.cancel()
		x.elementFailed(g, i, x.elementFailure(g, i, err))
		x.maybeEndGroup(g)
	default:
		s.slot = len(g.live)
		g.live = append(g.live, s)
		x.launch(s)
	}
}

func (g *group) pathOf(i int) string {
	if g.node.Kind != Group {
		return fmt.Sprintf("%s[%d]", g.scope.pathOf(g.index), i)
	}
	return g.scope.pathOf(g.index)
}

// elementFailure is for what fails between the nodes: reading an element, storing its values.
func (x *run) elementFailure(g *group, i int, err error) *Failure {
	f := &Failure{Path: g.pathOf(i), Node: g.node, Err: err, Handled: g.tolerant() || g.scope.taken()}
	x.failed(f)
	return f
}

// groupFailure is for what fails for the group as a whole: splitting its list, storing its lists.
func (x *run) groupFailure(g *group, err error) *Failure {
	own := g.node.Error.Skip || (g.node.Error.Values != nil && !g.each())
	f := &Failure{Path: g.scope.pathOf(g.index), Node: g.node, Err: err, Handled: own || g.scope.taken()}
	x.failed(f)
	return f
}

// endElement takes an element whose nodes have all ended out of its group. Called with mu held.
func (x *run) endElement(s *scope, outs []value.Value, missing *Cause, err error) {
	g, i := s.group, s.elem.index
	last := g.live[len(g.live)-1]
	g.live[s.slot], last.slot = last, s.slot
	g.live[len(g.live)-1] = nil
	g.live = g.live[:len(g.live)-1]
	switch {
	case g.stopped != nil:
	case s.fault != nil:
		x.elementFailed(g, i, s.fault)
	case s.waits != nil:
		x.sleeps(g, i, s.waits)
		if g.node.Kind == Repeat { // the next turn needs what this one gives
			g.from.n = i + 1
		}
		x.deliver(g, i, nil)
	case err != nil && !ownEnd(g.scope.ctx, err):
		x.elementFailed(g, i, x.elementFailure(g, i, err))
	case err != nil:
		x.stopGroup(g, &Cause{Why: WasCancelled, Err: err})
	case g.node.Kind == Repeat:
		x.turned(g, s, outs, missing)
	case !g.each():
		g.plain, g.missing = outs, missing
		x.deliver(g, i, nil)
	case missing != nil:
		x.deliver(g, i, nil)
	default:
		x.deliver(g, i, outs)
	}
	x.offer(g)
	x.maybeEndGroup(g)
}

// elementFailed does what the group's on_error says for one element. Called with mu held.
func (x *run) elementFailed(g *group, i int, f *Failure) {
	switch {
	case g.stopped != nil:
	case !g.each() || !g.tolerant():
		x.failGroup(g, f)
	case g.node.Error.Values != nil:
		g.lost++
		x.deliver(g, i, g.node.standIns())
	default:
		g.lost++
		x.deliver(g, i, nil)
	}
}

// failGroup ends a group for a failure that no element keeps to itself. Called with mu held.
func (x *run) failGroup(g *group, f *Failure) {
	if g.stopped != nil {
		return
	}
	g.fault = f
	x.stopGroup(g, f.cause())
	if !g.tolerant() {
		x.fail(g.scope, f)
	}
}

// stopGroup lets no element start, and stops those that run. Called with mu held.
func (x *run) stopGroup(g *group, cause *Cause) {
	if g.stopped != nil {
		return
	}
	g.stopped = cause
	for _, s := range g.live {
		x.stop(s, cause)
	}
	x.maybeEndGroup(g)
}

func (x *run) maybeEndGroup(g *group) {
	over := g.stopped != nil || (g.turn == g.from.n && !g.from.open) || (g.short && !g.mayStart())
	if over && g.reading == 0 && len(g.live) == 0 && g.starting == 0 && !g.collecting && !g.ending {
		g.ending = true
		x.steps.push(step{kind: endGroup, group: g})
	}
}

// finishGroup is the last step of a group.
func (x *run) finishGroup(g *group) {
	g.from.close()
	s, i := g.scope, g.index
	x.mu.Lock()
	stopped := g.stopped != nil || g.waits != nil
	x.mu.Unlock()
	outs, missing := g.plain, g.missing
	var err error
	if !stopped && g.each() {
		outs, err = x.listsOf(g)
	}
	x.mu.Lock()
	s.states[i].group = nil
	switch {
	case err != nil && !ownEnd(s.ctx, err):
		x.endGroupFailed(g, x.groupFailure(g, err))
	case g.fault != nil:
		x.endGroupFailed(g, g.fault)
	case g.waits != nil && g.stopped == nil:
		x.hold(s, i, Event{Cause: g.waits, Err: g.waits.Err, Total: g.total(), Ended: g.over, Lost: g.lost})
	case g.broken != nil && s.stop == nil:
		x.end(s, i, ended, Event{State: Cancelled, Cause: g.broken, Total: g.total(), Ended: g.over, Lost: g.lost})
	case err != nil || stopped:
		x.cancelNode(s, i, err)
	default:
		e := Event{State: Done, Outputs: outs, Cause: missing, Total: g.total(), Ended: g.over, Lost: g.lost}
		x.end(s, i, done, e)
	}
}

// endGroupFailed ends the node of a group. Values of an each group stand for elements, so they cannot stand for the group.
// Called with mu held.
func (x *run) endGroupFailed(g *group, f *Failure) {
	s, n := g.scope, g.node
	e := Event{State: Failed, Err: f.Err, Cause: f.cause(), Total: g.total(), Ended: g.over, Lost: g.lost}
	e.Handled = f.Handled && s.stop == nil
	switch {
	case n.Error.Values != nil && !g.each():
		e.Handled, e.Outputs = true, n.standIns()
		x.end(s, g.index, done, e)
	case n.Error.Skip:
		e.Handled = true
		x.end(s, g.index, failed, e)
	default:
		x.end(s, g.index, failed, e)
		x.fail(s, f)
	}
}
