package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"levee/runtime"
)

// TestMain makes this test binary the program: as a worker, and under the name levee.
func TestMain(m *testing.M) {
	if runtime.WorkerMain() {
		return
	}
	testscript.Main(m, map[string]func(){"levee": main})
}

// program is a command line of the real program.
func program(args ...string) *exec.Cmd {
	return &exec.Cmd{Path: "/proc/self/exe", Args: append([]string{"levee"}, args...), Env: os.Environ()}
}
