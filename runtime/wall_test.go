//go:build linux

package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const firstWallEnv = "LEVEE_TEST_FIRST_WALL"

// firstWallMain is this test's other process: it puts up the first wall around itself as a worker that compiles does, and then tries what
// the probes, which come behind the second one, do not.
func firstWallMain() {
	makeThreads()
	if !made() {
		fmt.Println("a thread is on its way")
	}
	dir, err := os.MkdirTemp("", "levee-first-wall-")
	if err == nil {
		err = restrict(dir, true)
	}
	if err != nil {
		fmt.Println("no wall:", err)
		os.Exit(1)
	}
	var st unix.Stat_t
	var rl unix.Rlimit
	var name [64]byte
	for _, p := range []struct {
		what string
		err  error
	}{
		{"see how large a file is", unix.Stat("/etc/passwd", &st)},
		{"see where a link leads", second(unix.Readlink("/proc/self/exe", name[:]))},
		{"see whether a file is there", unix.Access("/etc/passwd", unix.F_OK)},
		{"make a folder in its folder", unix.Mkdir(filepath.Join(dir, "folder"), 0o700)},
		{"lower its parent's limits", unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, &rl)},
		{"outlive its parent", unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)},
		{"be looked into", unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)},
		{"have its parent signalled", second(unix.FcntlInt(1, unix.F_SETOWN, os.Getppid()))},
		{"start a thread", second(0, errnoErr(third(unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_THREAD, 0, 0, 0, 0, 0))))},
	} {
		if !isDenied(p.err) {
			fmt.Printf("it could %s: %v\n", p.what, p.err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		fmt.Println("its own folder is closed too:", err)
	}
	_ = os.Remove(filepath.Join(dir, "file"))
	busy()
	fmt.Println("done:", dir)
	os.Exit(0)
}

// busy wants as many threads as a worker may: all that Go runs at once, those of its garbage collector, and one that waits.
func busy() {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], 0); err != nil {
		fmt.Println("no pipe:", err)
	}
	var all, waits sync.WaitGroup
	waits.Go(func() { _, _ = unix.Read(pipe[0], make([]byte, 1)) })
	for n := range 16 {
		all.Go(func() {
			for i := range 200 {
				_ = make([]byte, 100_000+n+i)
			}
			goruntime.GC()
		})
	}
	all.Wait()
	_, _ = unix.Write(pipe[1], []byte{1})
	waits.Wait()
}

func second(_ int, err error) error               { return err }
func third(_, _ uintptr, e unix.Errno) unix.Errno { return e }

// What a worker may while it compiles, which is more than afterwards, reaches nothing of others either.
func TestFirstWall(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), firstWallEnv+"=1", lateThreads, "GOMAXPROCS=2", "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Regexp(t, `^done: \S+\n$`, string(out))
}
