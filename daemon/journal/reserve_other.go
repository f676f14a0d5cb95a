//go:build !linux

package journal

import "os"

// allocate only sets the size: not every system can promise the room.
func allocate(f *os.File, size int64) error { return f.Truncate(size) }
