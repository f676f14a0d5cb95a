package gpu

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// stagingSize is the memory through which a session and its worker pass whatever is longer than a request. It must hold the largest
// graph, and the larger it is the fewer turns a large tensor takes.
const stagingSize = 8 << 20

const sizeSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// newStaging makes a session's staging memory. Its size is sealed: memory that shrinks under a mapping would kill whoever reads it.
func newStaging() (mem []byte, fd int, err error) {
	fd, err = sealedMemory("levee-staging", stagingSize)
	if err == nil {
		if mem, err = mapStaging(fd); err != nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		return nil, -1, fmt.Errorf("staging memory: %w", err)
	}
	return mem, fd, nil
}

// sealedMemory is a file in memory whose size nobody changes.
func sealedMemory(name string, size int64) (fd int, err error) {
	fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, err
	}
	if err = unix.Ftruncate(fd, size); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, sizeSeals)
	}
	if err != nil {
		_ = unix.Close(fd)
	}
	return fd, err
}

// takeStaging maps what a worker handed over, and closes the descriptor.
func takeStaging(fd int) ([]byte, error) {
	defer unix.Close(fd)
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&sizeSeals != sizeSeals {
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
