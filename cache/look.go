package cache

import (
	"context"
	goruntime "runtime"
	"sync"
)

// looks gathers look-ups: many keys in one statement cost half as much each as one by one, or less where others write, after whose
// commits a reader has to read its pages again. Readers take all that wait; nobody waits for others to come.
type looks struct {
	mu      sync.Mutex
	waiting []*look // guarded by mu; while there are any, there is a reader
	readers int     // guarded by mu
}

// look is one look-up.
type look struct {
	key   Key
	found *Entry
	done  chan struct{} // closed when found is set
}

// one looks a key up together with others; nil is a miss.
func (c *Cache) one(k Key) *Entry {
	if e := c.puts.get(k); e != nil { // first: what is on its way is in the database before it is no longer there
		return e
	}
	l := &look{key: k, done: make(chan struct{})}
	if c.looks.enter(l) {
		go c.readLooks()
	}
	<-l.done
	return l.found
}

// enter puts a look-up to those that wait, and reports whether one more reader is to be started.
func (ls *looks) enter(l *look) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.waiting = append(ls.waiting, l)
	if ls.readers >= goruntime.GOMAXPROCS(0) {
		return false
	}
	ls.readers++
	return true
}

// take gives a reader the look-ups for one statement. It leaves when there are none.
func (ls *looks) take() []*look {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.waiting) == 0 {
		ls.waiting = nil
		ls.readers--
		return nil
	}
	n := min(len(ls.waiting), chunks[0])
	taken := ls.waiting[:n:n]
	ls.waiting = ls.waiting[n:]
	return taken
}

// readLooks is the life of a reader.
func (c *Cache) readLooks() {
	deepen()
	goruntime.Gosched() // those who are about to look may come along
	for list := c.looks.take(); list != nil; list = c.looks.take() {
		keys, found := make([]Key, len(list)), make([]*Entry, len(list))
		for i, l := range list {
			keys[i] = l.key
		}
		if err := c.readChunk(context.Background(), keys, found); err != nil {
			c.log.Debug("reading the cache failed; treated as a miss", "why", err)
		}
		for i, l := range list {
			l.found = found[i]
			close(l.done)
		}
	}
}
