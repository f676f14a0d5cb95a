package cache

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"runtime/debug"
	"sync"
)

// ErrClosed is the result of work in flight when the cache is closed.
var ErrClosed = errors.New("cache: closed")

var errNoResult = errors.New("cache: the work ended without a result")

// PanicError is what those get who wait for work that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// flights holds the work in flight, by key. All fields are guarded by mu.
type flights struct {
	mu     sync.Mutex
	open   map[Key]*flight
	closed bool
	end    sync.WaitGroup
}

// flight is one piece of work and those who wait for it.
type flight struct {
	done    chan struct{} // closed when entry and err are set
	shared  chan struct{} // closed when a second one waits; made and closed under flights.mu
	entry   *Entry
	err     error
	waiters int // guarded by flights.mu
	cancel  context.CancelCauseFunc
}

// Shared gives the channel that is closed once somebody else waits for the work too that a context of Join's fn belongs to; nil
// for another context.
func Shared(ctx context.Context) <-chan struct{} {
	f, _ := ctx.Value(flightKey{}).(*flight)
	if f == nil {
		return nil
	}
	return f.shared
}

type flightKey struct{}

// Join runs fn, unless equal work is in flight already: then it waits for that, and joined is true. Everybody gets the
// same entry, which must not be changed, or the same error. One who leaves through ctx gets ctx's error and ends the work
// for nobody else; when the last one leaves, the context of fn ends. fn runs in a goroutine of its own, with the values of
// the first caller's context; a panic of it becomes a *PanicError for all.
func (c *Cache) Join(ctx context.Context, k Key, fn func(context.Context) (*Entry, error)) (e *Entry, joined bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	f, joined, err := c.joins.board(ctx, k, fn)
	if err != nil {
		return nil, false, err
	}
	if joined {
		c.count.joined.Add(1)
	}
	select {
	case <-f.done:
		return f.entry, joined, f.err
	case <-ctx.Done():
		c.joins.leave(k, f, ctx)
		return nil, joined, ctx.Err()
	}
}

func (fs *flights) board(ctx context.Context, k Key, fn func(context.Context) (*Entry, error)) (*flight, bool, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return nil, false, ErrClosed
	}
	if f := fs.open[k]; f != nil {
		f.waiters++
		f.share()
		return f, true, nil
	}
	// Not ended by the first caller, who may leave before the others.
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f := &flight{done: make(chan struct{}), shared: make(chan struct{}), waiters: 1, cancel: cancel}
	inner = context.WithValue(inner, flightKey{}, f)
	if fs.open == nil {
		fs.open = map[Key]*flight{}
	}
	fs.open[k] = f
	fs.end.Go(func() {
		deepen()
		defer fs.land(k, f)
		defer cancel(nil)
		f.err = errNoResult // it stays when fn ends its goroutine (runtime.Goexit) and sets no other
		defer func() {
			if p := recover(); p != nil {
				f.entry, f.err = nil, &PanicError{Value: p, Stack: debug.Stack()}
			}
		}()
		f.entry, f.err = fn(inner)
	})
	return f, false, nil
}

// deepen makes room on the stack of a new goroutine at once, while there is nothing on it to be moved: grown by and by, it is moved three
// times, which takes longer than all that a small node has to do here.
//
//go:noinline
func deepen() {
	var room [3 << 10]byte
	goruntime.KeepAlive(&room[0])
}

func (f *flight) share() {
	select {
	case <-f.shared:
	default:
		close(f.shared)
	}
}

// land makes the result known. From then on equal work is new work, which finds the result in the cache.
func (fs *flights) land(k Key, f *flight) {
	fs.mu.Lock()
	if fs.open[k] == f {
		delete(fs.open, k)
	}
	fs.mu.Unlock()
	close(f.done)
}

func (fs *flights) leave(k Key, f *flight, ctx context.Context) {
	fs.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last && fs.open[k] == f {
		delete(fs.open, k) // nobody may board work that is being ended
	}
	fs.mu.Unlock()
	if last {
		f.cancel(context.Cause(ctx))
	}
}

func (fs *flights) close() {
	fs.mu.Lock()
	fs.closed = true
	for _, f := range fs.open {
		f.cancel(ErrClosed)
	}
	fs.mu.Unlock()
	fs.end.Wait()
}
