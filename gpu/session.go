package gpu

import (
	"errors"
	"fmt"

	"levee/gpu/op"
)

// Guest is a running call as the engine shows it. A guest that passes what it may not pass is ended by a panic of the engine's.
type Guest interface {
	// Bounds ends the call: the guest's mistake. Lost ends it: what it kept here is gone, and it may be run again.
	Bounds(format string, args ...any)
	Lost(detail string)
	// View is the guest's memory at ptr, until the guest runs on.
	View(what string, ptr, size uint32) []byte
	// Module is the guest's module.
	Module() []byte
	// Input is the type and the size of an input, -1 for an absent one; ReadInput reads part of it.
	Input(what string, port uint32) (typ string, size int64)
	ReadInput(port uint32, p []byte, off int64) int
	// InputDigest names an input's content; zero: it is not known.
	InputDigest(port uint32) [32]byte
	// Output is the type of an output; WriteOutput appends to it.
	Output(what string, port uint32) (typ string)
	WriteOutput(port uint32, p []byte)
	// ReferOutput gives, as an output that is Referable, a value that is kept elsewhere.
	Referable(port uint32) bool
	ReferOutput(port uint32, digest [32]byte, head []byte, size int64)
}

// Session is the state of one call that uses tensors.
type Session struct {
	guest   Guest
	open    func() (Executor, error)
	exec    Executor // nil until it is needed
	kernels int
	last    string // text of the last failure
	device  bool   // the guest saw something that is not the same on every machine
	buf     []byte
}

const (
	maxKernels = 64       // of a session
	maxCode    = 64 << 10 // bytes of a module that holds a kernel
	maxName    = 256
	chunk      = 1 << 20 // of an input or output on its way
)

// NewSession begins a call's session. The executor is opened when it is needed first.
func NewSession(g Guest, open func() (Executor, error)) *Session {
	return &Session{guest: g, open: open}
}

// Close ends the session. It says whether results of the call may be others on another device: the class of the ops that were run,
// or what the guest was told about the device.
func (s *Session) Close() (device bool) {
	if s.exec == nil {
		return s.device
	}
	device = s.device || s.exec.Class() == op.Device
	_ = s.exec.Close() // nothing of it is wanted any more
	return device
}

// Function is a host function: the arguments lie in args, the result is put into its first place.
type Function struct {
	Module, Name, Params, Results string
	Call                          func(s *Session, args []uint64)
}

// The names under which modules import.
const (
	ImportModule = "levee_gpu_v1"
	KernelModule = "levee_kernel_v1"
)

// Functions are all that nodes may import. Names may be added; none changes its meaning.
func Functions() []Function {
	list := []Function{
		{"", "info", "i32 i32", "i32", (*Session).info},
		{"", "tensor_new", "i32 i32 i32", "i64", (*Session).tensorNew},
		{"", "tensor_free", "i64", "i32", (*Session).tensorFree},
		{"", "tensor_desc", "i64 i32 i32", "i32", (*Session).tensorDesc},
		{"", "tensor_write", "i64 i64 i32 i32", "i32", (*Session).tensorWrite},
		{"", "tensor_read", "i64 i64 i32 i32", "i32", (*Session).tensorRead},
		{"", "tensor_input", "i32", "i64", (*Session).tensorInput},
		{"", "tensor_output", "i32 i64", "i32", (*Session).tensorOutput},
		{"", "kernel", "i32 i32", "i64", (*Session).kernel},
		{"", "kernel_code", "i32 i32 i32 i32", "i64", (*Session).kernelCode},
		{"", "submit", "i32 i32", "i64", (*Session).submit},
		{"", "wait", "i64 i64", "i32", (*Session).wait},
		{"", "estimate", "i32 i32 i32 i32", "i32", (*Session).estimate},
		{"", "last_error", "i32 i32", "i32", (*Session).lastError},
	}
	for i := range list {
		list[i].Module = ImportModule
	}
	return append(list, kernelFunctions()...)
}

// kernelFunctions are what functions that are made into kernels may call. They mean nothing elsewhere.
func kernelFunctions() []Function {
	only := func(name, params, results string) Function {
		return Function{KernelModule, name, params, results, func(s *Session, _ []uint64) {
			s.guest.Bounds("%s.%s: it is there only inside of a kernel", KernelModule, name)
		}}
	}
	list := []Function{only("gid", "", "i64")}
	for _, typ := range []string{"i32", "i64", "f32", "f64"} {
		for slot := range 8 {
			list = append(list, only(fmt.Sprintf("%s_%d", typ, slot), "i64", typ))
		}
	}
	return list
}

// executor opens the session's executor.
func (s *Session) executor() (Executor, error) {
	if s.exec != nil {
		return s.exec, nil
	}
	exec, err := s.open()
	if err != nil {
		return nil, err
	}
	s.exec = exec
	return exec, nil
}

// status is what a function gives back: a value, or the fault as a negative number. Its text is kept for last_error.
func (s *Session) status(v int64, err error) int64 {
	if err == nil {
		return v
	}
	fault := &op.Error{Fault: op.Unavailable, Detail: err.Error()}
	errors.As(err, &fault)
	switch fault.Fault {
	case op.Lost:
		s.guest.Lost(fault.Detail)
	case op.TimedOut, op.Unavailable, op.OverQuota, op.OverBudget:
		s.device = true // elsewhere it may go well
	}
	s.last = fault.Error()
	return -int64(fault.Fault)
}

// put32 and put64 are results of the two widths.
func put32(args []uint64, v int64) { args[0] = uint64(uint32(int32(v))) }
func put64(args []uint64, v int64) { args[0] = uint64(v) }
