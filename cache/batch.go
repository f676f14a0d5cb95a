package cache

import (
	"context"
	"sync"
	"time"

	"levee/cache/sqlite"
)

// Results for which nobody waits are stored together: a row of many takes a third of the time of one alone. They wait for others no
// longer than batchWait, and not at all when somebody wants them to be stored.
const (
	batchWait  = 20 * time.Millisecond
	batchMost  = 512
	batchBytes = 4 << 20 // of all that wait
)

// puts is the results that are on their way into the database. Its fields are guarded by mu.
type puts struct {
	mu    sync.Mutex
	room  sync.Cond // its lock is mu: bytes became less
	open  *batch    // takes more; nil: the next result begins one
	live  map[*batch]struct{}
	found map[Key]*Entry // what is in them
	bytes int64          // likewise
	keys  [1 << 10]Key   // of the last results
	count uint64         // of results ever
}

// batch is results that are stored in one transaction.
type batch struct {
	rows []*row
	due  chan struct{} // closed when it is to be stored now; guarded by puts.mu
	done chan struct{} // closed when each row has its end
}

// PutSoon is Put for those who do not wait: the result is found from now on, but is gone if levee ends before it is stored, which is soon.
// It blocks only while too much is on its way. An error to store it comes by WhenStored. Results with observations are for Put.
func (c *Cache) PutSoon(ctx context.Context, e *Entry) error {
	r, err := c.newRow(ctx, e)
	if err != nil {
		return err
	}
	_, err = c.add(ctx, r, false)
	return err
}

// WhenStored calls then, from any goroutine, once an entry is stored or cannot be, with the error of that. It must return soon.
func (c *Cache) WhenStored(e *Entry, then func(error)) {
	r := e.row
	if r == nil {
		then(nil)
		return
	}
	c.puts.mu.Lock()
	if !r.ended {
		r.then = append(r.then, then)
		c.puts.mu.Unlock()
		return
	}
	c.puts.mu.Unlock()
	then(r.err)
}

// Stored reports whether nothing is left to be done for an entry.
func (e *Entry) Stored() bool { return e.row == nil }

// Hurry has the results stored now that wait for others.
func (c *Cache) Hurry() {
	c.puts.mu.Lock()
	defer c.puts.mu.Unlock()
	c.puts.hurry()
}

// Flush returns when the results that were put before are stored, or cannot be.
func (c *Cache) Flush(ctx context.Context) error {
	p := &c.puts
	p.mu.Lock()
	p.hurry()
	live := make([]*batch, 0, len(p.live))
	for b := range p.live {
		live = append(live, b)
	}
	p.mu.Unlock()
	for _, b := range live {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Mark is a moment, for PutSince.
func (c *Cache) Mark() uint64 {
	c.puts.mu.Lock()
	defer c.puts.mu.Unlock()
	return c.puts.count
}

// PutSince reports whether a result may have been put under k, by this process, since a moment.
func (c *Cache) PutSince(mark uint64, k Key) bool {
	p := &c.puts
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count-mark > uint64(len(p.keys)) {
		return true
	}
	for ; mark < p.count; mark++ {
		if p.keys[mark%uint64(len(p.keys))] == k {
			return true
		}
	}
	return false
}

// add puts a row into a batch.
func (c *Cache) add(ctx context.Context, r *row, now bool) (*batch, error) {
	p := &c.puts
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.wait(ctx, r.bytes()); err != nil {
		return nil, err
	}
	b := p.open
	if b == nil {
		b = &batch{due: make(chan struct{}), done: make(chan struct{})}
		p.open = b
		p.live[b] = struct{}{}
		go c.storeBatch(b)
	}
	b.rows = append(b.rows, r)
	p.found[r.key], r.entry.row = r.entry, r
	p.bytes += r.bytes()
	p.keys[p.count%uint64(len(p.keys))] = r.key
	p.count++
	if now || len(b.rows) == batchMost {
		p.hurry()
	}
	if len(b.rows) == batchMost {
		p.open = nil
	}
	return b, nil
}

// wait waits until there is room for n bytes more. One alone always has room.
func (p *puts) wait(ctx context.Context, n int64) error {
	if p.bytes == 0 || p.bytes+n <= batchBytes {
		return nil
	}
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.room.Broadcast()
	})
	defer stop()
	for p.bytes > 0 && p.bytes+n > batchBytes {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.hurry()
		p.room.Wait()
	}
	return nil
}

func (p *puts) hurry() {
	if p.open == nil {
		return
	}
	select {
	case <-p.open.due:
	default:
		close(p.open.due)
	}
}

// begin gives the rows of a batch, which takes no more.
func (p *puts) begin(b *batch) []*row {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == b {
		p.open = nil
	}
	return b.rows
}

// storeBatch stores a batch when it is due. Until the writer gets to it, it takes more.
func (c *Cache) storeBatch(b *batch) {
	timer := time.NewTimer(c.opts.wait)
	select {
	case <-b.due:
	case <-timer.C:
	}
	timer.Stop()
	ctx := context.Background()
	err := c.write(ctx, func(tx *sqlite.Tx) error { return insertRows(tx, c.puts.begin(b)) })
	rows := c.puts.begin(b) // also when the writer never came to it
	var stored, grown int64
	for _, r := range rows {
		if r.err = err; err != nil && len(rows) > 1 { // one that cannot be stored is no reason to lose the others
			r.err = c.write(ctx, func(tx *sqlite.Tx) error { return insertRows(tx, []*row{r}) })
		}
		if r.err != nil {
			r.err = c.putFailed(r.err)
			continue
		}
		stored++
		grown += r.bytes()
	}
	c.count.stored.Add(stored)
	c.grown(grown)
	c.puts.end(b)
}

// end tells those who wait for a batch.
func (p *puts) end(b *batch) {
	p.mu.Lock()
	for _, r := range b.rows {
		if p.found[r.key] == r.entry {
			delete(p.found, r.key)
		}
		p.bytes -= r.bytes()
		r.ended = true
	}
	delete(p.live, b)
	p.room.Broadcast()
	p.mu.Unlock()
	for _, r := range b.rows {
		for _, then := range r.then {
			then(r.err)
		}
	}
	close(b.done)
}

// get finds a result that is on its way.
func (p *puts) get(k Key) *Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found[k]
}
