package gpu

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// tryEnv makes this test binary a process that shuts itself in as a GPU worker does, and tries to get out.
const tryEnv = "LEVEE_TEST_CONFINED"

// attempts are by name what came of them; "" means that it went well.
func attempts(cache string) map[string]string {
	outside := filepath.Join(filepath.Dir(cache), "outside")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	said := func(err error) string {
		if err == nil {
			return ""
		}
		var no syscall.Errno
		if errors.As(err, &no) {
			return no.Error()
		}
		return err.Error()
	}
	if err == nil {
		defer listener.Close()
		err = confine(cache)
	}
	if err != nil {
		return map[string]string{"confine": err.Error()}
	}
	_, read := os.ReadFile("/proc/self/status")
	_, device := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	_, dial := net.Dial("tcp", listener.Addr().String())
	return map[string]string{
		"read":               said(read),
		"device":             said(device),
		"cache":              said(os.WriteFile(filepath.Join(cache, "kernel"), []byte("x"), 0o600)),
		"outside":            said(os.WriteFile(outside, []byte("x"), 0o600)),
		"program":            said(exec.Command("/bin/true").Run()),
		"signal":             said(unix.Kill(os.Getppid(), 0)),
		"network":            said(dial),
		"signal to a thread": said(unix.Tgkill(os.Getppid(), os.Getppid(), 0)),
		"signal queued":      said(queue(os.Getppid())),
		"own signal":         said(unix.Tgkill(os.Getpid(), unix.Gettid(), 0)),
		"signal by a file":   said(owner(os.Getppid())),
		"limits":             said(unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, &unix.Rlimit{})),
		"own limits":         said(unix.Prlimit(os.Getpid(), unix.RLIMIT_NOFILE, nil, &unix.Rlimit{})),
		"own lock":           said(lock()),
		"signal by a socket": said(socketOwner(os.Getppid())),
		"limits by 32 bits":  said(limits32(os.Getppid())),
		"process":            said(fork()),
		"own threads":        said(threads()),
		"outlive":            said(unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)),
		"own name":           said(unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&[16]byte{'x'})), 0, 0, 0)),
		"ring":               said(ring()),
	}
}

// queue sends a process the signal 0, which only asks whether it could.
func queue(pid int) error {
	info := [128]byte{8: 0xff, 9: 0xff, 10: 0xff, 11: 0xff} // SI_QUEUE
	_, _, no := unix.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), 0, uintptr(unsafe.Pointer(&info)))
	return errno(no)
}

// owner makes a process the one that the kernel signals when there is something in a file.
func owner(pid int) error {
	_, err := unix.FcntlInt(1, unix.F_SETOWN, pid)
	return err
}

// socketOwner does the same for a socket. The kernel does not look at the upper half of what is asked for.
func socketOwner(pid int) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	for _, command := range []uintptr{fiosetown, unix.SIOCSPGRP, 1<<32 | fiosetown, 1<<32 | unix.SIOCSPGRP} {
		owner := int32(pid)
		if _, _, no := unix.Syscall(unix.SYS_IOCTL, uintptr(pair[0]), command, uintptr(unsafe.Pointer(&owner))); no == 0 {
			return nil
		}
	}
	return unix.EPERM
}

// limits32 asks for a process's limits as a program of 32 bits would, whose calls have other numbers.
func limits32(pid int) error {
	if goruntime.GOARCH != "amd64" { // elsewhere only a program of 32 bits can
		return unix.EPERM
	}
	code, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	text := binary.LittleEndian.AppendUint32([]byte{0xbb}, uint32(pid)) // mov ebx, pid
	text = append(text, 0xb9, unix.RLIMIT_NOFILE, 0, 0, 0)              // mov ecx, RLIMIT_NOFILE
	text = append(text, 0x31, 0xd2, 0x31, 0xf6)                         // xor edx, edx; xor esi, esi
	copy(code, append(text, 0xb8, 0x54, 1, 0, 0, 0xcd, 0x80, 0xc3))     // mov eax, prlimit64; int 0x80; ret
	if err := unix.Mprotect(code, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return err
	}
	at := unsafe.Pointer(&code)
	if result := (*(*func() int32)(unsafe.Pointer(&at)))(); result < 0 {
		return syscall.Errno(-result)
	}
	return nil
}

// fork makes a process, which would go on when the worker is killed.
func fork() error {
	pid, _, no := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if no == 0 && pid == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return errno(no)
}

// threads makes more than there are. What the C library cannot do ends the process.
func threads() error {
	var there, gone sync.WaitGroup
	there.Add(50)
	all := make(chan struct{})
	for range 50 {
		gone.Go(func() {
			goruntime.LockOSThread()
			there.Done()
			<-all
		})
	}
	there.Wait()
	close(all)
	gone.Wait()
	return nil
}

func lock() error {
	fd, err := unix.MemfdCreate("lock", 0)
	if err != nil {
		return err
	}
	return unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
}

// ring asks for a ring of system calls, which no filter would see.
func ring() error {
	var params [120]byte
	_, _, no := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	return errno(no)
}

func errno(no syscall.Errno) error {
	if no == 0 {
		return nil
	}
	return no
}

func TestAWorkerIsShutIn(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cuda")
	require.NoError(t, os.Mkdir(cache, 0o700))
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), tryEnv+"="+cache)
	out, err := cmd.Output()
	require.NoError(t, err)
	var got map[string]string
	require.NoError(t, json.Unmarshal(out, &got), "%s", out)
	if got["outside"] == "" || got["network"] == "" {
		t.Log("this kernel has no Landlock, or one that knows no network: files and network stay open")
		delete(got, "outside")
		delete(got, "network")
	}
	for what, said := range got {
		switch what {
		case "read", "device", "cache", "own signal", "own limits", "own lock", "own threads", "own name":
			require.Empty(t, said, what)
		default:
			require.NotEmpty(t, said, what)
		}
	}
}

// What the library has no name for would be let through without a word.
func TestRefusedCallsAreKnown(t *testing.T) {
	for info, lacks := range map[*arch.Info][]string{
		arch.X86_64:  nil,
		arch.AARCH64: {"fork", "vfork"}, // which are clone there
	} {
		var unknown []string
		for _, name := range refusedCalls {
			if _, ok := info.SyscallNames[name]; !ok {
				unknown = append(unknown, name)
			}
		}
		require.Equal(t, lacks, unknown, info.Name)
	}
}
