package daemon

import "time"

// NodeExtension is for tests that use an engine of their own.
var NodeExtension = nodeExtension

// HoldAtMost bounds the memory for files that nodes have open.
func (d *Daemon) HoldAtMost(bytes int64) { d.held.max = bytes }

// HoldPublishing keeps values on their GPU until it is released: they are used there, and are nowhere else.
func (d *Daemon) HoldPublishing() (release func()) {
	for range cap(d.publishing) {
		d.publishing <- struct{}{}
	}
	return func() {
		for range cap(d.publishing) {
			<-d.publishing
		}
	}
}

// WaitForCompany lets what happens wait an hour for more to be written with it, when nobody waits.
func (d *Daemon) WaitForCompany() { d.feedWait = time.Hour }
