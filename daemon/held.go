package daemon

import (
	"errors"
	"fmt"
	"sync"
)

// heldMemory counts the memory in which the daemon holds the files that guests opened: each is a copy that nobody can change,
// until the call ends. Guests decide how many they open, so all together get a part of the machine's memory, and one call
// half of that.
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

// callHeld is what one call holds.
type callHeld struct {
	all *heldMemory

	mine int64 // guarded by all.mu, as is over
	over bool
}

// take asks for room for a file.
func (c *callHeld) take(size int64) error {
	h := c.all
	h.mu.Lock()
	defer h.mu.Unlock()
	most := h.limit()
	switch {
	case c.over:
		return errors.New("the call is over")
	case c.mine+size > most/2:
		return fmt.Errorf("the files that one call opens may take %s together", SizeText(most/2))
	case h.held+size > most:
		return fmt.Errorf("the files that all calls have open may take %s together", SizeText(most))
	}
	c.mine += size
	h.held += size
	return nil
}

// end gives everything back.
func (c *callHeld) end() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.held -= c.mine
	c.mine, c.over = 0, true
}
