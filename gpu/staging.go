package gpu

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// stagingSize is the memory through which a session and its worker pass whatever is longer than a request. It must hold the largest
// graph, and the larger it is the fewer turns a large tensor takes.
const stagingSize = 8 << 20

const stagingSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// newStaging makes a session's staging memory. Its size is sealed: memory that shrinks under a mapping would kill whoever reads it.
func newStaging() (mem []byte, fd int, err error) {
	fd, err = unix.MemfdCreate("levee-staging", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, -1, fmt.Errorf("staging memory: %w", err)
	}
	err = unix.Ftruncate(fd, stagingSize)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, stagingSeals)
	}
	if err == nil {
		mem, err = mapStaging(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, -1, fmt.Errorf("staging memory: %w", err)
	}
	return mem, fd, nil
}

// takeStaging maps what a worker handed over, and closes the descriptor.
func takeStaging(fd int) ([]byte, error) {
	defer unix.Close(fd)
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&stagingSeals != stagingSeals {
		return nil, fmt.Errorf("staging memory that is not sealed")
	}
	if size, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil || size != stagingSize {
		return nil, fmt.Errorf("staging memory of %d bytes", size)
	}
	return mapStaging(fd)
}

func mapStaging(fd int) ([]byte, error) {
	return unix.Mmap(fd, 0, stagingSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}
