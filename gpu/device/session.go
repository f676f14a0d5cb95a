package device

import (
	"cmp"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// Session is what one call of a node has on the device: tensors and kernels by handle, memory up to a quota, and a stream of its own. It
// is for one goroutine.
type Session struct {
	dev *Device
	lane
	arena   arena
	objects op.Table[object]
	tables  map[string]cuda.Ptr
	using   []string // keys of the tables that the op reads which is being lowered
	limits  op.Limits
	class   op.Class
	closed  bool
	fences
	Launched  atomic.Int64              // counts what gets a graph on: ops that were looked at, and launches, which the driver may hold up for as long as earlier ones take
	Gone      func() bool               // nil, or says that nobody is there any more who waits for anything
	launching func(file, kernel string) // nil, but for tests that count what goes through which built-in kernel
}

// object is what a handle names: a tensor, or else a kernel.
type object struct {
	tensor
	kernel *mapKernel
}

// Session begins one that may hold so many bytes. work bounds what one graph may compute, and move: see op.Limits.
func (d *Device) Session(quota, work int64) (*Session, error) {
	if err := d.Lost(); err != nil {
		return nil, err
	}
	lane, err := d.takeLane()
	if err != nil {
		return nil, d.fault(err)
	}
	s := &Session{dev: d, lane: lane, tables: map[string]cuda.Ptr{}, limits: op.Limits{Work: work}}
	s.arena = arena{quota: quota, used: map[cuda.Ptr]int64{}, take: s.take, give: s.give}
	return s, nil
}

// Close ends the session. What it submitted is done first, but for what is left of maps of kernels with loops, unless the device is lost.
func (s *Session) Close() error {
	if s.closed {
		return nil
	}
	s.closed, s.objects = true, op.Table[object]{}
	if s.dev.Lost() != nil { // only the end of the process frees anything now
		return nil
	}
	err := s.end()
	if err == nil {
		s.arena.give = s.dev.keepSlab // the stream is empty
		err = s.arena.close()
	}
	if err != nil && s.dev.Lost() == nil { // what it has there would be nobody's for ever
		return s.dev.lose("a session cannot be ended: %v", err)
	}
	s.dev.keepLane(s.lane)
	return s.dev.Lost()
}

// Info says what the session runs on.
func (s *Session) Info() op.Info {
	return op.Info{Kind: "cuda", Name: s.dev.Name, Memory: s.arena.quota}
}

// Class is Device once a graph was submitted whose results may differ between devices.
func (s *Session) Class() op.Class { return s.class }

// Alloc makes a tensor of zeros.
func (s *Session) Alloc(d op.Desc) (op.Handle, error) {
	if err := d.Check(); err != nil {
		return 0, op.Errorf(op.BadGraph, "%v", err)
	}
	if err := s.oneMore(); err != nil {
		return 0, err
	}
	at, err := s.alloc(d.Bytes())
	if err != nil {
		return 0, err
	}
	if err := s.dev.Set8(at, 0, d.Bytes(), s.stream); err != nil {
		return 0, s.dev.fault(err)
	}
	d.Shape = append([]int64(nil), d.Shape...)
	return s.objects.Add(object{tensor: tensor{at, d}}), nil
}

// oneMore says whether there may be another handle.
func (s *Session) oneMore() error {
	if err := s.usable(); err != nil {
		return err
	}
	if s.objects.Len() >= op.MaxObjects {
		return op.Errorf(op.OverQuota, "a session has at most %d tensors and kernels", op.MaxObjects)
	}
	return nil
}

// Desc says what a tensor is.
func (s *Session) Desc(h op.Handle) (op.Desc, error) {
	t, err := s.tensor(h)
	return t.Desc, err
}

func (s *Session) tensor(h op.Handle) (tensor, error) {
	if err := s.usable(); err != nil {
		return tensor{}, err
	}
	o, ok := s.objects.Get(h)
	if !ok || o.kernel != nil {
		return tensor{}, op.Errorf(op.BadHandle, "%#x is no tensor of this session", uint64(h))
	}
	return o.tensor, nil
}

// Free ends a tensor or a kernel. Graphs that were submitted still find it: its memory is used again only by what comes later in the stream.
func (s *Session) Free(h op.Handle) error {
	o, ok := s.objects.Remove(h)
	if !ok {
		return op.Errorf(op.BadHandle, "%#x names nothing of this session", uint64(h))
	}
	if o.kernel == nil {
		s.arena.free(o.at)
	}
	return nil
}

// Upload writes p into a tensor, from the byte off on, after everything that was submitted before.
func (s *Session) Upload(h op.Handle, off int64, p []byte) error {
	at, err := s.within(h, off, len(p))
	if err != nil || len(p) == 0 {
		return err
	}
	if err := s.dev.Upload(at, p, s.stream); err != nil {
		return s.dev.fault(err)
	}
	if s.dev.isPinned(p) {
		return s.drain()
	}
	return nil
}

// Download reads from a tensor, once everything that was submitted before is done.
func (s *Session) Download(h op.Handle, off int64, p []byte) error {
	at, err := s.within(h, off, len(p))
	if err != nil || len(p) == 0 {
		return err
	}
	if err := s.fetch(p, at); err != nil {
		return err
	}
	return s.tell(s.last)
}

// bounceSize is how much goes through pinned memory of the session's own: copying it once more takes less than to wait twice.
const bounceSize = 64 << 10

// fetch downloads when all before is done. Memory that is not pinned the driver would fill in its own way, and wait for ever: see
// Session.wait.
func (s *Session) fetch(p []byte, at cuda.Ptr) error {
	if len(p) == 0 {
		return nil
	}
	to := p
	if !s.dev.isPinned(p) {
		var err error
		if len(p) > bounceSize {
			err = s.drain()
		} else if to, err = s.bounced(len(p)); err != nil {
			err = s.dev.fault(err)
		}
		if err != nil {
			return err
		}
	}
	if err := s.dev.Download(to, at, s.stream); err != nil {
		return s.dev.fault(err)
	}
	if err := s.drain(); err != nil {
		return err
	}
	if &to[0] != &p[0] {
		copy(p, to)
	}
	return nil
}

func (s *Session) bounced(n int) ([]byte, error) {
	if s.bounce == nil {
		b, err := s.dev.Pinned(bounceSize)
		if err != nil {
			return nil, err
		}
		s.bounce = b
	}
	return s.bounce[:n], nil
}

func (s *Session) within(h op.Handle, off int64, n int) (cuda.Ptr, error) {
	t, err := s.tensor(h)
	if err != nil {
		return 0, err
	}
	if size := t.Bytes(); off < 0 || off > size || int64(n) > size-off {
		return 0, op.Errorf(op.OutOfBounds, "%d bytes at %d of a tensor of %d", n, off, size)
	}
	return t.at + cuda.Ptr(off), nil
}

// Submit checks a graph and puts it into the stream.
func (s *Session) Submit(graph []byte) (uint64, error) {
	plan, err := s.check(graph)
	if err != nil {
		return 0, err
	}
	if err := s.room(); err != nil {
		return 0, err
	}
	if err := s.dev.unloadMaps(); err != nil {
		return 0, s.dev.fault(err)
	}
	l := &lower{s: s, dev: s.dev, plan: plan, at: make([]cuda.Ptr, len(plan.Tensors))}
	for i, t := range plan.Tensors {
		if t.Handle != 0 {
			known, _ := s.objects.Get(t.Handle)
			l.at[i] = known.at
		}
	}
	s.dev.code.RLock() // what was found in it stays until it is in the stream
	defer s.dev.code.RUnlock()
	s.arena.hold = true // what is given out from here on is in commands that are not in the stream yet
	if err = l.graph(); err == nil {
		if err = s.dev.fault(l.play()); err != nil && s.dev.Lost() == nil { // what of it is in the stream takes its time, which says nothing
			err = cmp.Or(s.put(mark{fence: s.last, most: max(patience, l.most()), loops: l.loops}), err)
		}
	}
	s.arena.letGo()
	if err != nil {
		l.abandon()
		return 0, err
	}
	s.class = max(s.class, plan.Class)
	return s.mark(l)
}

// Estimate says what a graph would take. It runs nothing.
func (s *Session) Estimate(graph []byte) (op.Cost, error) {
	plan, err := s.check(graph)
	if err != nil {
		return op.Cost{}, err
	}
	return plan.Cost, nil
}

func (s *Session) check(graph []byte) (*op.Plan, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	g, err := op.Decode(graph)
	if err != nil {
		return nil, err
	}
	limits := s.limits
	limits.Temp = s.arena.left()
	return op.Check(g, func(h op.Handle) (op.Desc, bool) {
		o, ok := s.objects.Get(h)
		return o.Desc, ok && o.kernel == nil
	}, s.signature, limits)
}

// alloc gives memory of the arena. Where there is none, what only saves time goes first.
func (s *Session) alloc(n int64) (cuda.Ptr, error) {
	at, err := s.arena.alloc(n)
	if err == nil || s.dev.Lost() != nil {
		return at, s.dev.fault(err)
	}
	for key := range s.tables {
		if !slices.Contains(s.using, key) {
			s.dropTable(key)
		}
	}
	if err = s.arena.shrink(); err == nil {
		at, err = s.arena.alloc(n)
	}
	if errors.Is(err, errFull) {
		return 0, op.Errorf(op.OverQuota, "%d bytes more: the session may hold %d, and %d are left, in pieces", n, s.arena.quota, s.arena.left())
	}
	return at, s.dev.fault(err)
}

// take gets a slab from the device, without what others left in it.
func (s *Session) take(n int64) (cuda.Ptr, error) {
	at, err := s.dev.takeSlab(n)
	if err != nil {
		return 0, err
	}
	return at, s.dev.Set8(at, 0, n, s.stream)
}

// give gives a slab back that nothing in the stream uses any more.
func (s *Session) give(slab span) error {
	if err := s.drain(); err != nil {
		return err
	}
	return s.dev.keepSlab(slab)
}

// builtin finds a built-in kernel for a launch.
func (s *Session) builtin(file, kernel string) (*function, error) {
	if s.launching != nil {
		s.launching(file, kernel)
	}
	return s.dev.builtin(file, kernel)
}

// dropTable forgets a table. What is in the stream still finds it, like a tensor that was freed.
func (s *Session) dropTable(key string) {
	if at, ok := s.tables[key]; ok {
		s.arena.free(at)
		delete(s.tables, key)
	}
}

// Wait waits until a graph is done, at most so long; less than zero: as long as it takes.
func (s *Session) Wait(fence uint64, most time.Duration) error {
	if err := s.usable(); err != nil {
		return err
	}
	if fence == 0 || fence > s.last {
		return op.Errorf(op.BadHandle, "%d is no fence of this session", fence)
	}
	if err := s.wait(fence, most); err != nil {
		return err
	}
	return s.tell(fence)
}
