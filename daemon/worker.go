package daemon

import (
	"levee/gpu"
	"levee/gpu/inventory"
	"levee/runtime"
)

// WorkerMain turns this process into one of levee's helper processes if levee started it as one; it then never returns. In every other
// process it returns false at once. The program, and TestMain of packages that run workflows, call it first of all.
func WorkerMain() bool {
	return inventory.ProbeMain() || gpu.WorkerMain() || runtime.WorkerMain(nodeExtension)
}
