package daemon

import (
	"errors"
	"fmt"
	"sync"
)

// heldMemory counts the memory in which the daemon holds what nodes decide the size of: copies of the files that they open, until their
// calls end, and results for which the disk has no room, until the run ends. All together get a part of the machine's memory, and one
// call or run half of that.
type heldMemory struct {
	mu   sync.Mutex
	max  int64 // tests have another; 0: half of the machine's memory
	held int64 // guarded by mu
}

func (h *heldMemory) limit() int64 {
	if h.max > 0 {
		return h.max
	}
	return machineMemory() / 2
}

// share is what is held for one call or run.
type share struct {
	all  *heldMemory
	what string // it is, for people

	mine int64 // guarded by all.mu, as is over
	over bool
}

// take asks for room.
func (c *share) take(size int64) error {
	h := c.all
	h.mu.Lock()
	defer h.mu.Unlock()
	most := h.limit()
	switch {
	case c.over:
		return errors.New("the call is over")
	case c.mine+size > most/2:
		return fmt.Errorf("%s may take %s of memory together", c.what, SizeText(most/2))
	case h.held+size > most:
		return fmt.Errorf("what is held in memory for all calls and runs may take %s together", SizeText(most))
	}
	c.mine += size
	h.held += size
	return nil
}

// end gives everything back, and returns how much that was.
func (c *share) end() (had int64) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	had = c.mine
	c.all.held -= had
	c.mine, c.over = 0, true
	return had
}
