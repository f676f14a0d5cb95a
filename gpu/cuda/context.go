package cuda

/*
#include "driver.h"

#cgo noescape levee_mem_info
#cgo nocallback levee_mem_info
#cgo noescape levee_alloc
#cgo nocallback levee_alloc
#cgo noescape levee_free
#cgo nocallback levee_free
#cgo noescape levee_set8
#cgo nocallback levee_set8
#cgo noescape levee_set32
#cgo nocallback levee_set32
#cgo noescape levee_upload
#cgo nocallback levee_upload
#cgo noescape levee_download
#cgo nocallback levee_download
#cgo noescape levee_copy
#cgo nocallback levee_copy
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Context is a device's primary context.
type Context struct {
	Facts
	driver *Driver
	cu     *C.levee_cuda
	ctx    C.uintptr_t
	device C.int
}

// Ptr is an address in a device's memory.
type Ptr uint64

// leastCC is the compute capability, times ten, from which on devices take what levee's kernels are compiled to.
const leastCC = 70

// Open makes, or shares, the primary context of a device. It takes some tenths of a second and some hundred megabytes of the device.
func (d *Driver) Open(index int) (*Context, error) {
	f, device, err := d.facts(index)
	if err != nil {
		return nil, err
	}
	if f.CC < leastCC { // NVML knows it too, where it is new enough
		return nil, fmt.Errorf("the compute capability of %s is %d.%d, and 7.0 is needed", f.Name, f.CC/10, f.CC%10)
	}
	c := &Context{Facts: f, driver: d, cu: d.cu, device: device}
	if err := d.result("cuDevicePrimaryCtxRetain", C.levee_retain(d.cu, c.device, &c.ctx)); err != nil {
		return nil, err
	}
	return c, nil
}

// Close gives the context back. Nothing made in it may be used after.
func (c *Context) Close() error {
	return c.result("cuDevicePrimaryCtxRelease", C.levee_release(c.cu, c.device))
}

func (c *Context) result(call string, rc C.int) error {
	if rc == 0 {
		return nil
	}
	return c.driver.result(call, rc)
}

// answered makes an error of what came back from a call of a library of the vendor: a number of its own, or one of the driver's. What is not
// among the classes is a mistake of ours.
func (c *Context) answered(call, status string, rc C.int, classes map[int]Class) error {
	if rc < C.LEVEE_LIBRARY {
		return c.result(call, rc)
	}
	code := int(rc - C.LEVEE_LIBRARY)
	class, ok := classes[code]
	if !ok {
		class = Caller
	}
	return &Error{Call: call, Code: code, Name: fmt.Sprintf("%s %d", status, code), Class: class}
}

// Driver is the one that the context was opened with.
func (c *Context) Driver() *Driver { return c.driver }

// Synchronize waits until the device has done everything.
func (c *Context) Synchronize() error {
	return c.result("cuCtxSynchronize", C.levee_synchronize(c.cu, c.ctx))
}

// Available is how many bytes of the device's memory nobody holds.
func (c *Context) Available() (int64, error) {
	var available, total C.size_t
	err := c.result("cuMemGetInfo", C.levee_mem_info(c.cu, c.ctx, &available, &total))
	return int64(available), err
}

// Alloc takes n bytes of the device's memory, aligned to 256. What is in them is not defined.
func (c *Context) Alloc(n int64) (Ptr, error) {
	var at C.uint64_t
	err := c.result("cuMemAlloc", C.levee_alloc(c.cu, c.ctx, C.size_t(n), &at))
	return Ptr(at), err
}

// Free gives memory back. It waits for the device where the driver has to.
func (c *Context) Free(at Ptr) error {
	return c.result("cuMemFree", C.levee_free(c.cu, c.ctx, C.uint64_t(at)))
}

// Set8 writes n bytes of v.
func (c *Context) Set8(at Ptr, v byte, n int64, s Stream) error {
	return c.result("cuMemsetD8Async", C.levee_set8(c.cu, c.ctx, C.uint64_t(at), C.uchar(v), C.size_t(n), C.uintptr_t(s)))
}

// Set32 writes n words of v; at is aligned to 4.
func (c *Context) Set32(at Ptr, v uint32, n int64, s Stream) error {
	return c.result("cuMemsetD32Async", C.levee_set32(c.cu, c.ctx, C.uint64_t(at), C.uint(v), C.size_t(n), C.uintptr_t(s)))
}

// Upload copies p to the device. When it returns p may be used again, unless p is pinned or registered: then only once the stream got there.
func (c *Context) Upload(to Ptr, p []byte, s Stream) error {
	if len(p) == 0 {
		return nil
	}
	return c.result("cuMemcpyHtoDAsync", C.levee_upload(c.cu, c.ctx, C.uint64_t(to), unsafe.Pointer(&p[0]), C.size_t(len(p)), C.uintptr_t(s)))
}

// Download copies from the device to p, which must be pinned, registered or mapped, or else stay where it is until the stream got there.
func (c *Context) Download(p []byte, from Ptr, s Stream) error {
	if len(p) == 0 {
		return nil
	}
	return c.result("cuMemcpyDtoHAsync", C.levee_download(c.cu, c.ctx, unsafe.Pointer(&p[0]), C.uint64_t(from), C.size_t(len(p)), C.uintptr_t(s)))
}

// Copy copies within the device. The ranges do not overlap.
func (c *Context) Copy(to, from Ptr, n int64, s Stream) error {
	return c.result("cuMemcpyDtoDAsync", C.levee_copy(c.cu, c.ctx, C.uint64_t(to), C.uint64_t(from), C.size_t(n), C.uintptr_t(s)))
}

// Pinned gives n bytes of memory that the device reads and writes by itself; it is not the garbage collector's. FreePinned ends it.
func (c *Context) Pinned(n int) ([]byte, error) {
	var at unsafe.Pointer
	if err := c.result("cuMemHostAlloc", C.levee_host_alloc(c.cu, c.ctx, C.size_t(n), &at)); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(at), n), nil
}

// FreePinned gives the memory of Pinned back.
func (c *Context) FreePinned(p []byte) error {
	return c.result("cuMemFreeHost", C.levee_host_free(c.cu, c.ctx, unsafe.Pointer(&p[0])))
}

// Register pins memory of ours, a mapping and never the collector's heap, so that the device reads and writes it by itself.
func (c *Context) Register(p []byte) error {
	return c.result("cuMemHostRegister", C.levee_register(c.cu, c.ctx, unsafe.Pointer(&p[0]), C.size_t(len(p))))
}

// Unregister ends what Register began; it comes before the mapping ends.
func (c *Context) Unregister(p []byte) error {
	return c.result("cuMemHostUnregister", C.levee_unregister(c.cu, c.ctx, unsafe.Pointer(&p[0])))
}
