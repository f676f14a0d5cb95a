package gpu

import (
	"math"

	"levee/gpu/cpu"
	"levee/gpu/kernel"
	"levee/gpu/op"
)

// maxWork bounds what one graph may be estimated to compute, and to move, where nothing else does: the call's time ends long before.
const maxWork = math.MaxInt64 / 4

// Companion is the module that is compiled beside one that uses tensors: a memory for them, and the module's kernels, each in a loop.
func Companion(module []byte) ([]byte, error) {
	code, _, err := kernel.Companion(module)
	return code, err
}

// OnCPU is an executor on the processors: tensors lie in the memory of the companion of the guest's module.
func OnCPU(companion cpu.Machine, module []byte, quota int64) Executor {
	return cpu.New(companion, module, op.Info{Kind: "cpu", Name: "processors"}, quota, maxWork)
}
