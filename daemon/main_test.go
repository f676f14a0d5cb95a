package daemon_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"levee/daemon"
	"levee/gpu/fake"
	"levee/gpu/inventory"
)

var (
	scratch   string // a folder for what all tests share
	libraries string // where the machine has libraries for its own GPU, beside the usual places
)

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
	scratch, libraries = dir, os.Getenv("LD_LIBRARY_PATH")
	if err := hideGPUs(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// hideGPUs puts a driver that is not loaded in the way of the machine's own, which only those tests see that ask for it.
func hideGPUs() error {
	if inventory.New("/").Report(context.Background()).Outcome == inventory.None {
		return nil
	}
	dir, err := os.MkdirTemp(scratch, "nvml-")
	if err != nil {
		return err
	}
	if err := fake.BuildNVML(dir, "INIT=9"); err != nil {
		return err
	}
	return os.Setenv("LD_LIBRARY_PATH", dir)
}
