package daemon

import (
	"errors"

	"levee/graph"
	"levee/nodes"
	"levee/runtime"
)

// codeOf is the stable code of a failure, for machines; "" for failures that have none.
func codeOf(err error) string {
	var failure *runtime.Error
	var module *runtime.ModuleError
	var late *TimeoutError
	var past *pastError
	var clash *clashError
	switch {
	case errors.As(err, &past):
		return past.code
	case errors.As(err, &late):
		return runtime.CodeTimeout
	case errors.As(err, &clash):
		return codeClash
	case errors.As(err, &failure):
		return failure.Code
	case errors.As(err, &module):
		return module.Code
	}
	return ""
}

// The exit codes of the program; anything else is a failure too.
const (
	ExitOK          = 0
	ExitFailed      = 1 // a node failed
	ExitUsage       = 2
	ExitInvalid     = 3 // the workflow is invalid
	ExitDenied      = 4 // it asks for more than the operator allows
	ExitModule      = 5 // a module is missing, refused or another than was named
	ExitDaemon      = 6 // no daemon can be reached, or it cannot start
	ExitLimit       = 7 // a time or memory limit
	ExitGPU         = 8 // a GPU is required and there is none
	ExitSuspended   = 9 // the run waits for an answer
	ExitInterrupted = 130
	ExitUnread      = 141 // nobody reads the output any more
	ExitTerminated  = 143
)

// StartError is why a daemon cannot start: the sandbox, a folder, a database.
type StartError struct{ Err error }

func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *StartError) Unwrap() error { return e.Err }

// ExitCode is what the program exits with for an error.
func ExitCode(err error) int {
	var problems graph.Problems
	var denied *DeniedError
	var module *runtime.ModuleError
	var start *StartError
	var failure *runtime.Error
	var unknown *nodes.ResolveError
	var device *DeviceError
	var past *pastError
	var late *TimeoutError
	var site *SiteError
	var call *CallError
	var state *ResumeError
	var ask *AskError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &site), errors.As(err, &call), errors.As(err, &state), errors.As(err, &ask):
		return ExitUsage
	case errors.As(err, &problems):
		for _, p := range problems {
			if p.Code != "uses" {
				return ExitInvalid
			}
		}
		return ExitModule
	case errors.As(err, &denied):
		return ExitDenied
	case errors.As(err, &late):
		return ExitLimit
	case errors.As(err, &past):
		return exitOf(past.code)
	case errors.As(err, &device):
		return ExitGPU
	case errors.As(err, &start):
		return ExitDaemon
	case errors.As(err, &module), errors.As(err, &unknown):
		return ExitModule
	case errors.As(err, &failure):
		return exitOf(failure.Code)
	}
	return ExitFailed
}

// exitOf is what the program exits with for the code of a failed node.
func exitOf(code string) int {
	switch code {
	case runtime.CodeTimeout, runtime.CodeMemory, runtime.CodeOutput, runtime.CodeCompileTimeout:
		return ExitLimit
	case runtime.CodeRefused:
		return ExitModule
	case codeNoGPU:
		return ExitGPU
	}
	return ExitFailed
}
