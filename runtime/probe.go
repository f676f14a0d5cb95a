//go:build linux

package runtime

import (
	"encoding/binary"
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// probes are tried from inside a worker that is shut in. Each is made so that it does no harm where it succeeds, and
// gives another error than EPERM or EACCES where the kernel got as far as looking at it.
var probes = []struct {
	name string
	try  func() error
}{
	{"open a file", func() error {
		f, err := os.Open("/etc/passwd")
		if err == nil {
			_ = f.Close()
		}
		return err
	}},
	{"create a file", func() error {
		f, err := os.CreateTemp("/tmp", "levee-probe-*")
		if err == nil {
			_ = os.Remove(f.Name())
			_ = f.Close()
		}
		return err
	}},
	{"connect by TCP", func() error {
		c, err := net.Dial("tcp", "127.0.0.1:9")
		if err == nil {
			_ = c.Close()
		}
		return err
	}},
	{"make a Unix socket", func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}},
	{"run a program", func() error { return unix.Exec("/proc/self/exe-not-there", nil, nil) }},
	{"make a process", func() error {
		pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if e == 0 && pid == 0 {
			_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return errnoErr(e)
	}},
	{"signal the daemon", func() error { return unix.Kill(os.Getppid(), 0) }},
	{"signal the daemon's thread", func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) }},
	{"have the kernel signal the daemon", func() error {
		_, err := unix.FcntlInt(workerFD, unix.F_SETOWN, os.Getppid()) // and that would be all that happens
		return err
	}},
	{"lower the daemon's limits", func() error {
		var rl unix.Rlimit // which is read only
		return unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, &rl)
	}},
	{"start a thread", func() error {
		_, _, e := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_THREAD, 0, 0, 0, 0, 0) // without what must go with it
		return errnoErr(e)
	}},
	{"hold up whoever opens a file", func() error {
		_, err := unix.FcntlInt(boardFD, unix.F_SETLEASE, unix.F_UNLCK) // of a lease that it has not
		return err
	}},
	{"trace the daemon", func() error {
		// Options that do not exist: EIO where the call is let through, and nothing is attached.
		_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(os.Getppid()), 0, ^uintptr(0), 0, 0)
		return errnoErr(e)
	}},
	{"read the daemon's memory", func() error {
		var b [1]byte
		local := []unix.Iovec{{Base: &b[0], Len: 1}}
		_, err := unix.ProcessVMReadv(os.Getppid(), local, []unix.RemoteIovec{{Base: 0, Len: 1}}, 0)
		return err
	}},
	{"raise its own limits", func() error {
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 16, Max: 1 << 16})
	}},
	{"load a kernel program", func() error {
		_, _, e := unix.RawSyscall(unix.SYS_BPF, 0, 0, 0)
		return errnoErr(e)
	}},
	{"use io_uring", func() error {
		_, _, e := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
		return errnoErr(e)
	}},
	{"make a namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{"make memory executable", func() error {
		size := uintptr(os.Getpagesize())
		p, _, e := unix.RawSyscall6(unix.SYS_MMAP, 0, size, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC,
			unix.MAP_PRIVATE|unix.MAP_ANON, ^uintptr(0), 0)
		if e == 0 {
			_, _, _ = unix.RawSyscall(unix.SYS_MUNMAP, p, size, 0)
		}
		return errnoErr(e)
	}},
}

func errnoErr(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

func runProbes() []Probe {
	out := make([]Probe, len(probes))
	for i, p := range probes {
		err := p.try()
		out[i] = Probe{Name: p.name, Detail: "succeeded"}
		if err != nil {
			out[i].Detail = err.Error()
			out[i].Blocked = isDenied(err)
		}
	}
	return out
}

func isDenied(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }

func appendProbes(b []byte, ps []Probe) []byte {
	b = binary.AppendUvarint(b, uint64(len(ps)))
	for _, p := range ps {
		b = appendBytes(b, p.Name)
		b = appendBool(b, p.Blocked)
		b = appendBytes(b, p.Detail)
	}
	return b
}

func readProbes(p []byte) (ps []Probe, err error) {
	d := decoder{b: p}
	for range d.count() {
		ps = append(ps, Probe{d.string(), d.bool(), d.string()})
	}
	return ps, d.done()
}
