package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"levee/daemon"
)

// TestMain makes this test binary the program: as a worker, and under the name levee.
func TestMain(m *testing.M) {
	if daemon.WorkerMain() {
		return
	}
	testscript.Main(m, map[string]func(){"levee": main})
}
