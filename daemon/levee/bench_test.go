package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkIdle is the real program that serves a folder in which nothing happens, after it ran a workflow: memory once its
// workers have left, and how often it wakes up.
func BenchmarkIdle(b *testing.B) {
	const calm, look = 85 * time.Second, 20 * time.Second
	bin := filepath.Join(b.TempDir(), "levee")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(b, err, string(out))
	for range b.N {
		dir := b.TempDir()
		flow := "levee: 1\nnodes:\n  a: { uses: text/upper, with: { text: a } }\noutputs:\n  text: a.text\n"
		require.NoError(b, os.WriteFile(filepath.Join(dir, "a.flow.yaml"), []byte(flow), 0o600))
		cmd := exec.Command(bin, "serve", dir, "--state", filepath.Join(b.TempDir(), "state"), "--cache", filepath.Join(b.TempDir(), "cache"))
		require.NoError(b, cmd.Start())
		time.Sleep(calm)
		before := wakeUps(b, cmd.Process.Pid)
		time.Sleep(look)
		perSecond := float64(wakeUps(b, cmd.Process.Pid)-before) / look.Seconds()
		fmt.Printf("bench: %-58s %7.1f MiB, %.2f wake-ups a second  goal <= 20 MiB, 0\n", "idle daemon", float64(status(b, cmd.Process.Pid, "VmRSS:"))/1024, perSecond)
		require.NoError(b, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait()
	}
}

// wakeUps is how often the threads of a process gave up the processor by themselves: once for each time they were woken.
func wakeUps(b *testing.B, pid int) (sum int) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	require.NoError(b, err)
	for _, t := range tasks {
		sum += field(b, t, "voluntary_ctxt_switches:")
	}
	return sum
}

func status(b *testing.B, pid int, name string) int {
	return field(b, fmt.Sprintf("/proc/%d/status", pid), name)
}

func field(b *testing.B, file, name string) (n int) {
	text, err := os.ReadFile(file)
	require.NoError(b, err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			_, err := fmt.Sscan(rest, &n)
			require.NoError(b, err)
			return n
		}
	}
	b.Fatalf("%s has no %s", file, name)
	return 0
}
