package daemon

import (
	"levee/gpu"
	"levee/runtime"
)

// nodeExtension is what nodes may import beside the node ABI itself: tensors, and graphs of ops on them. Daemon and workers know the same.
var nodeExtension = tensorExtension()

func tensorExtension() *runtime.Extension {
	x := &runtime.Extension{
		Version:   gpu.Version,
		Companion: gpu.Companion,
		Begin: func(c *runtime.ExtensionCall) any {
			return gpu.NewSession(c, func() (gpu.Executor, error) { return executor(c) })
		},
		End: func(s any) bool { return s.(*gpu.Session).Close() },
	}
	for _, f := range gpu.Functions() {
		x.Funcs = append(x.Funcs, runtime.ExtensionFunc{Module: f.Module, Name: f.Name, Params: f.Params, Results: f.Results,
			Call: func(s any, args []uint64) { f.Call(s.(*gpu.Session), args) }})
	}
	return x
}

// executor is what runs the graphs of a call: the GPU worker that a socket came from, else the processors, with the module's companion.
func executor(c *runtime.ExtensionCall) (gpu.Executor, error) {
	if fd := c.Handed(); fd >= 0 {
		return gpu.Dial(fd)
	}
	machine, err := c.Companion()
	if err != nil {
		return nil, err
	}
	return gpu.OnCPU(machine, c.Module(), c.CompanionLimit()), nil
}
