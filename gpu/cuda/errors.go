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

// remedies are what can be done about codes that mostly come when a device is opened.
var remedies = map[int]string{
	2:   "other programs hold its memory: nvidia-smi shows which",
	34:  "a stub of the toolkit stands in for the driver: take its folder out of LD_LIBRARY_PATH",
	46:  "another process has it for itself, as its compute mode lets one: nvidia-smi -c 0 lets others",
	100: "it is gone, or hidden from this process: levee gpu lists what there is now",
	101: "it is gone, or hidden from this process: levee gpu lists what there is now",
	214: "its memory is failing: it needs a reset",
	800: "levee's user may not use it: look at the rights of /dev/nvidia*",
	802: "it waits for the fabric manager: systemctl start nvidia-fabricmanager",
	803: "the driver was updated: start the machine again",
	804: "libcuda.so.1 is of another version than the driver, and this GPU does not bear that: take cuda-compat out of LD_LIBRARY_PATH",
}

// Remedy says what can be done about the error.
func (e *Error) Remedy() string {
	if text, ok := remedies[e.Code]; ok {
		return text
	}
	return "the kernel's log (dmesg) may say why; often a restart of the machine helps"
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
