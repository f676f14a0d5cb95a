package cuda

import "fmt"

// Class says who must act on an error of the driver.
type Class uint8

// The classes. What is not known counts as Poisoned: a new process is the one answer that is always right.
const (
	Poisoned    Class = iota // the context is lost: only a new process gets a good one
	OutOfMemory              // of the device, or of memory that can be pinned
	Caller                   // a mistake of ours; the context is as good as before
	BadCode                  // this driver cannot take that PTX
	Absent                   // the device, the driver or a function of it is not there
)

func (c Class) String() string {
	return [...]string{"poisoned", "out of memory", "caller", "bad code", "absent"}[c]
}

// Codes of the driver that somebody asks for.
const (
	notReady     = 600
	notSupported = 801
)

func classOf(code int) Class {
	switch code {
	case 2:
		return OutOfMemory
	case 1, // invalid value
		101,      // invalid device
		201,      // invalid context
		400, 401, // invalid handle, illegal state
		500,      // no such symbol
		701,      // too many resources for a launch
		712, 713, // host memory already registered, not registered
		720: // too many blocks for a cooperative launch
		return Caller
	case 200, 209, 218, 221, 222, 223, 300: // no image for this device, PTX that is wrong, too new, or cannot be compiled here
		return BadCode
	case 3, 4, 34, 46, 100, 800, notSupported, 802, 803, 804: // not initialised, a stub, no device, not permitted, driver and library do not fit
		return Absent
	}
	return Poisoned
}

// Error is a call that the driver answered with an error. Asynchronous ones come from a later call than the one that caused them.
type Error struct {
	Call  string
	Code  int
	Name  string // of the driver: CUDA_ERROR_...; empty where it gives none
	Class Class
	Log   string // of the compiler, when PTX was refused
}

func (e *Error) Error() string {
	name := e.Name
	if name == "" {
		name = fmt.Sprintf("error %d", e.Code)
	}
	if e.Log != "" {
		return fmt.Sprintf("%s: %s (%v): %s", e.Call, name, e.Class, e.Log)
	}
	return fmt.Sprintf("%s: %s (%v)", e.Call, name, e.Class)
}
