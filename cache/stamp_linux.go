package cache

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stamp tells one state of a file from another without reading it.
type stamp struct {
	dev, ino uint64
	size     int64
	changed  time.Time // ctime, which no program can set
}

func statFile(f *os.File) (stamp, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return stamp{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return stamp{}, fmt.Errorf("%s is not a regular file", f.Name())
	}
	return stamp{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, changed: time.Unix(st.Ctim.Unix())}, nil
}

// sealed reports whether f is a memory file that nobody can change or shrink any more.
func sealed(f *os.File) bool {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	const need = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK
	return err == nil && seals&need == need
}

// mapped calls fn with the content of a sealed file, in place. Only sealed files may be mapped: reading past the new end
// of a file that somebody shortened kills the process.
func mapped(f *os.File, size int64, fn func([]byte) error) error {
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", f.Name(), err)
	}
	defer unix.Munmap(b)
	return fn(b)
}
