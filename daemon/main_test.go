package daemon_test

import (
	"os"
	"testing"

	"levee/runtime"
)

// Worker processes are this test binary, started again.
func TestMain(m *testing.M) {
	if runtime.WorkerMain() {
		return
	}
	os.Exit(m.Run())
}
