package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"levee/graph/value"
)

type stepKind uint8

const (
	startNode stepKind = iota
	startElement
	collect
	endScope
	endGroup
	readRest
)

// step is something that can be done now.
type step struct {
	kind  stepKind
	index int32
	scope *scope
	group *group
}

// queue is first in, first out. The zero value is ready.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) push(item T) {
	if q.head > 64 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *queue[T]) empty() bool { return q.head == len(q.items) }

// first is what pop gives.
func (q *queue[T]) first() T { return q.items[q.head] }

func (q *queue[T]) pop() T {
	var zero T
	item := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	return item
}

// wake sees to it that a worker takes what was queued. Called with mu held by whoever is no worker, and by a worker that
// leaves more behind than it takes. Only one worker at a time is on its way to its first step: when steps are short, the
// workers that are there are enough, and more of them would only wait for the lock; when they are long, the one that comes
// wakes the next.
func (x *run) wake() {
	if x.ended || x.coming || x.workers >= x.InFlight || !x.ready() {
		return
	}
	x.workers++
	x.coming = true
	x.wg.Go(func() {
		x.mu.Lock()
		x.coming = false
		x.work()
	})
}

func (x *run) ready() bool {
	if !x.steps.empty() {
		return true
	}
	for i := range x.groups {
		if !x.groups[i].empty() {
			return true
		}
	}
	return false
}

// next takes a step: nodes before new elements, and elements of the innermost groups first, so that what was begun is finished
// and few elements are alive at a time. Called with mu held.
func (x *run) next() (step, bool) {
	if x.ended {
		return step{}, false
	}
	for !x.steps.empty() {
		s := x.steps.pop()
		if s.kind == startNode {
			st := &s.scope.states[s.index]
			if st.phase != queued {
				continue // its scope has stopped
			}
			st.phase = started
		}
		return s, true
	}
	for d := len(x.groups) - 1; d >= 0; d-- {
		for !x.groups[d].empty() {
			g := x.groups[d].pop()
			g.queued = false
			if !g.mayStart() {
				continue
			}
			i := g.pick()
			g.starting++
			x.offer(g)
			return step{kind: startElement, group: g, index: int32(i)}, true
		}
	}
	return step{}, false
}

// work is the life of a worker. mu is held when it begins, and left when it ends. Every step begins without mu and ends with it.
func (x *run) work() {
	defer x.mu.Unlock()
	for {
		st, ok := x.next()
		if !ok {
			x.workers--
			return
		}
		x.wake()
		x.mu.Unlock()
		switch st.kind {
		case startNode:
			x.start(st.scope, st.index)
		case startElement:
			x.startElement(st.group, int(st.index))
		case collect:
			x.collect(st.group)
		case endScope:
			x.finish(st.scope)
		case endGroup:
			x.finishGroup(st.group)
		case readRest:
			x.readRest(st.group, int(st.index))
		}
	}
}

// start is the step of a node that is ready.
func (x *run) start(s *scope, i int32) {
	inputs, cause, err := x.prepare(s, i)
	switch {
	case cause == nil && err == nil && s.node(i).Kind != Task:
		x.startGroup(s, i)
		return
	case cause == nil && err == nil:
		x.mu.Lock()
		x.execute(s, i, inputs)
		return
	}
	x.mu.Lock()
	if cause != nil {
		x.end(s, i, skipped, Event{State: Skipped, Cause: cause})
	} else {
		x.settle(s, i, nil, err, false)
	}
}

// prepare decides whether a node is taken, and fetches its inputs.
func (x *run) prepare(s *scope, i int32) (inputs []value.Value, cause *Cause, err error) {
	defer rescue(&err)
	n := s.node(i)
	if cause := x.waitsFor(s, i); cause != nil {
		return nil, cause, nil
	}
	if n.If != nil {
		v, cause, err := x.resolve(s, n.If)
		if cause != nil || err != nil {
			return nil, cause, err
		}
		taken, err := x.truthy(s.ctx, v)
		if err != nil {
			return nil, nil, fmt.Errorf("if: %w", err)
		}
		if !taken {
			return nil, &Cause{Why: NotTaken, Node: n, Path: s.pathOf(i)}, nil
		}
	}
	if n.Kind == Task {
		return x.ports(s, n)
	}
	return nil, nil, nil
}

// execute runs one attempt of a task. Called with mu held, which it leaves meanwhile.
func (x *run) execute(s *scope, i int32, inputs []value.Value) {
	if s.stop != nil {
		x.drop(s, i)
		return
	}
	n, st := s.node(i), &s.states[i]
	inv := &Invocation{Node: n, Path: s.pathOf(i), Inputs: inputs}
	st.attempt++
	inv.Attempt = int(st.attempt)
	emits := &emitter{x: x, s: s, i: i}
	if s.plan.taps[i] != nil {
		inv.Emit = emits.emit
	}
	if x.Observe != nil {
		x.Observe(Event{State: Running, Node: n, Path: inv.Path, Attempt: inv.Attempt})
	}
	x.mu.Unlock()
	outputs, err := x.call(s.ctx, inv, func(err error) {
		x.mu.Lock() // work leaves it
		x.settle(s, i, nil, err, false)
		x.workers--
		x.wake()
	})
	if err == nil && len(outputs) != len(n.Outputs) {
		err = fmt.Errorf("%d outputs came back for %d ports", len(outputs), len(n.Outputs))
	}
	x.mu.Lock()
	emits.over = true
	x.settle(s, i, outputs, err, true)
}

// call runs Exec. Should Exec end its goroutine (a test that gives up does), the worker goes with it, and lost is called.
func (x *run) call(ctx context.Context, inv *Invocation, lost func(error)) (outputs []value.Value, err error) {
	back := false
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		} else if !back {
			lost(errors.New("the goroutine was ended"))
		}
	}()
	outputs, err = x.Exec(ctx, inv)
	back = true
	return outputs, err
}

// rescue turns a panic into an error: one bad node must not end the program.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = panicked(p)
	}
}

func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// settle decides what an attempt came to. An error that is the scope's own end is no failure of the node. Called with mu held.
func (x *run) settle(s *scope, i int32, outputs []value.Value, err error, again bool) {
	n, st := s.node(i), &s.states[i]
	attempt := int(st.attempt)
	var wait *Suspend
	var final *Final
	switch {
	case err == nil:
		x.end(s, i, done, Event{State: Done, Attempt: attempt, Outputs: outputs})
	case errors.As(err, &wait) && s.ctx.Err() == nil:
		x.suspend(s, i, wait)
	case wait != nil, ownEnd(s.ctx, err):
		x.cancelNode(s, i, err)
	case again && s.stop == nil && attempt <= n.Retry.Times && !errors.As(err, &final):
		x.retry(s, i, err)
	default:
		f := &Failure{Path: s.pathOf(i), Node: n, Err: err, Attempt: attempt}
		x.failed(f)
		x.endFailed(s, i, f)
	}
}

func ownEnd(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Cause(ctx)))
}

// endFailed ends a node that failed, with what its on_error makes of it. Called with mu held.
func (x *run) endFailed(s *scope, i int32, f *Failure) {
	n := s.node(i)
	e := Event{State: Failed, Attempt: f.Attempt, Err: f.Err, Cause: f.cause()}
	f.Handled = n.Error.Skip || n.Error.Values != nil
	e.Handled = f.Handled && s.stop == nil
	switch {
	case n.Error.Values != nil:
		e.Outputs = n.standIns()
		x.end(s, i, done, e)
	case n.Error.Skip:
		x.end(s, i, failed, e)
	default:
		f.Handled = s.taken()
		e.Handled = f.Handled
		x.end(s, i, failed, e)
		x.fail(s, f)
	}
}

// standIns are the values that on_error has for the outputs of a node.
func (n *Node) standIns() []value.Value {
	list := make([]value.Value, len(n.Outputs))
	for k := range list {
		list[k] = n.Error.Values[n.Outputs[k].Name]
	}
	return list
}

// cancelNode ends a node that was running when its scope ended. Called with mu held.
func (x *run) cancelNode(s *scope, i int32, err error) {
	if s.stop == nil {
		// The run's context has ended, and the node saw it before the run did.
		x.stop(x.root, &Cause{Why: WasCancelled, Err: context.Cause(s.ctx)})
	}
	x.end(s, i, ended, Event{State: Cancelled, Attempt: int(s.states[i].attempt), Cause: s.stop, Err: err})
}

// retry queues a node again, after a wait that doubles with every attempt. Called with mu held.
func (x *run) retry(s *scope, i int32, err error) {
	x.retell(s, i)
	n, st := s.node(i), &s.states[i]
	wait := n.Retry.Wait
	for k := int32(1); k < st.attempt && wait < maxWait; k++ {
		wait *= 2
	}
	if wait = min(wait, maxWait); x.After == nil {
		wait = 0
	}
	if x.Observe != nil {
		x.Observe(Event{State: Retrying, Node: n, Path: s.pathOf(i), Attempt: int(st.attempt), Err: err, Wait: wait})
	}
	if wait <= 0 {
		x.enqueue(s, i)
		return
	}
	st.phase = pausing
	x.wg.Add(1)
	stop := x.After(wait, func() {
		defer x.wg.Done()
		x.mu.Lock()
		defer x.mu.Unlock()
		if st.pause = nil; s.stop != nil {
			x.drop(s, i)
		} else {
			x.enqueue(s, i)
		}
		x.wake()
	})
	st.pause = func() bool {
		if !stop() {
			return false
		}
		x.wg.Done()
		return true
	}
}

const maxWait = 24 * time.Hour
