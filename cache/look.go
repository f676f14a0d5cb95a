package cache

import (
	"context"
	goruntime "runtime"
	"sync"
)

// looks gathers look-ups: many keys in one statement cost half as much each as one by one, or less where others write, after whose
// commits a reader has to read its pages again. Whoever looks first reads for all who came meanwhile; nobody waits for others to come.
type looks struct {
	mu      sync.Mutex
	waiting []*look // guarded by mu
	readers int     // guarded by mu: who reads
}

// look is one look-up.
type look struct {
	key   Key
	found *Entry
	turn  chan bool // true, at most once: it is to read for those who wait; then false: found is set
	reads bool      // it reads, or is to; guarded by looks.mu
}

// one looks a key up together with others; nil is a miss.
func (c *Cache) one(k Key) *Entry {
	if e := c.puts.get(k); e != nil { // first: what is on its way is in the database before it is no longer there
		return e
	}
	l := &look{key: k, turn: make(chan bool, 2)}
	if !c.looks.enter(l) && !<-l.turn {
		return l.found
	}
	goruntime.Gosched() // those who are about to look may come along
	for {
		if list := c.looks.take(); len(list) > 0 {
			c.readTogether(list)
		} else {
			<-l.turn // by another reader
			c.looks.pass()
			return l.found
		}
		select {
		case <-l.turn:
			c.looks.pass()
			return l.found
		default:
		}
	}
}

// enter puts a look-up to those who wait, and reports whether it is to read for them.
func (ls *looks) enter(l *look) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.waiting = append(ls.waiting, l)
	if ls.readers >= goruntime.GOMAXPROCS(0) {
		return false
	}
	ls.readers++
	l.reads = true
	return true
}

// take takes the look-ups for one statement.
func (ls *looks) take() []*look {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	n := min(len(ls.waiting), chunks[0])
	taken := ls.waiting[:n:n]
	if ls.waiting = ls.waiting[n:]; len(ls.waiting) == 0 {
		ls.waiting = nil
	}
	return taken
}

// pass lets one of those who wait read for the others. Who reads already, or was told to, needs nobody's turn.
func (ls *looks) pass() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.waiting {
		if !l.reads {
			l.reads = true
			l.turn <- true
			return
		}
	}
	ls.readers--
}

func (c *Cache) readTogether(list []*look) {
	keys, found := make([]Key, len(list)), make([]*Entry, len(list))
	for i, l := range list {
		keys[i] = l.key
	}
	if err := c.readChunk(context.Background(), keys, found); err != nil {
		c.log.Debug("reading the cache failed; treated as a miss", "why", err)
	}
	for i, l := range list {
		l.found = found[i]
		l.turn <- false
	}
}
