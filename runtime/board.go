//go:build linux

package runtime

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// board is memory that a worker shares with the daemon. It holds what must be known when the worker cannot answer any
// more: which call it runs and what the guest wrote so far. The memfd is sealed, so no side can shrink it under the
// other; the worker may write anything into it, so the daemon believes nothing beyond its own call's fate.
//
//	0   which calls were started or revoked (8 bytes, atomic)
//	16  length of log, stdout, stderr (4 bytes each), then dropped (8 bytes at 32)
//	64  log, stdout, stderr: streamMax bytes each
type board struct{ mem []byte }

const (
	boardStreams = 64
	boardSize    = boardStreams + 3*streamMax
)

func newBoard() (fd int, b *board, err error) {
	fd, err = unix.MemfdCreate("levee-board", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, nil, fmt.Errorf("memfd: %w", err)
	}
	if err = unix.Ftruncate(fd, boardSize); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	}
	if err == nil {
		b, err = mapBoard(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, nil, fmt.Errorf("board: %w", err)
	}
	return fd, b, nil
}

func mapBoard(fd int) (*board, error) {
	mem, err := unix.Mmap(fd, 0, boardSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map board: %w", err)
	}
	return &board{mem}, nil
}

func (b *board) close() { _ = unix.Munmap(b.mem); b.mem = nil }

func (b *board) word() *uint64 { return (*uint64)(unsafe.Pointer(&b.mem[0])) }

// Starting and revoking race, so one word decides both: it holds the call that was started last, or, with the top bit,
// the last of the calls that are revoked.

const revokedBit = 1 << 63

// start claims call seq for the worker; false means that the daemon took it back.
func (b *board) start(seq uint64) bool {
	for {
		now := atomic.LoadUint64(b.word())
		if now&revokedBit != 0 && seq <= now&^revokedBit {
			return false
		}
		if atomic.CompareAndSwapUint64(b.word(), now, seq) {
			return true
		}
	}
}

// started is the call that the worker claimed last, or 0 when that is not known.
func (b *board) started() uint64 {
	now := atomic.LoadUint64(b.word())
	if now&revokedBit != 0 {
		return 0
	}
	return now
}

// revoke takes back every call up to seq that the worker has not started, and says which one it started last; 0 means
// that this is not known, for calls were revoked already and none was started since.
func (b *board) revoke(seq uint64) uint64 {
	now := atomic.SwapUint64(b.word(), seq|revokedBit)
	if now&revokedBit != 0 {
		return 0
	}
	return now
}

// streams returns empty streams whose bytes lie on the board, so that they outlive the worker.
func (b *board) streams() streams {
	part := func(i int) []byte {
		off := boardStreams + i*streamMax
		return b.mem[off : off : off+streamMax]
	}
	return streams{log: part(0), stdout: part(1), stderr: part(2)}
}

// note records how much of the streams is there.
func (b *board) note(s *streams) {
	binary.LittleEndian.PutUint32(b.mem[16:], uint32(len(s.log)))
	binary.LittleEndian.PutUint32(b.mem[20:], uint32(len(s.stdout)))
	binary.LittleEndian.PutUint32(b.mem[24:], uint32(len(s.stderr)))
	binary.LittleEndian.PutUint64(b.mem[32:], uint64(s.dropped))
}

// saved returns a copy of the streams on the board.
func (b *board) saved() (s streams) {
	for i, stream := range [3]*[]byte{&s.log, &s.stdout, &s.stderr} {
		n := min(binary.LittleEndian.Uint32(b.mem[16+4*i:]), streamMax)
		*stream = append(*stream, b.mem[boardStreams+i*streamMax:][:n]...)
	}
	s.dropped = int64(binary.LittleEndian.Uint64(b.mem[32:]) & (1<<60 - 1))
	return s
}
