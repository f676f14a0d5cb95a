// Package cpu runs graphs of ops on the processors. It is what a node gets where there is no GPU, and what the results of GPUs are compared with:
// an op of class op.Exact has here the very bits that it has on every device.
package cpu

import (
	"slices"
	"time"

	"levee/gpu/kernel"
	"levee/gpu/op"
)

// Machine is the memory that tensors live in, and the node's kernels compiled beside it: the companion module of gpu/kernel.
type Machine interface {
	// Memory is all of it, a page of 64 KiB at least. Tensors come behind what is there when the executor is made. After Grow it may be
	// elsewhere.
	Memory() []byte
	// Grow adds at least so many zero bytes.
	Grow(bytes int64) bool
	// Call runs a batch function of the companion.
	Call(function string, args ...uint64) (uint64, error)
}

// object is what a handle names: a tensor, or a kernel.
type object struct {
	desc   op.Desc
	at     span
	kernel *kernel.Entry // nil: a tensor
}

// Executor holds the tensors and kernels of one session. It is for one goroutine.
type Executor struct {
	info    op.Info
	arena   arena
	objects op.Table[*object]
	module  []byte         // the node's
	entries []kernel.Entry // what the machine can run
	looked  bool           // for them
	lim     op.Limits
	class   op.Class
	fence   uint64
	failed  error  // of the first graph that failed
	at      uint64 // its fence
	told    bool   // the session knows: nothing works any more
}

// New makes an executor that holds at most quota bytes of tensors in the machine's memory, and refuses graphs of more work than work.
// module is the node's, whose companion the machine is.
func New(m Machine, module []byte, info op.Info, quota, work int64) *Executor {
	own := max(page, (int64(len(m.Memory()))+align-1)/align*align)
	e := &Executor{info: info, module: module, arena: arena{machine: m, base: own, end: own, limit: quota / align * align}, lim: op.Limits{Work: work}}
	e.info.Memory = e.arena.limit
	return e
}

// Info says what runs the graphs.
func (e *Executor) Info() op.Info { return e.info }

// Class is op.Device once a graph gave results that other machines round otherwise.
func (e *Executor) Class() op.Class { return e.class }

// Alloc makes a tensor of zeros.
func (e *Executor) Alloc(d op.Desc) (op.Handle, error) {
	if err := e.broken(); err != nil {
		return 0, err
	}
	if err := d.Check(); err != nil {
		return 0, op.Errorf(op.BadGraph, "%v", err)
	}
	if e.objects.Len() >= op.MaxObjects {
		return 0, op.Errorf(op.OverQuota, "more than %d tensors and kernels", op.MaxObjects)
	}
	used := e.arena.end
	at, ok := e.arena.take(d.Bytes())
	if !ok {
		return 0, op.Errorf(op.OverQuota, "there is no room for %v: %d bytes of %d in one piece", d, d.Bytes(), e.arena.limit)
	}
	clear(e.arena.bytes(at, max(0, min(at.size, used-at.at))))
	return e.objects.Add(&object{desc: op.Desc{DType: d.DType, Shape: slices.Clone(d.Shape)}, at: at}), nil
}

// Desc says what a tensor is.
func (e *Executor) Desc(h op.Handle) (op.Desc, error) {
	if err := e.broken(); err != nil {
		return op.Desc{}, err
	}
	o, err := e.tensor(h)
	if err != nil {
		return op.Desc{}, err
	}
	return o.desc, nil
}

// Free forgets a tensor or a kernel.
func (e *Executor) Free(h op.Handle) error {
	o, ok := e.objects.Remove(h)
	if !ok {
		return op.Errorf(op.BadHandle, "%#x is nothing of this session", uint64(h))
	}
	if o.kernel == nil {
		e.arena.give(o.at)
	}
	return nil
}

// Upload writes bytes of a tensor, from off.
func (e *Executor) Upload(h op.Handle, off int64, p []byte) error {
	mem, err := e.window(h, off, len(p))
	copy(mem, p)
	return err
}

// Download reads bytes of a tensor, from off, after everything that was submitted before.
func (e *Executor) Download(h op.Handle, off int64, p []byte) error {
	mem, err := e.window(h, off, len(p))
	if err != nil || len(p) == 0 {
		return err
	}
	if err := e.tell(e.fence); err != nil {
		return err
	}
	copy(p, mem)
	return nil
}

func (e *Executor) window(h op.Handle, off int64, n int) ([]byte, error) {
	if err := e.broken(); err != nil {
		return nil, err
	}
	o, err := e.tensor(h)
	if err != nil {
		return nil, err
	}
	size := o.desc.Bytes()
	if off < 0 || off > size || int64(n) > size-off {
		return nil, op.Errorf(op.OutOfBounds, "%d bytes from %d of a tensor %v of %d", n, off, o.desc, size)
	}
	return e.arena.bytes(o.at, size)[off:][:n], nil
}

func (e *Executor) tensor(h op.Handle) (*object, error) {
	o, ok := e.objects.Get(h)
	if !ok || o.kernel != nil {
		return nil, op.Errorf(op.BadHandle, "%#x is no tensor of this session", uint64(h))
	}
	return o, nil
}

// Kernel prepares a function of a module for Map.
func (e *Executor) Kernel(module []byte, export string) (op.Handle, error) {
	if err := e.broken(); err != nil {
		return 0, err
	}
	if e.objects.Len() >= op.MaxObjects {
		return 0, op.Errorf(op.OverQuota, "more than %d tensors and kernels", op.MaxObjects)
	}
	k, err := e.prepare(module, export)
	if err != nil {
		return 0, err
	}
	return e.objects.Add(&object{kernel: k}), nil
}

// broken gives the error of a graph that the session was told of: what its tensors hold is not defined.
func (e *Executor) broken() error {
	if e.told {
		return e.failed
	}
	return nil
}

// Wait gives the error of the graphs up to a fence, if one failed. The time does not matter here: they have all run.
func (e *Executor) Wait(fence uint64, _ time.Duration) error {
	if err := e.broken(); err != nil {
		return err
	}
	if fence == 0 || fence > e.fence {
		return op.Errorf(op.BadHandle, "%d is no fence of this session", fence)
	}
	return e.tell(fence)
}

// tell gives the error of the graphs up to a fence.
func (e *Executor) tell(fence uint64) error {
	if e.failed != nil && e.at <= fence {
		e.told = true
	}
	return e.broken()
}

// Close forgets everything.
func (e *Executor) Close() error {
	e.objects, e.failed, e.told = op.Table[*object]{}, op.Errorf(op.Unavailable, "the session is closed"), true
	e.arena.free, e.arena.end, e.arena.limit = nil, e.arena.base, 0
	return nil
}
