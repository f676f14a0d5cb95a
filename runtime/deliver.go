//go:build linux

package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// delivery hands the items of a call to its caller in their order, in a goroutine of its own while there are any.
type delivery struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	item   func(ctx context.Context, port int, item Output) error

	mu    sync.Mutex
	queue []delivered
	idle  chan struct{} // closed when the goroutine that delivers has ended; nil while there is none
	ahead ahead         // since the guest waited last
	total int64         // of the output limit
	over  bool          // no more items come
	err   error         // what ended it: the first error of item or of the call
}

// delivered is one item on its way; a worker that waits gets its answer when it was taken.
type delivered struct {
	port int
	item Output
	wait *worker
}

// runStreams runs a call with streams: it has ended when its items were taken too.
func (e *Engine) runStreams(ctx context.Context, c *Call) (*Result, error) {
	d := &delivery{item: c.Item}
	d.ctx, d.cancel = context.WithCancelCause(ctx)
	defer d.cancel(nil)
	res, err := e.run(d.ctx, c, d)
	if err != nil {
		d.fail(err)
	}
	first := d.end()
	if first == nil {
		return res, nil
	}
	if res != nil {
		res.Close()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var mine, lost *Error
	if errors.As(first, &mine) && errors.As(err, &lost) && mine != lost {
		mine.Log, mine.Stdout, mine.Stderr, mine.Dropped = lost.Log, lost.Stdout, lost.Stderr, lost.Dropped
	}
	return nil, first
}

// fail ends the delivery, and the call. The first error counts.
func (d *delivery) fail(err error) {
	d.mu.Lock()
	if d.err == nil {
		d.err = err
	}
	d.mu.Unlock()
	d.cancel(err)
}

// end waits until every item was taken, or dropped after an error, which it returns.
func (d *delivery) end() error {
	d.mu.Lock()
	d.over = true
	idle := d.idle
	d.mu.Unlock()
	if idle != nil {
		<-idle
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// killReason is why the worker of a call that was cancelled is killed: for its items, which keeps what the guest wrote, or for
// nothing of its own.
func (d *delivery) killReason(seq uint64) *killReason {
	why := &killReason{seq: seq}
	if d == nil {
		return why
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		why.code, why.detail = CodeFailed, "an item was not taken"
	}
	return why
}

// onItem takes an item from a worker. Whoever reads from workers must not block, so it is handed on elsewhere.
func (e *Engine) onItem(w *worker, m itemMsg) error {
	if m.wait && !w.ask() {
		return errFrame
	}
	j := e.current(w, m.seq)
	if j == nil {
		if m.data.how == valueFD {
			closeAll([]int{m.data.fd})
		}
		if m.wait {
			w.reply(answerMsg{}, -1)
		}
		return nil
	}
	defer j.used.Done()
	out, err := j.itemOf(&m)
	if err != nil {
		return err
	}
	it := delivered{port: int(m.port), item: out}
	if m.wait {
		it.wait = w
		e.pause(w, m.seq)
	}
	e.deliver(j.items, it)
	return nil
}

// itemOf looks at an item as the worker sent it: an honest one never sends what is refused here.
func (j *job) itemOf(m *itemMsg) (out Output, err error) {
	d := j.items
	if d == nil || !d.of(j.call.Streams, int(m.port)) {
		return out, fmt.Errorf("%w: an item on output %d", errFrame, m.port)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	must := d.ahead.add(&m.data)
	d.total += m.data.size + itemCost
	if must != m.wait || d.total > j.limit.Output {
		return out, fmt.Errorf("%w: items of %d bytes", errFrame, d.total)
	}
	if m.wait {
		d.ahead = ahead{}
	}
	out = Output{Size: m.data.size, Written: true}
	switch m.data.how {
	case valueInline:
		out.Bytes = bytes.Clone(m.data.bytes)
	case valueFD:
		if err := checkSealed(m.data.fd, m.data.size); err != nil {
			return out, err
		}
		out.File = os.NewFile(uintptr(m.data.fd), "value")
	default:
		return out, fmt.Errorf("%w: an item without a value", errFrame)
	}
	return out, nil
}

func (*delivery) of(streams []int, port int) bool {
	for _, p := range streams {
		if p == port {
			return true
		}
	}
	return false
}

// deliver queues an item and sees to it that somebody hands it on.
func (e *Engine) deliver(d *delivery, it delivered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over && d.idle == nil {
		// Run has returned meanwhile: the worker was killed.
		it.drop()
		return
	}
	d.queue = append(d.queue, it)
	if d.idle != nil {
		return
	}
	d.idle = make(chan struct{})
	e.wg.Go(func() { e.handOn(d) })
}

func (it *delivered) drop() {
	if it.item.File != nil {
		_ = it.item.File.Close()
	}
}

func (e *Engine) handOn(d *delivery) {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 {
			close(d.idle)
			d.idle, d.queue = nil, nil
			d.mu.Unlock()
			return
		}
		it, err := d.queue[0], d.err
		d.queue[0] = delivered{}
		d.queue = d.queue[1:]
		d.mu.Unlock()
		if err == nil {
			if err = d.item(d.ctx, it.port, it.item); err != nil {
				d.fail(err)
			}
		}
		it.drop()
		if it.wait != nil {
			e.resume(it.wait)
			it.wait.reply(answerMsg{}, -1)
		}
	}
}

// pause stops the clock of a worker's call while its guest waits for its items to be taken, and lets others run meanwhile: those
// who take them may need the slot. It lasts until resume, or until the call is cancelled.
func (e *Engine) pause(w *worker, seq uint64) {
	e.mu.Lock()
	r := &w.run
	var dirty []*worker
	if !r.dead && len(r.inflight) > 0 && r.inflight[0].seq == seq && r.paused.IsZero() {
		e.rests(r)
		e.pool.paused++
		r.paused, r.stalled = time.Now(), true
		dirty = e.schedule()
		e.hire(dirty)
	}
	e.mu.Unlock()
	flushAll(dirty)
}

// resume lets the clock go on. There may be one worker more at work than there should be, until the next call ends.
func (e *Engine) resume(w *worker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &w.run
	if r.paused.IsZero() {
		return
	}
	waited := time.Since(r.paused)
	r.since = r.since.Add(waited)
	r.paused = time.Time{}
	e.pool.paused--
	e.pool.running++
	if len(r.inflight) > 0 {
		if j := r.inflight[0].job; j != nil {
			j.waited += waited
		}
		e.watch(w)
	}
}

// rests notes that a worker is at no call any more, or that its guest waits. Called with the engine's lock held.
func (e *Engine) rests(r *runState) {
	if r.paused.IsZero() {
		e.pool.running--
		return
	}
	r.paused = time.Time{}
	e.pool.paused--
}
