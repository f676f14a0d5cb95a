package gpu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/op"
)

var errNonsense = errors.New("the other side of the session speaks nonsense")

// server is the worker's side of one session. It believes nothing: requests are checked, graphs and kernels are copied before they are
// looked at, and the executor checks handles, bounds and graphs itself.
type server struct {
	fd int
	reader
	mem    []byte // staging
	exec   Executor
	work   int64
	failed error // of a request that has no reply: every later reply tells it

	in   []byte // received, from next on
	next int
	out  []byte
	copy []byte // of a graph

	kernels int // that were asked for

	pin      func([]byte) error // lets the device reach the staging memory; nil: it cannot, or does
	pinned   bool
	moved    int64                        // bytes that went through it
	patience func() time.Duration         // what the graphs that were submitted may still take
	since    atomic.Int64                 // when the present request was begun, in nanoseconds; 0: none is in hand
	launched atomic.Pointer[atomic.Int64] // of the executor
	seen     int64                        // of launched, by the watchdog
	due      atomic.Int64                 // when the device must be done with what was submitted
}

// run serves requests until the session's socket is closed, or the device is lost, which is the error.
func (s *server) run() error {
	s.in = make([]byte, 0, 64*requestSize)
	for {
		r, err := s.request()
		if err != nil {
			return nil // the session is over, or speaks nonsense, which comes to the same
		}
		s.begin()
		rep, err := s.handle(&r)
		var fault *op.Error
		if err != nil {
			if !errors.As(err, &fault) {
				fault = op.Errorf(op.Lost, "%v", err)
			}
			if fault.Fault == op.Lost {
				return fault
			}
			rep = reply{fault: fault.Fault, text: fault.Detail, ended: s.failed != nil || fault.Fault == op.Trapped || fault.Last}
			if fault.Last { // the client is told whatever it asks for next, if it asks
				rep.class = s.exec.Class()
				s.out = rep.append(s.out)
				_ = s.flush()
				return op.Errorf(op.Lost, "%s", fault.Detail)
			}
		}
		s.since.Store(0)
		s.expect()
		switch {
		case r.replies():
			rep.class = s.exec.Class()
			s.out = rep.append(s.out)
		case err != nil && s.failed == nil:
			s.failed = err
		}
	}
}

// begin says that a request is in hand, or the end of the session, which the watchdog looks at.
func (s *server) begin() {
	s.expect()
	s.since.Store(time.Now().UnixNano())
}

// longest is how long a call of the driver may wait for what was submitted, whatever that may take.
const longest = 10 * time.Minute

// expect says until when the device may be busy with what was submitted.
func (s *server) expect() { s.due.Store(time.Now().Add(min(s.patience(), longest)).UnixNano()) }

// request takes the next one, and sends replies before it waits for it.
func (s *server) request() (r request, err error) {
	for len(s.in)-s.next < requestSize {
		if err := s.flush(); err != nil {
			return r, err
		}
		s.in = s.in[:copy(s.in, s.in[s.next:])]
		s.next = 0
		n, err := s.read(s.fd, s.in[len(s.in):cap(s.in)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return r, err
		case n == 0:
			return r, io.EOF
		}
		s.in = s.in[:len(s.in)+n]
	}
	b := (*[requestSize]byte)(s.in[s.next:])
	s.next += requestSize
	return readRequest(b)
}

func (s *server) flush() error {
	for b := s.out; len(b) > 0; {
		n, err := unix.SendmsgN(s.fd, b, nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	s.out = s.out[:0]
	return nil
}

// handle does what a request asks for.
func (s *server) handle(r *request) (reply, error) {
	if s.failed != nil && r.verb != doInfo {
		return reply{}, s.failed
	}
	staged := s.mem[r.at:][:r.size:r.size]
	switch r.verb {
	case doInfo:
		i := s.exec.Info()
		text, err := json.Marshal(about{Name: i.Name, Memory: i.Memory, Work: s.work})
		return reply{text: string(text)}, err
	case doSync:
		return reply{}, nil
	case doAlloc:
		d, err := readDesc(slices.Clone(staged[:min(len(staged), maxHead+1)]))
		if err != nil {
			return reply{}, op.Errorf(op.BadGraph, "%v", err)
		}
		h, err := s.exec.Alloc(d)
		return reply{value: uint64(h)}, err
	case doFree:
		return reply{}, s.exec.Free(op.Handle(r.a))
	case doUpload:
		s.moves(len(staged))
		return reply{}, s.exec.Upload(op.Handle(r.a), int64(r.b), staged)
	case doDownload:
		s.moves(len(staged))
		return reply{}, s.exec.Download(op.Handle(r.a), int64(r.b), staged)
	case doKernel:
		if s.kernels >= maxKernels {
			return reply{}, op.Errorf(op.BadKernel, "more than %d kernels", maxKernels)
		}
		s.kernels++
		return s.kernel(r.a, slices.Clone(staged))
	case doSubmit:
		return reply{}, s.submit(r.a, staged)
	case doFind, doKeep, doOffer, doFetch, doRelease:
		if k, ok := s.exec.(holder); ok {
			return s.kept(k, r, staged)
		}
		return reply{}, nil
	default: // doWait
		return reply{}, s.exec.Wait(r.a, r.most())
	}
}

// kernel makes one of a module behind a name of n bytes.
func (s *server) kernel(n uint64, p []byte) (reply, error) {
	n = min(n, uint64(len(p)))
	h, err := s.exec.Kernel(p[n:], kernelExport)
	if named, ok := s.exec.(namer); ok && err == nil {
		named.NameKernel(h, string(p[:n]))
	}
	return reply{value: uint64(h)}, err
}

// kept handles the requests about what is kept.
func (s *server) kept(k holder, r *request, staged []byte) (reply, error) {
	switch r.verb {
	case doKeep:
		return reply{}, k.Keep(op.Handle(r.a), slices.Clone(staged[:min(len(staged), maxFront)]))
	case doOffer:
		digest, ok, err := k.Offer(op.Handle(r.a), slices.Clone(staged[:min(len(staged), maxFront)]))
		if !ok || err != nil {
			return reply{}, err
		}
		return reply{text: string(digest[:])}, nil
	}
	if len(staged) < 32 {
		return reply{}, op.Errorf(op.BadGraph, "%d bytes are no digest", len(staged))
	}
	digest := [32]byte(staged)
	switch r.verb {
	case doFetch:
		n, err := k.Fetch(digest, int64(r.b), staged)
		return reply{value: uint64(n)}, err
	case doRelease:
		k.Release(digest)
		return reply{}, nil
	}
	b := slices.Clone(staged[32:min(len(staged), 32+maxFront+maxHead+1)])
	n := min(r.a, uint64(len(b)))
	d, err := readDesc(b[n:])
	if err != nil {
		return reply{}, op.Errorf(op.BadGraph, "%v", err)
	}
	h, err := k.Find(digest, b[:n], d)
	return reply{value: uint64(h)}, err
}

func (s *server) submit(fence uint64, staged []byte) error {
	if len(staged) > op.MaxGraph {
		return op.Errorf(op.BadGraph, "a graph of %d bytes", len(staged))
	}
	s.copy = append(s.copy[:0], staged...)
	got, err := s.exec.Submit(s.copy)
	if err == nil && got != fence {
		err = op.Errorf(op.BadGraph, "a graph with fence %d, which became %d", fence, got)
	}
	return err
}

// pinFrom is how much a session must have moved for it to pay that the device reaches its staging memory by itself.
const pinFrom = 32 << 20

func (s *server) moves(n int) {
	if s.moved += int64(n); s.moved >= pinFrom && s.pin != nil {
		pin := s.pin
		if s.pin = nil; pin(s.mem) == nil {
			s.pinned = true
		}
	}
}

// greet begins a session: it hands the staging memory over.
func greet(fd, memfd int) error {
	defer unix.Close(memfd)
	if err := unix.Sendmsg(fd, []byte{1}, unix.UnixRights(memfd), nil, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	return nil
}
