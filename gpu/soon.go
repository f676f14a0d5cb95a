package gpu

import (
	goruntime "runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// soon is how long both sides of a session look for the next message before they sleep. A wake-up takes as long on a machine that has
// nothing else to do, and a small graph's way there and back has two. Where there are not processors enough for both sides and the
// driver, looking would only keep the other side from its work.
const soon = 20 * time.Microsecond

var looks = goruntime.NumCPU() > 2

// reader reads from a socket on which the next bytes may come soon: an answer, or the request after one. Each time that they do not, it
// looks less often.
type reader struct{ rests, left int }

func (r *reader) read(fd int, b []byte) (int, error) {
	if r.left--; !looks || r.left >= 0 {
		return unix.Read(fd, b)
	}
	for begin := time.Now(); time.Since(begin) < soon; {
		if n, err := readNow(fd, b); err != unix.EAGAIN && err != unix.EINTR {
			r.rests = 0
			return n, err
		}
	}
	r.rests = min(2*r.rests+1, 63)
	r.left = r.rests
	return unix.Read(fd, b)
}

// readNow takes what is there. It is recvmsg, which the filters of both sides' processes let through.
func readNow(fd int, b []byte) (int, error) {
	to := unix.Iovec{Base: unsafe.SliceData(b)}
	to.SetLen(len(b))
	m := unix.Msghdr{Iov: &to}
	m.SetIovlen(1)
	n, _, err := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT)
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}
