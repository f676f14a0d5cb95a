package daemon

import (
	"sync"
	"time"
)

// Clock is a clock that stands still until it is set.
type Clock struct {
	mu    sync.Mutex
	now   time.Time
	rings map[*time.Time]func()
}

// UseClock gives a daemon a clock, before it serves.
func (d *Daemon) UseClock(at time.Time) *Clock {
	c := &Clock{now: at, rings: make(map[*time.Time]func())}
	d.now = func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.now
	}
	d.ring = func(at time.Time, ring func()) func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.rings[&at] = ring
		return func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.rings, &at)
		}
	}
	return c
}

// Alarms are the times for which an alarm is set.
func (c *Clock) Alarms() (list []time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := range c.rings {
		list = append(list, *at)
	}
	return list
}

// Pass lets time pass: alarms ring whose time has come.
func (c *Clock) Pass(to time.Time) { c.set(to, func(at time.Time) bool { return !at.After(to) }) }

// Set is what a person or NTP does: all alarms ring.
func (c *Clock) Set(to time.Time) { c.set(to, func(time.Time) bool { return true }) }

func (c *Clock) set(to time.Time, rings func(time.Time) bool) {
	c.mu.Lock()
	c.now = to
	var due []func()
	for at, ring := range c.rings {
		if rings(*at) {
			due = append(due, ring)
			delete(c.rings, at)
		}
	}
	c.mu.Unlock()
	for _, ring := range due {
		ring()
	}
}

// RingAt is how a daemon waits for a time.
var RingAt = ringAt
