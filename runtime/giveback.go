//go:build linux

package runtime

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// GiveBack gives memory back that a process with nothing to do holds: the free part of its heap, and the pages of its program and libraries,
// most of which were touched once, at the start. What is wanted of these again is in the page cache, or read from the file.
func GiveBack() error {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		debug.FreeOSMemory()
		return err
	}
	clean := cleanMappings(string(smaps))
	debug.FreeOSMemory()
	for _, m := range clean {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise %x-%x: %w", m.from, m.to, errno)
		}
	}
	return nil
}

type mapping struct{ from, to uintptr }

// cleanMappings finds the private mappings of files that cannot be written, and of which each page is as it is in the file: one that was
// changed before it was closed to writing, as a linker does, would be lost.
func cleanMappings(smaps string) (list []mapping) {
	var m mapping
	candidate := false
	for line := range strings.Lines(smaps) {
		if value, ok := strings.CutPrefix(line, "Anonymous:"); ok {
			if candidate && strings.TrimSpace(value) == "0 kB" {
				list = append(list, m)
			}
			continue
		}
		addresses, rest, _ := strings.Cut(line, " ")
		from, to, ok := strings.Cut(addresses, "-")
		if !ok { // another field of the mapping before
			continue
		}
		head := strings.Fields(rest) // permissions, offset, device, inode, file
		candidate = len(head) >= 5 && (head[0] == "r-xp" || head[0] == "r--p") && head[3] != "0" && head[4][0] == '/'
		first, err1 := strconv.ParseUint(from, 16, 64)
		last, err2 := strconv.ParseUint(to, 16, 64)
		candidate = candidate && err1 == nil && err2 == nil
		m = mapping{uintptr(first), uintptr(last)}
	}
	return list
}
