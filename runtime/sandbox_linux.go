package runtime

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// A worker shuts itself in before it looks at a byte of its module: Landlock leaves one directory, seccomp leaves the
// system calls that compiling needs. After that a second set of filters leaves those that running needs. The threads and
// the folder that it needs it has made before.

const (
	workerFDs      = 64 + maxBlobs + maxFrameFDs
	workerFileSize = 4 << 30 // a value, or native code
)

// restrict is the first wall. dir is all that stays reachable. It puts up what it can, and says what it could not.
func restrict(dir string, writable bool) error {
	err := setLimits()
	if e := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); e != nil {
		err = errors.Join(err, fmt.Errorf("prctl: %w", e))
	}
	err = errors.Join(err, restrictFiles(dir, writable))
	return errors.Join(err, restrictCalls(slices.Concat(loadCalls, runCalls), false))
}

func setLimits() error {
	for what, n := range map[int]uint64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: workerFDs, unix.RLIMIT_FSIZE: workerFileSize,
	} {
		var have unix.Rlimit
		if err := unix.Getrlimit(what, &have); err != nil {
			return fmt.Errorf("rlimit %d: %w", what, err)
		}
		n = min(n, have.Max) // who starts levee may allow less, which cannot be raised
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("rlimit %d: %w", what, err)
		}
	}
	return nil
}

// limitMemory bounds the address space to what is mapped now and extra bytes.
func limitMemory(statm *os.File, extra int64) error {
	b := make([]byte, 128)
	n, _ := statm.ReadAt(b, 0)
	pages, _, _ := strings.Cut(string(b[:n]), " ")
	now, err := strconv.ParseUint(pages, 10, 64)
	if err != nil {
		return fmt.Errorf("statm: %w", err)
	}
	limit := now*uint64(os.Getpagesize()) + uint64(extra)
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("rlimit of address space: %w", err)
	}
	return nil
}

func landlockABI() int {
	v, err := llsys.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return v
}

// restrictFiles asks for all that the kernel's Landlock can do: files, and where it knows them TCP, abstract sockets
// and signals. What the kernel lacks the second wall still refuses; the report says which version there is.
func restrictFiles(dir string, writable bool) error {
	if landlockABI() == 0 {
		return errors.New("the kernel has no Landlock")
	}
	rule := landlock.RODirs(dir)
	if writable {
		rule = landlock.RWDirs(dir)
	}
	if err := landlock.V11.BestEffort().Restrict(rule); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}

// runCalls is what the Go runtime, a socket and memory need. Names that an architecture lacks are left out; a test says which.
var runCalls = []string{
	"read", "write", "pread64", "pwrite64", "sendmsg", "recvmsg", "close", "fcntl", "lseek", "ftruncate",
	"memfd_create", "mmap", "munmap", "mprotect", "madvise", "mremap", "brk", "mincore",
	"futex", "nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "sched_yield", "sched_getaffinity",
	"getpid", "getppid", "gettid", "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "pipe2", "getrandom",
	"arch_prctl", "exit", "exit_group", "timer_settime", "timer_delete",
}

// loadCalls is what loading native code, or writing it, needs beyond that. None takes a path without opening it: Landlock
// does not keep a process from asking what there is where, and how large.
var loadCalls = []string{
	"openat", "fstat", "getdents64", "unlinkat", "renameat", "renameat2", "fsync", "fdatasync", "prlimit64", "setrlimit", "seccomp",
}

// fcntlCommands is what of fcntl is needed. What is not here has the kernel signal another process (F_SETOWN, F_SETSIG), or
// holds up everybody else who opens a file (F_SETLEASE).
var fcntlCommands = []uint64{unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_DUPFD_CLOEXEC, unix.F_ADD_SEALS, unix.F_GET_SEALS}

// knownTo parts the names that the library knows on an architecture from those that it does not.
func knownTo(info *arch.Info, names []string) (known, unknown []string) {
	for _, n := range names {
		if _, ok := info.SyscallNames[n]; ok {
			known = append(known, n)
		} else {
			unknown = append(unknown, n)
		}
	}
	return known, unknown
}

// restrictCalls allows the named calls and refuses all others with EPERM. No new process and no new thread, for the user's
// other processes need threads too; no signal to anybody else, and nobody else's limits; and when sealed is set no memory
// that can be executed.
func restrictCalls(names []string, sealed bool) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	known, _ := knownTo(info, names)
	policies := []seccomp.Policy{{
		DefaultAction: seccomp.ActionErrno,
		Syscalls:      []seccomp.SyscallGroup{{Names: known, Action: seccomp.ActionAllow}},
	}}
	// One filter for each call: the library (1.6.0) goes on comparing with an argument instead of the call's number after
	// a condition did not hold, so the conditions must be the last thing in their filter. All of them must hold.
	deny := func(call string, arg uint32, op seccomp.Operation, values ...uint64) {
		n := seccomp.NameWithConditions{Name: call}
		for _, v := range values {
			n.Conditions = append(n.Conditions, seccomp.Condition{Argument: arg, Operation: op, Value: v})
		}
		policies = append(policies, seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{{
				NamesWithCondtions: []seccomp.NameWithConditions{n},
				Action:             seccomp.ActionErrno,
			}},
		})
	}
	if sealed {
		deny("mmap", 2, seccomp.BitsSet, unix.PROT_EXEC)
		deny("mprotect", 2, seccomp.BitsSet, unix.PROT_EXEC)
	} else {
		deny("tgkill", 0, seccomp.NotEqual, uint64(os.Getpid()))
		deny("prlimit64", 0, seccomp.NotEqual, 0)
		deny("fcntl", 1, seccomp.NotEqual, fcntlCommands...)
	}
	// The list itself comes last, for it may forbid installing filters.
	for _, p := range slices.Backward(policies) {
		f := seccomp.Filter{NoNewPrivs: !sealed, Flag: seccomp.FilterFlagTSync, Policy: p}
		if err := seccomp.LoadFilter(f); err != nil {
			return err
		}
	}
	return nil
}
