package gpu

import (
	"io"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/kernel"
	"levee/gpu/op"
)

// Info says what the session runs on.
func (c *client) Info() op.Info { return c.info }

// Class is op.Device once a graph gave results of that class.
func (c *client) Class() op.Class { return c.class }

// Alloc makes a tensor of zeros.
func (c *client) Alloc(d op.Desc) (op.Handle, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	if err := d.Check(); err != nil {
		return 0, op.Errorf(op.BadGraph, "%v", err)
	}
	if err := c.room(); err != nil {
		return 0, err
	}
	if d.Bytes() > c.limits.Temp {
		return 0, op.Errorf(op.OverQuota, "there is no room for %v: %d bytes, %d of %d are left", d, d.Bytes(), c.limits.Temp, c.info.Memory)
	}
	return c.tensor(doAlloc, 0, appendDesc(nil, d), d)
}

// Find makes a tensor of what the worker keeps under a digest, if it keeps anything.
func (c *client) Find(digest [32]byte, head []byte, d op.Desc) (op.Handle, error) {
	if d.Bytes() > c.limits.Temp || c.room() != nil {
		return 0, nil // Alloc says so
	}
	return c.tensor(doFind, uint64(len(head)), appendDesc(append(digest[:], head...), d), d)
}

// tensor asks for a tensor, which may not be found.
func (c *client) tensor(v verb, a uint64, p []byte, d op.Desc) (op.Handle, error) {
	h, err := c.give(v, a, p)
	if err == nil && h != 0 {
		d.Shape = append([]int64(nil), d.Shape...)
		c.tensors[h] = d
		c.limits.Temp -= d.Bytes()
	}
	return h, err
}

// Keep asks the worker to keep a tensor. Nobody waits for that.
func (c *client) Keep(h op.Handle, head []byte) error {
	return c.sendWith(doKeep, uint64(h), head)
}

// Offer asks the worker to keep a tensor until it is released, and gives the value's digest.
func (c *client) Offer(h op.Handle, head []byte) (digest [32]byte, ok bool, err error) {
	r, err := c.askWith(doOffer, uint64(h), head)
	if err != nil || r.text == "" {
		return digest, false, err
	}
	if len(r.text) != len(digest) {
		return digest, false, c.lost(errNonsense)
	}
	return [32]byte([]byte(r.text)), true, nil
}

// fetch reads from a value that is kept: nothing at its end. What it gives is valid until the next request.
func (c *client) fetch(digest [32]byte, off int64) ([]byte, error) {
	b, at, err := c.stage(chunk)
	if err != nil {
		return nil, err
	}
	copy(b, digest[:])
	r, err := c.ask(&request{verb: doFetch, b: uint64(off), at: at, size: uint32(len(b))})
	if err == nil && r.value > uint64(len(b)) {
		err = c.lost(errNonsense)
	}
	if err != nil {
		return nil, err
	}
	return b[:r.value], nil
}

// release lets the worker drop what was offered.
func (c *client) release(digest [32]byte) error {
	return c.sendWith(doRelease, 0, digest[:])
}

// Retrieve writes a value that the owner's worker keeps to w, over a session's socket, and lets the worker drop it. op.Lost: it is not
// there, or not all of it, or the worker has not answered one request for so long.
func Retrieve(fd int, digest [32]byte, size int64, patience time.Duration, w io.Writer) error {
	most := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &most); err != nil {
		return op.Errorf(op.Unavailable, "SO_RCVTIMEO: %v", err)
	}
	e, err := Dial(fd)
	if err != nil {
		return err
	}
	defer e.Close()
	c := e.(*client)
	for off := int64(0); off < size; {
		p, err := c.fetch(digest, off)
		if err != nil {
			return err
		}
		if p = p[:min(int64(len(p)), size-off)]; len(p) == 0 {
			return op.Errorf(op.Lost, "the GPU worker keeps %d bytes of a value of %d", off, size)
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return c.release(digest)
}

// Release lets the owner's worker drop a value that it keeps, over a session's socket.
func Release(fd int, digest [32]byte) error {
	e, err := Dial(fd)
	if err != nil {
		return err
	}
	defer e.Close()
	return e.(*client).release(digest)
}

// fresh says whether a handle can be a new one.
func (c *client) fresh(h op.Handle) bool {
	_, tensor := c.tensors[h]
	_, kernel := c.kernels[h]
	return h != 0 && !tensor && !kernel
}

func (c *client) room() error {
	if len(c.tensors)+len(c.kernels) >= op.MaxObjects {
		return op.Errorf(op.OverQuota, "more than %d tensors and kernels", op.MaxObjects)
	}
	return nil
}

// give sends bytes and asks for the handle of what they make, or find.
func (c *client) give(v verb, a uint64, p []byte) (op.Handle, error) {
	r, err := c.askWith(v, a, p)
	if err != nil || v == doFind && r.value == 0 {
		return 0, err
	}
	h := op.Handle(r.value)
	if !c.fresh(h) {
		return 0, c.lost(errNonsense)
	}
	return h, nil
}

// Desc says what a tensor is.
func (c *client) Desc(h op.Handle) (op.Desc, error) {
	if c.failed != nil {
		return op.Desc{}, c.failed
	}
	d, ok := c.tensors[h]
	if !ok {
		return d, op.Errorf(op.BadHandle, "%#x is no tensor of this session", uint64(h))
	}
	return d, nil
}

// Free forgets a tensor or a kernel.
func (c *client) Free(h op.Handle) error {
	if d, ok := c.tensors[h]; ok {
		delete(c.tensors, h)
		c.limits.Temp += d.Bytes()
	} else if _, ok := c.kernels[h]; ok {
		delete(c.kernels, h)
	} else {
		return op.Errorf(op.BadHandle, "%#x is nothing of this session", uint64(h))
	}
	if c.failed != nil {
		return nil
	}
	return c.send(&request{verb: doFree, a: uint64(h)})
}

func (c *client) within(h op.Handle, off int64, n int) error {
	d, err := c.Desc(h)
	if err != nil {
		return err
	}
	if size := d.Bytes(); off < 0 || off > size || int64(n) > size-off {
		return op.Errorf(op.OutOfBounds, "%d bytes from %d of a tensor %v of %d", n, off, d, size)
	}
	return nil
}

// Upload writes a part of a tensor. While the worker takes in one half of the staging memory the other one is filled.
func (c *client) Upload(h op.Handle, off int64, p []byte) error {
	if err := c.within(h, off, len(p)); err != nil {
		return err
	}
	for len(p) > 0 {
		b, at, err := c.stage(min(len(p), half))
		if err != nil {
			return err
		}
		n := copy(b, p)
		if err := c.send(&request{verb: doUpload, a: uint64(h), b: uint64(off), at: at, size: uint32(n)}); err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// Download reads a part of a tensor. While one half of the staging memory is copied the worker fills the other.
func (c *client) Download(h op.Handle, off int64, p []byte) error {
	if err := c.within(h, off, len(p)); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	part := func(i int) *request {
		from := i * half
		return &request{verb: doDownload, a: uint64(h), b: uint64(off + int64(from)), at: uint32(i % 2 * half), size: uint32(min(half, len(p)-from))}
	}
	if len(p) <= half {
		if _, err := c.ask(part(0)); err != nil {
			return err
		}
		copy(p, c.mem)
		return nil
	}
	if _, err := c.ask(&request{verb: doSync}); err != nil { // uploads may still lie where the parts are to go
		return err
	}
	return c.downloadParts(p, part)
}

func (c *client) downloadParts(p []byte, part func(int) *request) error {
	parts := (len(p) + half - 1) / half
	if err := c.send(part(0)); err != nil {
		return err
	}
	var first error
	for i := range parts {
		if i+1 < parts {
			if err := c.send(part(i + 1)); err != nil {
				return err
			}
		}
		r, err := c.receive()
		if err != nil {
			return err
		}
		if r.fault != 0 && first == nil {
			first = &op.Error{Fault: r.fault, Detail: r.text}
		}
		copy(p[i*half:], c.mem[i%2*half:][:half])
	}
	return first
}

// Kernel makes a kernel of a function that a module exports. Only that function travels.
func (c *client) Kernel(module []byte, export string) (op.Handle, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	f, err := kernel.Parse(module, export)
	if err != nil {
		return 0, err
	}
	if err := c.room(); err != nil {
		return 0, err
	}
	name, code := export[:min(len(export), maxName)], f.Module()
	if len(name)+len(code) > half {
		return 0, op.Errorf(op.BadKernel, "a kernel of %d bytes", len(code))
	}
	h, err := c.give(doKernel, uint64(len(name)), append([]byte(name), code...))
	if err == nil {
		c.kernels[h] = f.Signature()
	}
	return h, err
}

// plan checks a graph as the worker will.
func (c *client) plan(graph []byte) (*op.Plan, error) {
	if c.failed != nil {
		return nil, c.failed
	}
	g, err := op.Decode(graph)
	if err != nil {
		return nil, err
	}
	return op.Check(g, func(h op.Handle) (op.Desc, bool) {
		d, ok := c.tensors[h]
		return d, ok
	}, func(h op.Handle) (op.Signature, bool) {
		s, ok := c.kernels[h]
		return s, ok
	}, c.limits)
}

// Submit checks a graph and sends it.
func (c *client) Submit(graph []byte) (uint64, error) {
	plan, err := c.plan(graph)
	if err != nil {
		return 0, err
	}
	if err := c.sendWith(doSubmit, c.fence+1, graph); err != nil {
		return 0, err
	}
	c.fence++
	c.class = max(c.class, plan.Class)
	return c.fence, nil
}

// Wait waits for a graph, at most so long.
func (c *client) Wait(fence uint64, most time.Duration) error {
	if c.failed != nil {
		return c.failed
	}
	if fence == 0 || fence > c.fence {
		return op.Errorf(op.BadHandle, "%d is no fence of this session", fence)
	}
	_, err := c.ask(&request{verb: doWait, a: fence, b: uint64(most)})
	return err
}

// Estimate says what a graph would take.
func (c *client) Estimate(graph []byte) (op.Cost, error) {
	plan, err := c.plan(graph)
	if err != nil {
		return op.Cost{}, err
	}
	return plan.Cost, nil
}

// Close lets go of the staging memory. The worker ends the session when its socket is closed.
func (c *client) Close() error {
	if c.mem == nil {
		return nil
	}
	mem := c.mem
	c.mem, c.failed = nil, op.Errorf(op.Unavailable, "the session is closed")
	return unix.Munmap(mem)
}
