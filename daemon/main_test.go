package daemon_test

import (
	"fmt"
	"os"
	"testing"

	"levee/daemon"
)

// scratch is a folder for what all tests share.
var scratch string

// Worker processes are this test binary, started again.
func TestMain(m *testing.M) {
	if daemon.WorkerMain() {
		return
	}
	if root := os.Getenv(doomedEnv); root != "" {
		os.Exit(doomed(root))
	}
	os.Exit(inScratch(m))
}

func inScratch(m *testing.M) int {
	dir, err := os.MkdirTemp("", "levee-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	scratch = dir
	return m.Run()
}
