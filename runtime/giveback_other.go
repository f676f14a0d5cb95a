//go:build !linux

package runtime

import "runtime/debug"

// GiveBack gives the free part of the heap back to the system.
func GiveBack() error {
	debug.FreeOSMemory()
	return nil
}
