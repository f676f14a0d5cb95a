package gpu

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// refusedCalls are what an opened driver has no need of: other programs, other processes, the kernel's own affairs. Which calls a driver
// does need is nobody's promise, so this is a list of what is refused and not of what is allowed.
var refusedCalls = []string{
	"fork", "vfork", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "kill", "tkill", "pidfd_send_signal",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_getfd", "process_madvise", "process_mrelease", "io_uring_setup", "mount", "umount2",
	"pivot_root", "chroot", "setns", "unshare", "bpf", "perf_event_open", "init_module", "finit_module", "delete_module", "kexec_load",
	"kexec_file_load", "reboot", "swapon", "swapoff", "add_key", "request_key", "keyctl", "userfaultfd", "setuid", "setgid", "setresuid", "setresgid",
}

// fcntlCommands is what is left of fcntl: duplicates, flags, locks, pipes and seals. The others have the kernel signal another process
// (F_SETOWN, F_SETSIG), or hold up everybody else who opens a file (F_SETLEASE).
var fcntlCommands = []uint64{unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL,
	unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW,
	unix.F_SETPIPE_SZ, unix.F_GETPIPE_SZ, unix.F_ADD_SEALS, unix.F_GET_SEALS}

// confine shuts the worker in once the driver is open: before, the driver may have to run a program that makes the device's files. What
// is left to it of the file system is what reach says, and no network. What the kernel lacks of this is left out, as `levee doctor` says.
func confine(cache string) error {
	err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if e := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); e != nil {
		err = errors.Join(err, fmt.Errorf("prctl: %w", e))
	}
	if e := landlock.V11.BestEffort().Restrict(reach(cache)...); e != nil {
		err = errors.Join(err, fmt.Errorf("landlock: %w", e))
	}
	return errors.Join(err, refuseCalls())
}

func refuseCalls() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	var names []string
	for _, n := range refusedCalls {
		if _, ok := info.SyscallNames[n]; ok {
			names = append(names, n)
		}
	}
	load := func(group seccomp.SyscallGroup) error {
		group.Action = seccomp.ActionErrno
		return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{group},
		}})
	}
	// Filters of their own, as in package runtime: conditions must be the last thing in one. The process's own signals and limits stay.
	self := uint64(os.Getpid())
	for _, other := range []struct {
		call     string
		argument uint32
		than     []uint64
	}{{"tgkill", 0, []uint64{self}}, {"prlimit64", 0, []uint64{0, self}}, {"fcntl", 1, fcntlCommands}} {
		n := seccomp.NameWithConditions{Name: other.call}
		for _, v := range other.than {
			n.Conditions = append(n.Conditions, seccomp.Condition{Argument: other.argument, Operation: seccomp.NotEqual, Value: v})
		}
		if err := load(seccomp.SyscallGroup{NamesWithCondtions: []seccomp.NameWithConditions{n}}); err != nil {
			return err
		}
	}
	return errors.Join(load(seccomp.SyscallGroup{Names: names}), refuseBypasses(uint32(info.ID)))
}

const fiosetown = 0x8901

// refuseBypasses refuses what the library's filters cannot. Calls of other architectures have other numbers, and it lets them through. Of
// some arguments the kernel looks at the lower half only: of clone's flags, without which that makes processes, which would go on when the
// worker is killed; of prctl's option, by which the worker would go on without the daemon; and of ioctl's command, which for sockets has two
// names of F_SETOWN. No filter sees the flags of clone3, without which C libraries make threads with clone.
func refuseBypasses(native uint32) error {
	const (
		load, ret                           = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_RET | unix.BPF_K
		is, has                             = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		number, architecture, first, second = 0, 4, 16, 24 // offsets in seccomp_data; of an argument the lower half, which comes first
	)
	filter := []unix.SockFilter{
		{Code: load, K: architecture},
		{Code: is, K: native, Jf: 13}, // else refused
		{Code: load, K: number},
		{Code: is, K: unix.SYS_CLONE3, Jt: 12}, // not there
		{Code: is, K: unix.SYS_CLONE, Jf: 2},
		{Code: load, K: first},
		{Code: has, K: unix.CLONE_THREAD, Jt: 7, Jf: 8}, // allowed, or refused
		{Code: is, K: unix.SYS_PRCTL, Jf: 2},
		{Code: load, K: first},
		{Code: is, K: unix.PR_SET_PDEATHSIG, Jt: 5, Jf: 4}, // refused, or allowed
		{Code: is, K: unix.SYS_IOCTL, Jf: 3},               // else allowed
		{Code: load, K: second},
		{Code: is, K: fiosetown, Jt: 2},      // refused
		{Code: is, K: unix.SIOCSPGRP, Jt: 1}, // refused
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, no := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	switch {
	case no != 0:
		return fmt.Errorf("seccomp: %w", no)
	case thread != 0:
		return fmt.Errorf("seccomp: thread %d has other filters", thread)
	}
	return nil
}
