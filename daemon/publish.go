package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"levee/cache"
	"levee/gpu"
	"levee/gpu/op"
	"levee/graph"
	"levee/graph/value"
	"levee/runtime"
)

// publications are the values of a pass that lie on a GPU, on their way into the cache: nodes that have them there need not wait for
// that. What made them, and what was made of them, is stored and recorded when they have arrived. A run ends after all have; when one was
// lost, it begins again, as with a stored value that turns out to be damaged.
type publications struct {
	ctx context.Context // of the pass
	all sync.WaitGroup

	mu   sync.Mutex
	list map[value.Digest]*publication
	err  error // the first; guarded by mu, as list
}

// publication is one of them. What the node's worker says of it is verified when it arrives.
type publication struct {
	typ  value.Type
	size int64
	head []byte        // how the value begins
	file *os.File      // is filled with the value, and is the caller's no longer when done is closed
	done chan struct{} // closed when the value is in the cache, or never will be
	err  error         // set before that
}

// begin readies the publications for a pass.
func (p *publications) begin(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx, p.list, p.err = ctx, map[value.Digest]*publication{}, nil
}

// end waits for all, and says what went wrong.
func (p *publications) end() error {
	p.all.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *publications) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// arrived ends a publication.
func (p *publications) arrived(one *publication) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = one.file.Close()
	close(one.done)
}

// of finds the publication of a value that has not arrived, or never will; nil: there is none.
func (p *publications) of(d value.Digest) *publication {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.list[d]; one != nil && (!one.ended() || one.err != nil) {
		return one
	}
	return nil
}

// enter finds the publication of a value, or begins one, which the caller fills. When something else is said of what is on its way under
// that digest it waits for that: what is verified of one is not what was said of the other.
func (p *publications) enter(ctx context.Context, v value.Value, head []byte) (one *publication, begun bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		one = p.list[v.Digest]
		if one == nil || one.ended() {
			break
		}
		if one.typ == v.Type && one.size == v.Size && bytes.Equal(one.head, head) {
			return one, false, nil
		}
		p.mu.Unlock()
		_ = one.wait(ctx)
		p.mu.Lock()
		if ctx.Err() != nil {
			return nil, false, context.Cause(ctx)
		}
	}
	fd, err := unix.MemfdCreate("levee-value", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, false, fmt.Errorf("memfd: %w", err)
	}
	one = &publication{typ: v.Type, size: v.Size, head: head, file: os.NewFile(uintptr(fd), "levee-value"), done: make(chan struct{})}
	p.list[v.Digest] = one
	return one, true, nil
}

func (p *publication) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait waits until the value has arrived.
func (p *publication) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// beside does something when values have arrived; not, when one of them did not.
func (p *publications) beside(list []*publication, do func(context.Context)) {
	p.all.Go(func() {
		for _, one := range list {
			if one.wait(p.ctx) != nil {
				return
			}
		}
		do(p.ctx)
	})
}

// late are the publications that an invocation's record waits for: its own, and those of outputs that others made.
func (p *publications) late(own []*publication, outputs []value.Value) []*publication {
	for _, v := range outputs {
		if one := p.of(v.Digest); one != nil {
			own = append(own, one)
		}
	}
	return own
}

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
func (c *invocation) publish(ctx context.Context, t value.Type, out runtime.Output) (value.Value, error) {
	v := value.Stored(t, out.Digest, out.Size)
	p := &c.run.pubs
	lease := c.leases[0]
	c.leases = c.leases[1:]
	one, begun, err := p.enter(ctx, v, out.Bytes)
	if err != nil || !begun { // it is on its way already
		lease.Close()
	}
	if err != nil {
		return v, err
	}
	if begun {
		c.run.daemon.log.Debug("a value is used on its GPU before it is stored", "node", c.Path, "size", v.Size)
		p.all.Go(func() {
			defer p.arrived(one)
			defer lease.Close()
			if one.err = c.run.retrieve(p.ctx, lease, v, one); one.err != nil {
				p.failed(one.err)
			}
		})
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
		lease, err := c.run.daemon.pool.Session(ctx, c.grant.request(c.run.flow.Path, 1))
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

// retrievePatience is how long a GPU worker may take to give the next MiB: beyond what a call of the driver may, after which it ends.
const retrievePatience = time.Minute

// retrieve fetches a value from the owner's GPU worker and stores it, if it is what it was said to be.
func (r *Run) retrieve(ctx context.Context, lease *gpu.Lease, v value.Value, one *publication) error {
	select {
	case r.daemon.publishing <- struct{}{}: // while it waits the value is on the GPU only
		defer func() { <-r.daemon.publishing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	fd := int(lease.File.Fd())
	stop := context.AfterFunc(ctx, func() { _ = unix.Shutdown(fd, unix.SHUT_RDWR) })
	defer stop()
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
	if err == nil && got.Digest != v.Digest {
		err = fmt.Errorf("the GPU's worker gave another value than it promised: %w", errUntrue)
	}
	return err
}

var errUntrue = errors.New("it is not used")

// lostOnGPU makes of the loss of a worker what a damaged value is: what made it runs again.
func lostOnGPU(err error) error {
	var fault *op.Error
	if errors.As(err, &fault) && (fault.Fault == op.Lost || fault.Fault == op.Unavailable) {
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
	f := c.run.pubs.open(one)
	if f == nil { // it has just arrived
		return in, false
	}
	c.pubs = append(c.pubs, one)
	c.run.daemon.log.Debug("a node begins before its input is stored", "node", c.Path)
	return runtime.Input{Type: string(v.Type), File: f, Size: v.Size, Digest: v.Digest, Head: one.head, Filled: one.wait}, true
}

// open opens the file of a publication once more, for reading; nil: it has ended.
func (p *publications) open(one *publication) *os.File {
	p.mu.Lock() // so that the descriptor is not another file's meanwhile
	defer p.mu.Unlock()
	if one.ended() {
		return nil
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", one.file.Fd()))
	if err != nil {
		return nil
	}
	return f
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
