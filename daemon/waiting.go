package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"levee/daemon/journal"
	"levee/gpu"
	"levee/gpu/op"
	"levee/runtime"
)

// presence knows how many invocations of a run are under way and how many of these wait, for a place on a device or for the time of their
// next attempt: when all do, the run as a whole waits, and is said to once that has lasted a moment.
type presence struct {
	run   *Run
	above *presence // of the run whose node this run is: when this one waits, that node does; nil: there is none

	mu      sync.Mutex
	active  int // guarded by mu, as all below
	waiting int
	said    bool        // the run is said to be waiting
	timer   *time.Timer // says so; nil while something goes on
	over    bool
	waits   atomic.Bool // said, for those who cannot wait for mu
}

// now is what the run is about.
func (p *presence) now() journal.Status {
	if p.waits.Load() {
		return journal.Waiting
	}
	return journal.Running
}

// waitsAfter is how long all of a run must have waited for it to be worth saying.
const waitsAfter = 200 * time.Millisecond

// change counts an invocation that begins (1, 0), waits (0, 1), goes on (0, -1) or ends (-1, 0).
func (p *presence) change(active, waiting int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active += active
	p.waiting += waiting
	switch all := p.waiting > 0 && p.waiting == p.active; {
	case all && p.timer == nil && !p.said && !p.over:
		p.timer = time.AfterFunc(waitsAfter, p.tell)
	case !all && p.timer != nil:
		p.timer.Stop()
		p.timer = nil
	}
	if p.said && p.waiting < p.active {
		p.said = false
		p.status(journal.Running)
		p.above.change(0, -1)
	}
}

// after calls f later; until then an invocation waits. It is called with the graph's lock held, and so is f: neither writes a row, as what
// waits when it begins and when it ends changes nothing of what is said.
func (p *presence) after(d time.Duration, f func()) (stop func() bool) {
	p.change(1, 1)
	timer := time.AfterFunc(d, func() {
		f()
		p.change(-1, -1)
	})
	return func() bool {
		stopped := timer.Stop()
		if stopped {
			p.change(-1, -1)
		}
		return stopped
	}
}

// above is the presence of the run that a request is part of.
func (q *Request) above() *presence {
	if q.parent == nil {
		return nil
	}
	return &q.parent.presence
}

func (p *presence) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	if !p.over && p.waiting > 0 && p.waiting == p.active {
		p.said = true
		p.status(journal.Waiting)
		p.above.change(0, 1)
	}
}

// end is called when the run has no invocations any more.
func (p *presence) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.said {
		p.said = false
		p.above.change(0, -1)
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// status records what the run is about. Called with mu held, while no invocation begins or ends.
func (p *presence) status(s journal.Status) {
	r := p.run
	p.waits.Store(s == journal.Waiting)
	if err := r.daemon.journal.SetStatus(context.Background(), &r.rec, s); err != nil {
		r.daemon.log.Warn("status not recorded", "run", r.rec.ID, "err", err)
		return
	}
	r.event("job_update", "", map[string]any{"status": s})
}

// place takes a place on the invocation's device, if it runs on one, and returns what gives it back.
func (c *invocation) place(ctx context.Context) (give func(), err error) {
	device := c.run.flow.placed[c.Node]
	if device == "" {
		return func() {}, nil
	}
	c.grant, c.handed, c.lease = nil, nil, nil // of a call that was lost
	waited := false
	waits := func() {
		waited = true
		c.run.event("node_update", c.Path, map[string]any{"status": "waiting", "device": device})
		c.run.presence.change(0, 1)
	}
	defer func() {
		if waited {
			c.run.presence.change(0, -1)
		}
	}()
	d := c.run.daemon.devices
	if slots := d.slots[device]; slots != nil {
		return slots.give, slots.take(ctx, waits)
	}
	give, err = c.onGPU(ctx, waits)
	if err == nil || ctx.Err() != nil {
		return give, err
	}
	if slices.Contains(choices(c.Node, c.typ), cpu) {
		c.run.daemon.log.Warn("a node runs on the processors, not on a GPU", "node", c.Path, "why", err)
		return func() {}, nil
	}
	return nil, &runtime.Error{Code: codeNoGPU, Module: c.typ.Module.Name, Detail: err.Error()}
}

// onGPU gets memory on a GPU and, if the module can use it, a session with the worker there that the workflow's nodes share. Where there
// cannot be one, it looks for another GPU; but if memory is what is short there, it first stands in the line again, which knows by then.
func (c *invocation) onGPU(ctx context.Context, waits func()) (give func(), err error) {
	gpus := c.run.daemon.devices.gpus
	memory := gpuMemory(c.Node, c.run.grants)
	except := map[string]error{}
	var last error
	for short := false; ; {
		got, err := gpus.take(ctx, memory, except, waits)
		if err != nil {
			if last != nil && ctx.Err() == nil {
				err = last // of a GPU that is there
			}
			return nil, err
		}
		give, err := c.session(ctx, got)
		if err == nil || ctx.Err() != nil {
			return give, err
		}
		last = err
		if fault, ok := errors.AsType[*op.Error](err); ok && fault.Fault == op.OverQuota && !short {
			short = true
			gpus.renew()
		} else {
			except[got.device.Identity()] = err
		}
		c.run.daemon.log.Debug("a node cannot be on a GPU", "node", c.Path, "device", got.device.Identity(), "why", err)
	}
}

// session makes use of a grant, which give, or a failure, gives back.
func (c *invocation) session(ctx context.Context, got *grant) (give func(), err error) {
	d := c.run.daemon
	give = func() { d.devices.gpus.give(got) }
	if c.worksOnGPU() {
		lease, err := d.pool.Session(ctx, got.request(c.run.flow.Path, got.memory))
		if err != nil {
			give()
			return nil, err
		}
		c.handed, c.lease = lease.File, lease
		give = func() {
			lease.Close()
			go func() { // its memory is others' when it is free
				<-lease.Ended()
				d.devices.gpus.give(got)
			}()
		}
	}
	c.grant = got
	return give, nil
}

// request asks the owner's worker at a GPU for a session.
func (got *grant) request(owner string, memory int64) gpu.Request {
	return gpu.Request{Device: got.device.Identity(), Index: got.device.Index, Owner: owner, Memory: memory, Total: got.device.Memory, Alone: got.device.Mode != ""}
}

// codeNoGPU is the failure of a node for which there is no GPU any more, though there was when its workflow was checked.
const codeNoGPU = "E_NO_GPU"
