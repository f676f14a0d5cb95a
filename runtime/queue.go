//go:build linux

package runtime

import (
	"slices"
	"time"
)

// queue holds the calls that no worker has yet. Owners take turns; within an owner calls of one module go in order of
// arrival, and a module that cannot run now does not hold up the owner's others. Guarded by the engine's lock.
type queue struct {
	owners []*ownerQueue // those with calls; who had no turn for longest is first
	nums   uint64
	length int
}

type ownerQueue struct {
	id    string
	lists []*jobList // those with calls
}

// jobList is the calls of one owner for one module.
type jobList struct {
	owner *ownerQueue
	bound *bound
	jobs  []*job // a deque: taken from head on
	head  int
}

func (q *queue) list(owner string, b *bound) *jobList {
	var oq *ownerQueue
	for _, o := range q.owners {
		if o.id == owner {
			oq = o
		}
	}
	if oq == nil {
		oq = &ownerQueue{id: owner}
		q.owners = append(q.owners, oq)
	}
	for _, l := range oq.lists {
		if l.bound == b {
			return l
		}
	}
	l := &jobList{owner: oq, bound: b}
	oq.lists = append(oq.lists, l)
	return l
}

func (q *queue) push(j *job) {
	q.nums++
	j.num = q.nums
	l := q.list(j.call.Owner, j.bound)
	l.jobs = append(l.jobs, j)
	j.list = l
	j.bound.queued++
	q.length++
}

// pushFront gives jobs back that had been taken, in their old order, before all others.
func (q *queue) pushFront(jobs []*job) {
	for i := len(jobs) - 1; i >= 0; i-- {
		j := jobs[i]
		l := q.list(j.call.Owner, j.bound)
		if l.head > 0 {
			l.head--
			l.jobs[l.head] = j
		} else {
			l.jobs = append([]*job{j}, l.jobs...)
		}
		j.list = l
		j.bound.queued++
		q.length++
	}
}

// remove takes out a job that does not want to wait any longer.
func (q *queue) remove(j *job) {
	l := j.list
	for i := l.head; i < len(l.jobs); i++ {
		if l.jobs[i] == j {
			copy(l.jobs[i:], l.jobs[i+1:])
			l.jobs = l.jobs[:len(l.jobs)-1]
			break
		}
	}
	q.took(j)
}

// took notes that a job left its list.
func (q *queue) took(j *job) {
	l := j.list
	j.list = nil
	j.bound.queued--
	q.length--
	if l.head < len(l.jobs) {
		return
	}
	l.owner.drop(l)
	if len(l.owner.lists) == 0 {
		q.dropOwner(l.owner)
	}
}

func (o *ownerQueue) drop(l *jobList) {
	for i := range o.lists {
		if o.lists[i] == l {
			o.lists = append(o.lists[:i], o.lists[i+1:]...)
			return
		}
	}
}

func (q *queue) dropOwner(o *ownerQueue) {
	for i := range q.owners {
		if q.owners[i] == o {
			q.owners = slices.Delete(q.owners, i, i+1)
			return
		}
	}
}

// pop takes the next call for which place finds a worker: of the first owner that has one, the oldest such call. The owner
// goes behind the others; whoever was passed over keeps its place, and so is asked first when a worker is free again.
func (q *queue) pop(place func(*bound, *job) *worker) (*job, *worker) {
	for i, o := range q.owners {
		var best *jobList
		var worker *worker
		for _, l := range o.lists {
			if best != nil && best.jobs[best.head].num < l.jobs[l.head].num {
				continue
			}
			if w := place(l.bound, l.jobs[l.head]); w != nil {
				best, worker = l, w
			}
		}
		if best != nil && !worker.run.ready {
			// Making room for another list's module took this worker away.
			if worker = place(best.bound, best.jobs[best.head]); worker == nil {
				best = nil
			}
		}
		if best != nil {
			j := best.jobs[best.head]
			best.jobs[best.head] = nil
			best.head++
			q.took(j)
			if len(o.lists) > 0 {
				q.owners = append(slices.Delete(q.owners, i, i+1), o)
			}
			return j, worker
		}
	}
	return nil, nil
}

// take removes and returns every queued job of a module.
func (q *queue) take(b *bound) (jobs []*job) {
	for _, o := range append([]*ownerQueue(nil), q.owners...) {
		for _, l := range append([]*jobList(nil), o.lists...) {
			if l.bound != b {
				continue
			}
			for l.head < len(l.jobs) {
				j := l.jobs[l.head]
				l.head++
				jobs = append(jobs, j)
				q.took(j)
			}
		}
	}
	return jobs
}

// bound is one module with one set of grants, and the workers that hold it. Guarded by the engine's lock.
type bound struct {
	key      boundKey
	mod      *Module
	workers  []*worker
	starting int // workers that are being loaded with it
	queued   int
	mean     time.Duration // of recent calls; 0 while unknown
	loadTime time.Duration // of the last start
}

type boundKey struct {
	hash   [32]byte
	grants grants
}

// Calls so short that the way to the worker costs more than they do are sent ahead of their turn.
const (
	shortCall = 200 * time.Microsecond
	maxDepth  = 32
	// pipelineBytes bounds what lies ahead in a worker's socket, so that writing to it does not block.
	pipelineBytes = 96 << 10
)

// depth is how many calls a worker of this module may have at once. What was sent ahead may run twice, so nothing is whose
// effects or items somebody has seen, and nothing that holds on to what an extension gives it.
func (b *bound) depth() int {
	switch {
	case b.mean == 0 || b.mean >= shortCall || b.key.grants&grantWrite != 0 || b.mod.streams || b.mod.ext != nil:
		return 1
	case b.mean < shortCall/4:
		return maxDepth
	}
	return maxDepth / 4
}

// observe takes the duration of a call into the mean, weighing long ones more: one long call stops sending ahead.
func (b *bound) observe(d time.Duration) {
	d = max(d, time.Microsecond)
	switch {
	case b.mean == 0 || d > 4*b.mean:
		b.mean = d
	default:
		b.mean += (d - b.mean) / 8
	}
}
