package device

import (
	"errors"
	"sync"
	"sync/atomic"

	"levee/gpu/cuda"
)

// function is a kernel that the driver compiled, in a module of its own.
type function struct {
	cuda.Function
	module cuda.Module
	shared int          // dynamic bytes that launches were allowed; guarded by Device.mu
	fast   atomic.Int64 // of a node's kernel with loops: so many elements are known to take no longer than launchTime
}

// codes are compiled kernels by what names them.
type codes[K comparable] struct {
	mu   sync.Mutex
	list map[K]*code // guarded by mu
}

type code struct {
	ready chan struct{} // closed when the others are set
	f     *function
	err   error
}

// get gives a kernel. The first who asks for it makes it; who asks meanwhile waits, and for others nobody does. A failure is not kept.
func (c *codes[K]) get(key K, compile func() (*function, error)) (*function, error) {
	c.mu.Lock()
	known := c.list[key]
	if known != nil {
		c.mu.Unlock()
		<-known.ready
		return known.f, known.err
	}
	made := &code{ready: make(chan struct{})}
	if c.list == nil {
		c.list = map[K]*code{}
	}
	c.list[key] = made
	c.mu.Unlock()
	defer close(made.ready)
	if made.f, made.err = compile(); made.err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.list, key)
	}
	return made.f, made.err
}

func (c *codes[K]) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.list)
}

// unload forgets all. Nobody runs or makes one meanwhile.
func (c *codes[K]) unload(d *Device) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for _, known := range c.list {
		err = errors.Join(err, d.Unload(known.f.module))
	}
	c.list = nil
	return err
}
