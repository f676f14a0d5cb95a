//go:build linux

package runtime

import (
	"fmt"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"golang.org/x/sys/unix"
)

const (
	// compileMemory and runMemory are address space beyond the guest's own memory: for the compiler, then for native
	// stacks (which wazero doubles by copying up to 50 MB), buffers and the Go heap.
	compileMemory = 2 << 30
	runMemory     = 1 << 30
)

// load takes the module in: behind the first wall it compiles the module or reads its native code, then it raises the
// second. Without a guest the answer says why, and the worker is of no further use.
func load(m *loadMsg, fd int, x *Extension) (*guest, *loadedMsg) {
	begin := time.Now()
	g, err := loadWalled(m, fd, x)
	answer := &loadedMsg{elapsed: time.Since(begin)}
	if err != nil {
		answer.code, answer.detail = CodeCompile, firstLine(err.Error())
		return nil, answer
	}
	return g, answer
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), maxMessage)]
}

func loadWalled(m *loadMsg, fd int, x *Extension) (*guest, error) {
	// The bytes stay mapped for the worker's life: wazero keeps referring to data segments.
	code, err := unix.Mmap(fd, 0, int(m.size), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
	_ = unix.Close(fd)
	if err != nil {
		return nil, fmt.Errorf("map module: %w", err)
	}
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		return nil, err
	}
	defer statm.Close()
	cache, err := wazero.NewCompilationCacheWithDir(m.dir) // makes its folder, as nobody can behind the wall
	if err != nil {
		return nil, err
	}
	if err := restrict(m.dir, m.compile); err != nil && !m.weak {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	reserve := int64(regionReserve)
	if m.extended(x) {
		reserve *= 2 // the companion's memory
	}
	if err := limitMemory(statm, reserve+compileMemory); err != nil {
		return nil, err
	}
	// Loading is short: collecting garbage on the way would cost more than what it frees.
	debug.SetGCPercent(800)
	if !m.compile {
		debug.SetGCPercent(-1)
	}
	g, err := newGuest(code, m, cache, x, goruntime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	debug.SetGCPercent(400)
	if m.compile && len(code) > 64<<10 {
		debug.FreeOSMemory() // the compiler needs much more than what is left of it
	}
	if err := limitMemory(statm, runMemory); err != nil {
		return nil, err
	}
	_ = statm.Close()
	if err := restrictCalls(runCalls, true); err != nil && !m.weak {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return g, nil
}
