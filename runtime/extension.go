package runtime

// Extension is host functions that another package offers to modules, beside those of the node ABI. The program gives the same one to
// NewModule, which holds imports against it, and to WorkerMain, which links them. A module that imports none of its functions pays
// nothing for it.
type Extension struct {
	// Version changes whenever results may: it is to be part of the action key of modules that use the extension, and is part of
	// what their native code is kept under.
	Version string
	Funcs   []ExtensionFunc
	// Companion makes a second module out of one that uses the extension. It is compiled in the worker, in the same step as the first;
	// its one memory lies in a region of its own. It must give the same bytes for the same module. It imports nothing.
	Companion func(code []byte) ([]byte, error)
	// Begin makes the state of a call when the guest calls a function of the extension for the first time.
	Begin func(*ExtensionCall) any
	// End ends it. It says whether results of the call may be others on another device.
	End func(state any) (device bool)
}

// ExtensionFunc is one function that guests may import.
type ExtensionFunc struct {
	Module, Name    string
	Params, Results string // types, such as "i32 i64"
	// Call acts on the arguments and puts the results from the start of args, as wazero's stack functions do.
	Call func(state any, args []uint64)
}

// find gives the extension's function of that name; nil, also of no extension, when there is none.
func (x *Extension) find(module, name string) *ExtensionFunc {
	if x == nil {
		return nil
	}
	for i := range x.Funcs {
		if f := &x.Funcs[i]; f.Module == module && f.Name == name {
			return f
		}
	}
	return nil
}
