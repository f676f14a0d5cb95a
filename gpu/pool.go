package gpu

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/cuda"
	"levee/gpu/device"
	"levee/gpu/op"
)

// PoolConfig is what a pool is made of. The zero value of a field means what its comment says.
type PoolConfig struct {
	Cache string // folder where the driver keeps what it compiled; "": where it likes
	// OnLost is called when a worker died, and with it everything that its sessions held on the device.
	OnLost func(device, reason string)
	Log    *slog.Logger // nil: nothing is logged

	// Tests have other ones.
	library string          // of the driver; "": cuda.Library, which the loader finds
	idle    time.Duration   // how long a worker without sessions stays; 0: a minute
	stuck   time.Duration   // how long a call of the driver may take; 0: 20 s
	compile time.Duration   // how long it may take to compile a kernel, and as long again for each 64 KiB of it; 0: 30 s
	start   time.Duration   // how long a worker may take to open its device; 0: a minute
	dying   time.Duration   // how long a worker may take to die, when it says that it does, and when it is killed; 0: 2 s
	turn    time.Duration   // how long an owner waits until a worker of others, which is never without sessions, gets no more; 0: 10 s
	backoff []time.Duration // between workers that die
}

// Pool starts, feeds and ends GPU workers: one for each device and owner, so that owners share no process and no context.
type Pool struct {
	cfg PoolConfig

	mu     sync.Mutex
	hosts  map[hostKey]*host // guarded by mu, as all below
	next   map[string]string // by device: the owner for whom a worker there gets no more sessions
	undead map[*process]bool // workers that were killed and do not die: their devices get no more work
	change chan struct{}     // closed, and made anew, when a worker or a session ends
	// running is how many workers have not come to their end, which is when nobody has anything to do with them any more.
	running int
	closed  bool
}

type hostKey struct{ device, owner string }

// Request asks for a session.
type Request struct {
	Device string // its identity: a UUID as the driver writes it, or anything else that tells it from others
	Index  int    // the driver's number of the device, where Device is no UUID
	Owner  string // who shares a worker: the workflow's file
	Memory int64  // bytes that the session may hold
	Total  int64  // bytes of the device; 0: not known
	Alone  bool   // the device lets one process use it at a time
	Beside bool   // it goes with a session that the owner has: it does not wait for others' turns
}

// smallDevice has room for one context beside the tensors; others for two.
const smallDevice = 8 << 30

func (r *Request) most() int {
	if r.Alone || r.Total > 0 && r.Total < smallDevice {
		return 1
	}
	return 2
}

// Lease is a session that was opened. File is its socket, for the process that is to use it.
type Lease struct {
	File *os.File

	pool  *Pool
	on    *process
	ended <-chan struct{}
	once  sync.Once
}

// Ended is closed when nothing of the session is left on the device, some time after the lease was closed: what it held is free then.
func (l *Lease) Ended() <-chan struct{} { return l.ended }

// NewPool makes a pool. It starts nothing; the workers are this program, which must call WorkerMain.
func NewPool(cfg PoolConfig) *Pool {
	cfg.library = cmp.Or(cfg.library, cuda.Library)
	cfg.idle = cmp.Or(cfg.idle, time.Minute)
	cfg.stuck = cmp.Or(cfg.stuck, 20*time.Second)
	cfg.compile = cmp.Or(cfg.compile, device.CompileTime)
	cfg.start = cmp.Or(cfg.start, time.Minute)
	cfg.turn = cmp.Or(cfg.turn, 10*time.Second)
	cfg.dying = cmp.Or(cfg.dying, 2*time.Second)
	if cfg.backoff == nil {
		cfg.backoff = []time.Duration{time.Second, 4 * time.Second, 16 * time.Second}
	}
	if cfg.OnLost == nil {
		cfg.OnLost = func(string, string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Pool{cfg: cfg, hosts: map[hostKey]*host{}, next: map[string]string{}, undead: map[*process]bool{}, change: make(chan struct{})}
}

// errClosed is what a closed pool answers.
var errClosed = op.Errorf(op.Unavailable, "levee is stopping")

// Session opens a session, in the owner's worker for the device, which is started if need be. It waits while too many other workers are
// at the device, and after a worker died. The error is the context's, or an *op.Error: Unavailable.
func (p *Pool) Session(ctx context.Context, r Request) (*Lease, error) {
	began, tries := time.Now(), 0
	defer p.leaveLine(r)
	for {
		w, wait, err := p.reserve(r, time.Since(began))
		if err == nil && w == nil {
			if err = wait.over(ctx); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			p.release(w)
			return nil, context.Cause(ctx)
		}
		lease, err := p.open(ctx, w, r.Memory)
		if err == nil {
			return lease, nil
		}
		p.release(w)
		if err = p.again(ctx, err, &tries); err != nil {
			return nil, err
		}
	}
}

// again waits for the next attempt; else it gives the error. Memory that is short now may come back, now and then.
func (p *Pool) again(ctx context.Context, err error, tries *int) error {
	if errors.Is(err, errGone) {
		return nil
	}
	var fault *op.Error
	if !errors.As(err, &fault) || fault.Fault != op.OverQuota || *tries >= len(p.cfg.backoff) {
		return err
	}
	wait := pause{after: p.cfg.backoff[*tries]}
	*tries++
	return wait.over(ctx)
}

// pause is what a session must wait for: a time, or a change in the pool.
type pause struct {
	after  time.Duration
	change <-chan struct{}
}

func (p *pause) over(ctx context.Context) error {
	var timer <-chan time.Time
	if p.after > 0 {
		t := time.NewTimer(p.after)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
	case <-p.change:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// reserve takes a place in the owner's worker, so that it does not leave, or says what to wait for.
func (p *Pool) reserve(r Request, waited time.Duration) (*process, *pause, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, errClosed
	}
	for w := range p.undead {
		if w.host.key.device == r.Device {
			return nil, nil, op.Errorf(op.Unavailable, "the process at the GPU was killed and does not end (%s): somebody has to look at the machine", w.lost)
		}
	}
	h := p.host(hostKey{r.Device, r.Owner})
	if h.now == nil {
		wait, err := h.resting(p.cfg.backoff)
		switch {
		case err != nil:
			return nil, nil, err
		case wait > 0:
			return nil, &pause{after: wait, change: p.change}, nil
		case !p.makeRoom(&r, waited):
			return nil, &pause{after: p.cfg.turn - waited, change: p.change}, nil
		}
		h.now = p.start(h, &r)
		p.hasTurn(r)
	}
	if h.now.leaving || h.now.doomed || h.now.yields && !r.Beside {
		return nil, &pause{change: p.change}, nil
	}
	h.now.leases++
	h.now.idle.Stop()
	return h.now, nil, nil
}

// host is called with the lock held. Those of which there is nothing to remember go.
func (p *Pool) host(key hostKey) *host {
	h := p.hosts[key]
	if h == nil {
		maps.DeleteFunc(p.hosts, func(_ hostKey, other *host) bool { return other.forgotten() })
		h = &host{key: key}
		p.hosts[key] = h
	}
	return h
}

// makeRoom says whether one more worker may be at a device now. One without sessions gives way, and for an owner who has waited for long
// enough one that has some gets no more. Called with the lock held.
func (p *Pool) makeRoom(r *Request, waited time.Duration) bool {
	if next := p.next[r.Device]; next != "" && next != r.Owner {
		return false
	}
	live := 0
	var gives, busy *process
	for key, h := range p.hosts {
		if key.device != r.Device || h.now == nil {
			continue
		}
		live++
		if h.now.leases == 0 {
			gives = h.now
		} else if busy == nil || h.now.begun.Before(busy.begun) {
			busy = h.now
		}
	}
	if live < r.most() {
		return true
	}
	if gives != nil {
		gives.leave()
	} else if waited >= p.cfg.turn {
		busy.yields = true
		p.next[r.Device] = r.Owner
	}
	return false
}

// leaveLine is called when somebody waits no more.
func (p *Pool) leaveLine(r Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hasTurn(r)
}

// hasTurn lets others be the next at a device. Called with the lock held.
func (p *Pool) hasTurn(r Request) {
	if p.next[r.Device] == r.Owner {
		delete(p.next, r.Device)
		p.changed()
	}
}

// errGone says that the worker has ended meanwhile.
var errGone = errors.New("the GPU worker has ended")

// open has a worker that is ready begin a session, and waits until it has.
func (p *Pool) open(ctx context.Context, w *process, memory int64) (*Lease, error) {
	// Not our socket package's: its descriptors do not block, and whoever shares one shares that.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, op.Errorf(op.Unavailable, "socketpair: %v", err)
	}
	defer unix.Close(pair[1])
	begun, ended, number, err := w.begin(memory, pair[1])
	if err == nil {
		select {
		case err = <-begun:
		case <-ctx.Done():
			w.forget(number)
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, err
	}
	return &Lease{File: os.NewFile(uintptr(pair[0]), "gpu session"), pool: p, on: w, ended: ended}, nil
}

// Close ends the lease: the process that got the descriptor of its file has ended the session, or is to lose it.
func (l *Lease) Close() {
	l.once.Do(func() {
		_ = unix.Shutdown(int(l.File.Fd()), unix.SHUT_WR) // whoever else has it
		_ = l.File.Close()
		l.pool.release(l.on)
	})
}

func (p *Pool) release(w *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.leases--
	if w.leases == 0 && !w.gone {
		if w.idle.Reset(p.cfg.idle); w.yields {
			w.leave()
		}
		p.changed()
	}
}

// changed wakes those who wait for a change. Called with the lock held.
func (p *Pool) changed() {
	close(p.change)
	p.change = make(chan struct{})
}

// Close ends all workers. What does not even end when it is killed it waits for no longer than it takes to know.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, h := range p.hosts {
		if h.now != nil {
			h.now.leave()
		}
	}
	p.changed()
	for p.running > len(p.undead) {
		wait := pause{change: p.change}
		p.mu.Unlock()
		_ = wait.over(context.Background())
		p.mu.Lock()
	}
}
