package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"levee/cache"
	"levee/gpu"
	"levee/gpu/op"
	"levee/graph"
	"levee/graph/value"
	"levee/runtime"
)

// referable are the outputs of which another node on a GPU makes use, so that they need not be there for anybody else at once.
func (c *invocation) referable() (ports []int) {
	if c.typ.files() || c.run.req.Verify {
		return nil
	}
	for i, p := range c.Node.Outputs {
		if base := p.Type.Base(); !p.Stream && (base == "tensor" || base == "image") && c.run.flow.usedOnGPU(c.Node, p.Name) {
			ports = append(ports, i)
		}
	}
	return ports
}

// usedOnGPU reports whether an output goes to a node that is placed on a GPU.
func (w *Workflow) usedOnGPU(n *graph.Node, port string) (used bool) {
	w.Graph.Walk(func(reader *graph.Node) {
		if used || w.placed[reader] == "" {
			return
		}
		for _, in := range reader.Inputs {
			for _, s := range in.Sources {
				used = used || !in.Collect && s.Kind == graph.FromNode && s.Node == n && s.Port == port
			}
		}
	})
	return used
}

// publish begins to bring an output into the cache that the GPU's worker keeps. The value can be used from now on.
func (c *invocation) publish(ctx context.Context, to value.Port, out runtime.Output) (value.Value, error) {
	v := value.Stored(to.Type, out.Digest, out.Size)
	p := &c.run.pubs
	lease := c.leases[0]
	c.leases = c.leases[1:]
	readers := 0
	if c.run.keepsLess() {
		readers = c.run.flow.readersOnGPU(c.Node, to.Name)
	}
	one, begun, err := p.enter(ctx, v, out.Bytes, readers)
	if err != nil || !begun { // it is on its way already
		lease.Close()
	}
	if err != nil {
		return v, err
	}
	if begun {
		c.run.daemon.log.Debug("a value is used on its GPU before it is stored", "node", c.Path, "size", v.Size)
		bring := func(ctx context.Context) {
			defer one.arrived()
			defer lease.Close()
			if one.err = one.decision(ctx); one.err != nil {
				_ = gpu.Release(int(lease.File.Fd()), v.Digest) // a worker that is gone has let it go
				return
			}
			if one.err = c.run.retrieve(ctx, lease, v, one); one.err != nil {
				p.failed(one.err)
			}
		}
		if !p.start(bring) { // others who joined wait for it
			defer one.arrived()
			defer lease.Close()
			one.err = fmt.Errorf("%w: the run that made it has ended", cache.ErrLost)
			return v, one.err
		}
	}
	c.pubs = append(c.pubs, one)
	return v, nil
}

// reserve opens a session with the GPU's worker for each output that it keeps, before the call's own ends: a worker without sessions may
// have to make room for another owner's.
func (c *invocation) reserve(ctx context.Context, res *runtime.Result) error {
	for i := range res.Outputs {
		if !res.Outputs[i].Refers {
			continue
		}
		beside := c.grant.request(c.run.flow.Path, 1)
		beside.Beside = true
		lease, err := c.run.daemon.pool.Session(ctx, beside)
		if err != nil {
			return lostOnGPU(err)
		}
		c.leases = append(c.leases, lease)
	}
	return nil
}

// letGo ends the sessions that nothing came of.
func (c *invocation) letGo() {
	for _, lease := range c.leases {
		lease.Close()
	}
	c.leases = nil
}

// retrievePatience is how long a GPU worker may take to give the next MiB: beyond what the driver may, compiling others' kernels meanwhile,
// after which it ends.
const retrievePatience = 20 * time.Minute

// retrieve fetches a value from the owner's GPU worker and stores it, if it is what it was said to be.
func (r *Run) retrieve(ctx context.Context, lease *gpu.Lease, v value.Value, one *publication) error {
	select {
	case r.daemon.publishing <- struct{}{}: // while it waits the value is on the GPU only
		defer func() { <-r.daemon.publishing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	fd := int(lease.File.Fd())
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		close(stopped)
	})
	defer func() {
		if !stop() { // the number may be another file's soon
			<-stopped
		}
	}()
	r.daemon.log.Debug("a value is read back from its GPU", "size", v.Size)
	if err := gpu.Retrieve(fd, v.Digest, v.Size, retrievePatience, one.file); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return lostOnGPU(err)
	}
	head := make([]byte, len(one.head))
	if _, err := one.file.ReadAt(head, 0); err != nil || string(head) != string(one.head) {
		return fmt.Errorf("a node's worker said another thing of its output than the GPU's worker: %w", errors.Join(err, errUntrue))
	}
	if _, err := unix.FcntlInt(one.file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL); err != nil {
		return err
	}
	got, err := r.daemon.cache.PutFile(ctx, v.Type, one.file)
	if errors.Is(err, cache.ErrFull) && r.unstored.take(v.Size) == nil {
		r.daemon.log.Warn("a value stays in memory", "size", v.Size, "why", err)
		one.held, err = true, nil
	}
	if err == nil && got.Digest != v.Digest {
		err = fmt.Errorf("the GPU's worker gave another value than it promised: %w", errUntrue)
	}
	return err
}

var errUntrue = errors.New("it is not used")

// lostOnGPU makes of the loss of a worker what a damaged value is: what made it runs again.
func lostOnGPU(err error) error {
	var fault *op.Error
	if errors.As(err, &fault) && (fault.Fault == op.Lost || fault.Fault == op.Unavailable || fault.Fault == op.OverQuota) {
		return fmt.Errorf("%w: %s", cache.ErrLost, fault.Detail)
	}
	return err
}

// early hands a value that has not arrived to a node that may have it on its GPU: it waits only if it wants to see it. false: there is
// no such thing to hand.
func (c *invocation) early(v value.Value) (in runtime.Input, ok bool) {
	if c.run.flow.placed[c.Node] == "" || !c.worksOnGPU() || c.typ.files() {
		return in, false
	}
	one := c.run.pubs.of(v.Digest)
	if one == nil || one.size != v.Size {
		return in, false
	}
	f := one.open()
	if f == nil { // it has just arrived
		return in, false
	}
	c.pubs = append(c.pubs, one)
	c.run.daemon.log.Debug("a node begins before its input is stored", "node", c.Path)
	return runtime.Input{Type: string(v.Type), File: f, Size: v.Size, Digest: v.Digest, Head: one.head, Filled: one.wait}, true
}

// shared waits for what another run's work gave to be stored, unless it was this run's. What that run could not store this one makes itself.
func (r *Run) shared(ctx context.Context, e *cache.Entry) error {
	own := true
	for _, v := range e.Outputs {
		own = own && (v.Size <= value.InlineMax || r.pubs.known(v.Digest) != nil)
	}
	if e.Ready == nil || own {
		return nil
	}
	err := e.Ready(ctx)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %v", cache.ErrLost, err)
	}
	return err
}

// outlast gives an output of a run the bytes that are in memory only, and end with it.
func (r *Run) outlast(v value.Value) (value.Value, error) {
	one := r.pubs.known(v.Digest)
	if one == nil || !one.held {
		return v, nil
	}
	f := one.open()
	defer f.Close()
	enc := make([]byte, v.Size)
	if _, err := f.ReadAt(enc, 0); err != nil {
		return v, err
	}
	return value.Loaded(v.Type, v.Digest, enc), nil
}

// settle waits for the inputs of a call that were handed early to a node that runs on the processors after all.
func settle(ctx context.Context, inputs []runtime.Input) error {
	for i := range inputs {
		if in := &inputs[i]; in.Filled != nil {
			if err := in.Filled(ctx); err != nil {
				return err
			}
			in.Head, in.Filled = nil, nil
		}
	}
	return nil
}
