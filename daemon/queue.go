package daemon

import (
	"context"
	"slices"
	"sync"
	"time"
)

// queue lets so many runs of a served folder go on at a time. Each workflow has a line of its own, and the lines have their turns one
// after the other: whoever has one run waits for one run of everybody else at most, not for the five hundred that somebody has queued.
type queue struct {
	mu      sync.Mutex
	most    int              // runs at a time
	running int              // guarded by mu, as all below
	lines   map[string]*line // by workflow, while it has tickets
	ring    []*line          // those in which somebody waits; the first has the next turn
}

// line is the tickets of a workflow.
type line struct {
	workflow string
	waiting  []*ticket
	running  int
}

// ticket is a place in the queue.
type ticket struct {
	queue  *queue
	line   *line
	serial bool          // no other run of the workflow may go on meanwhile
	at     time.Time     // when it was taken
	turn   chan struct{} // closed when the run may begin
}

func newQueue(most int) *queue { return &queue{most: most, lines: make(map[string]*line)} }

// enter takes a ticket at the end of a workflow's line. leave must be called, whether it had its turn or not.
func (q *queue) enter(workflow string, serial bool) *ticket {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[workflow]
	if l == nil {
		l = &line{workflow: workflow}
		q.lines[workflow] = l
	}
	t := &ticket{queue: q, line: l, serial: serial, at: time.Now(), turn: make(chan struct{})}
	if l.waiting = append(l.waiting, t); len(l.waiting) == 1 {
		q.ring = append(q.ring, l)
	}
	q.serve()
	return t
}

// serve gives turns while there is room. Called with mu held.
func (q *queue) serve() {
	for q.running < q.most {
		at := slices.IndexFunc(q.ring, func(l *line) bool { return !l.waiting[0].serial || l.running == 0 })
		if at < 0 {
			return
		}
		l := q.ring[at]
		t := l.waiting[0]
		q.ring = slices.Delete(q.ring, at, at+1)
		if l.waiting = l.waiting[1:]; len(l.waiting) > 0 {
			q.ring = append(q.ring, l)
		}
		l.running++
		q.running++
		close(t.turn)
	}
}

// begun is how many runs have their turn.
func (q *queue) begun() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running
}

// leave gives up the turn of a run that has ended, or a place in the line.
func (t *ticket) leave() {
	q, l := t.queue, t.line
	q.mu.Lock()
	defer q.mu.Unlock()
	if at := slices.Index(l.waiting, t); at >= 0 {
		if l.waiting = slices.Delete(l.waiting, at, at+1); len(l.waiting) == 0 {
			q.ring = slices.DeleteFunc(q.ring, func(other *line) bool { return other == l })
		}
	} else {
		l.running--
		q.running--
	}
	if l.running == 0 && len(l.waiting) == 0 {
		delete(q.lines, l.workflow)
	}
	q.serve()
}

// begun reports whether the run may begin.
func (t *ticket) begun() bool {
	select {
	case <-t.turn:
		return true
	default:
		return false
	}
}

// wait returns true when it is the run's turn, and false when ctx has ended or nothing is started any more.
func (t *ticket) wait(ctx context.Context, closed <-chan struct{}) bool {
	select {
	case <-closed:
		return false
	default:
	}
	select {
	case <-t.turn:
		return ctx.Err() == nil
	case <-ctx.Done():
	case <-closed:
	}
	return false
}

// position is the place of a ticket among those that wait, as they will have their turns if all take as long; 0 when it has its turn.
func (t *ticket) position() int {
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(t.line.waiting, t)
	if at < 0 {
		return 0
	}
	n := at + 1
	before := true // lines in front of its own have one turn more
	for _, l := range q.ring {
		switch {
		case l == t.line:
			before = false
		case before:
			n += min(len(l.waiting), at+1)
		default:
			n += min(len(l.waiting), at)
		}
	}
	return n
}
