package gpu

import (
	"bytes"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// endOf is how a process ended, as far as the system tells.
func endOf(state *os.ProcessState) string {
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL {
		return "it was killed (SIGKILL), as the system does when the machine has no memory left"
	}
	return state.String()
}

// index is the driver's number of the device: where the device has an identity, the worker sees no other.
func (r *Request) index() int {
	if r.visible() != "" {
		return 0
	}
	return r.Index
}

// visible is what the driver is told of the devices that the worker may see.
func (r *Request) visible() string {
	if strings.HasPrefix(r.Device, "GPU-") || strings.HasPrefix(r.Device, "MIG-") {
		return r.Device
	}
	return ""
}

func (w *process) spawn(r Request, stderr int) (*os.Process, int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, err
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, err
	}
	defer null.Close()
	dup, err := unix.FcntlInt(uintptr(stderr), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, err
	}
	words := os.NewFile(uintptr(dup), "stderr")
	defer words.Close()
	proc, err := os.StartProcess("/proc/self/exe", []string{"levee-gpu"}, &os.ProcAttr{
		Dir: "/", Env: w.pool.environment(r), Files: []*os.File{null, words, words, theirs},
		// A group of its own: an interrupt typed at the daemon's terminal is for the daemon.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	})
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, err
	}
	return proc, pair[0], nil
}

const maxWords = 64 << 10

// newWords is where a worker's standard error goes, which is memory of ours: a driver that complains without end gets no more of it.
func newWords() (fd int, err error) { return sealedMemory("levee-gpu-stderr", maxWords) }

func lastWords(fd int) string {
	b := make([]byte, 1024)
	n, _ := unix.Pread(fd, b, 0)
	said, _, _ := bytes.Cut(b[:max(n, 0)], []byte{0})
	line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	return line
}
