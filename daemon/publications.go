package daemon

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"levee/cache"
	"levee/graph/value"
)

// publications are the values of a pass that lie on a GPU, on their way into the cache: nodes that have them there need not wait for
// that. What made them, and what was made of them, is stored and recorded when they have arrived. A run ends after all have; when one was
// lost, it begins again, as with a stored value that turns out to be damaged.
type publications struct {
	ctx context.Context // of the pass
	all sync.WaitGroup

	mu   sync.Mutex
	list map[value.Digest]*publication // guarded by mu, as all below
	err  error                         // the first
	over bool                          // nothing begins any more
	ends chan struct{}                 // closed then
}

// publication is one of them. What the node's worker says of it is verified when it arrives.
type publication struct {
	typ  value.Type
	size int64
	head []byte        // how the value begins
	done chan struct{} // closed when the value is in the cache, or never will be
	err  error         // set before that
	held bool          // likewise: there was no room in the cache, so the value is in file only
	ends chan struct{} // closed when the pass has ended: nobody needs the value any more

	mu      sync.Mutex
	file    *os.File      // is filled with the value; guarded by mu, as all below; nil when it can be had elsewhere, or nowhere
	decide  chan struct{} // closed when somebody needs the value elsewhere than on its GPU, or nobody ever will
	decided bool          // decide is closed
	unread  bool          // nobody will
	readers int           // nodes on its GPU that are still to use it
}

// begin readies the publications for a pass.
func (p *publications) begin(ctx context.Context) {
	p.letGo()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx, p.list, p.err, p.over, p.ends = ctx, map[value.Digest]*publication{}, nil, false, make(chan struct{})
}

// letGo forgets the values that are in memory only.
func (p *publications) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.list {
		if one.ended() {
			one.close()
		}
	}
}

// end waits for all, and says what went wrong.
func (p *publications) end() error {
	p.mu.Lock()
	p.over = true // what a node does for others, when this run has ended, does not come into it
	close(p.ends)
	p.mu.Unlock()
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
func (p *publication) arrived() {
	if !p.held {
		p.close()
	}
	close(p.done)
}

func (p *publication) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		_ = p.file.Close()
		p.file = nil
	}
}

// of finds the publication of a value that has not arrived, or never will; nil: there is none.
func (p *publications) of(d value.Digest) *publication {
	if one := p.known(d); one != nil && (!one.ended() || one.err != nil) {
		return one
	}
	return nil
}

// known finds the publication of a value in this pass.
func (p *publications) known(d value.Digest) *publication {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list[d]
}

// enter finds the publication of a value, or begins one, which the caller fills. When something else is said of what is on its way under
// that digest it waits for that: what is verified of one is not what was said of the other. Readers are those of use.
func (p *publications) enter(ctx context.Context, v value.Value, head []byte, readers int) (one *publication, begun bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		one = p.list[v.Digest]
		same := one != nil && one.typ == v.Type && one.size == v.Size && bytes.Equal(one.head, head)
		if one == nil || one.ended() && !(same && one.held) {
			break
		}
		if same && one.use(readers) {
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
	one = &publication{typ: v.Type, size: v.Size, head: head, file: os.NewFile(uintptr(fd), "levee-value"), done: make(chan struct{}), ends: p.ends,
		decide: make(chan struct{})}
	one.use(readers)
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

// wait waits until the value has arrived, which it does now if it did not have to before.
func (p *publication) wait(ctx context.Context) error {
	p.need()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// arrive waits until all of a list have arrived.
func arrive(ctx context.Context, list []*publication) error {
	for _, one := range list {
		if err := one.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// verified waits until inputs have arrived that are on their way: a worker that was taken over can name any digest, and gets nothing by it
// that others made of what has that digest.
func (p *publications) verified(ctx context.Context, inputs []value.Value) error {
	return arrive(ctx, p.late(nil, inputs))
}

// stored waits until all of a list are in the cache, where others find them.
func stored(ctx context.Context, list []*publication) error {
	err := arrive(ctx, list)
	for _, one := range list {
		if err == nil && one.held {
			err = cache.ErrFull
		}
	}
	return err
}

// start has something done before the pass ends; false: it has ended.
func (p *publications) start(do func(context.Context)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx := p.ctx; !p.over {
		p.all.Go(func() { do(ctx) })
	}
	return !p.over
}

// beside does something when values have arrived; not, when one of them did not, or the pass has ended.
func (p *publications) beside(list []*publication, do func(context.Context)) {
	p.start(func(ctx context.Context) {
		if arrive(ctx, list) == nil {
			do(ctx)
		}
	})
}

// late are the publications that an invocation's record waits for: its own, and those of outputs that others made, but for what rests.
func (p *publications) late(own []*publication, outputs []value.Value) (list []*publication) {
	for _, v := range outputs {
		if one := p.of(v.Digest); one != nil {
			own = append(own, one)
		}
	}
	for _, one := range own {
		if !one.rests() {
			list = append(list, one)
		}
	}
	return list
}

// open opens the file of a publication once more, for reading; nil: the value can be had elsewhere, or nowhere.
func (p *publication) open() *os.File {
	p.mu.Lock() // so that the descriptor is not another file's meanwhile
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", p.file.Fd()))
	if err != nil {
		return nil
	}
	return f
}
