// Package cuda binds the CUDA driver: libcuda.so.1, opened when it is asked for. Neither the toolkit nor a device is needed to build or
// to start; a program without the library gets an error that says so. Nothing here starts a thread, and any goroutine may make any
// call: every call makes its context current on the thread it runs on.
package cuda

/*
#cgo nogpu CFLAGS: -DLEVEE_NOGPU
#cgo !nogpu LDFLAGS: -ldl
#include <stdlib.h>
#include "driver.h"

#cgo noescape levee_device
#cgo nocallback levee_device
#cgo noescape levee_attribute
#cgo nocallback levee_attribute
*/
import "C"

import (
	"bytes"
	"fmt"
	"unsafe"
)

// Library is the name of the driver's library on Linux, without a path: the loader finds it.
const Library = "libcuda.so.1"

// oldest is the driver that the embedded PTX and the functions below need: CUDA 11.0, of 2020.
const oldest = 11000

// Built says whether this program can open a driver at all: one that was built with the tag nogpu cannot.
func Built() bool { return C.LEVEE_BUILT == 1 }

// Driver is an opened and initialised driver.
type Driver struct {
	cu      *C.levee_cuda
	version int
	count   int
}

// Load opens the driver's library at path and initialises it.
func Load(path string) (*Driver, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var text [512]C.char
	var missing *C.char
	var version, count C.int
	cu := C.levee_open(name, &text[0], C.size_t(len(text)), &missing, &version)
	switch {
	case missing != nil:
		return nil, fmt.Errorf("%s has no %s: the driver (%s) is too old, CUDA %s is needed", path, C.GoString(missing), Version(version), Version(oldest))
	case cu == nil:
		return nil, fmt.Errorf("no CUDA driver: %s", C.GoString(&text[0]))
	}
	d := &Driver{cu: cu, version: int(version)}
	if d.version < oldest {
		C.levee_close(cu)
		return nil, fmt.Errorf("the driver of %s is for CUDA %s, %s is needed", path, Version(version), Version(oldest))
	}
	if err := d.result("cuInit", C.levee_init(cu, &count)); err != nil {
		C.levee_close(cu)
		return nil, err
	}
	d.count = int(count)
	return d, nil
}

// Version is a CUDA version as the driver counts them: 12040 is 12.4.
type Version int

func (v Version) String() string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// Version is the newest CUDA version that the driver can serve.
func (d *Driver) Version() Version { return Version(d.version) }

// CanRegister says whether memory of ours can be registered for direct transfers.
func (d *Driver) CanRegister() bool {
	return d.cu.MemHostRegister != nil && d.cu.MemHostUnregister != nil
}

// result makes an error of what a call returned.
func (d *Driver) result(call string, rc C.int) error {
	if rc == 0 {
		return nil
	}
	e := &Error{Call: call, Code: int(rc), Class: classOf(int(rc))}
	if name := C.levee_error_name(d.cu, rc); name != nil {
		e.Name = C.GoString(name)
	}
	return e
}

// Facts are what a device is.
type Facts struct {
	Index     int
	Name      string
	UUID      string // as NVML writes it: GPU-..., zeros where the driver does not tell
	CC        int    // compute capability: 90 is 9.0
	SMs       int    // multiprocessors
	Shared    int    // bytes of shared memory a block can opt in to
	Memory    int64  // bytes
	Unified   bool   // the device's memory is the machine's
	ClockKHz  int    // of the multiprocessors; 0 where the driver does not tell
	MemoryKHz int    // of the memory
	BusBits   int    // width of the memory's bus
	L2        int    // bytes of the second-level cache
}

// Attributes of devices.
const (
	attrClock       = 13
	attrSMs         = 16
	attrIntegrated  = 18
	attrMemoryClock = 36
	attrBusWidth    = 37
	attrL2          = 38
	attrMajor       = 75
	attrMinor       = 76
	attrSharedOptIn = 97
)

// Devices says what devices there are, as the driver orders them. It makes no context.
func (d *Driver) Devices() ([]Facts, error) {
	list := make([]Facts, d.count)
	for i := range list {
		f, _, err := d.facts(i)
		if err != nil {
			return nil, err
		}
		list[i] = f
	}
	return list, nil
}

func (d *Driver) facts(i int) (f Facts, device C.int, err error) {
	var name [256]byte
	var uuid [16]byte
	var memory C.size_t
	rc := C.levee_device(d.cu, C.int(i), &device, (*C.char)(unsafe.Pointer(&name[0])), C.int(len(name)), (*C.uchar)(&uuid[0]), &memory)
	if err = d.result("cuDeviceGet", rc); err != nil {
		return f, device, err
	}
	text, _, _ := bytes.Cut(name[:], []byte{0})
	f = Facts{Index: i, Name: string(text), Memory: int64(memory)}
	f.UUID = fmt.Sprintf("GPU-%x-%x-%x-%x-%x", uuid[:4], uuid[4:6], uuid[6:8], uuid[8:10], uuid[10:])
	var major, minor, integrated int
	for _, a := range []struct {
		number   C.int
		to       *int
		required bool
	}{
		{attrMajor, &major, true}, {attrMinor, &minor, true}, {attrSMs, &f.SMs, true}, {attrSharedOptIn, &f.Shared, true}, {attrIntegrated, &integrated, false},
		{attrClock, &f.ClockKHz, false}, {attrMemoryClock, &f.MemoryKHz, false}, {attrBusWidth, &f.BusBits, false}, {attrL2, &f.L2, false},
	} {
		var v C.int
		err := d.result("cuDeviceGetAttribute", C.levee_attribute(d.cu, device, a.number, &v))
		if err != nil && a.required {
			return f, device, err
		}
		*a.to = int(v)
	}
	f.CC, f.Unified = 10*major+minor, integrated != 0
	return f, device, nil
}
