package cuda

/*
#include <stdlib.h>
#include "driver.h"

#cgo noescape levee_launch
#cgo nocallback levee_launch
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unsafe"
)

// Module is loaded code, Function a kernel of it.
type (
	Module   uintptr
	Function uintptr
)

// Load gives PTX to the driver, which compiles it for the device. The error holds what its compiler complains about.
func (c *Context) Load(ptx string) (Module, error) {
	text := C.CString(ptx)
	defer C.free(unsafe.Pointer(text))
	const size = 8 << 10
	log := (*[size]byte)(C.calloc(1, size))
	defer C.free(unsafe.Pointer(log))
	var m C.uintptr_t
	err := c.result("cuModuleLoadDataEx", C.levee_module(c.cu, c.ctx, unsafe.Pointer(text), (*C.char)(unsafe.Pointer(log)), size-1, &m))
	if e, ok := err.(*Error); ok {
		said, _, _ := bytes.Cut(log[:], []byte{0})
		e.Log = strings.TrimSpace(string(said))
	}
	return Module(m), err
}

// Unload ends a module and its functions.
func (c *Context) Unload(m Module) error {
	return c.result("cuModuleUnload", C.levee_module_free(c.cu, c.ctx, C.uintptr_t(m)))
}

// Function finds a kernel of a module by its name.
func (c *Context) Function(m Module, name string) (Function, error) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	var f C.uintptr_t
	if err := c.result("cuModuleGetFunction", C.levee_function(c.cu, c.ctx, C.uintptr_t(m), text, &f)); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return Function(f), nil
}

// Attributes of functions.
const (
	funcMaxThreads    = 0
	funcSharedStatic  = 1
	funcLocal         = 3
	funcRegisters     = 4
	funcSharedDynamic = 8
)

// Use is what a kernel takes of the device.
type Use struct {
	Threads   int // a block may have
	Registers int // of a thread
	Local     int // bytes of a thread that did not fit into registers
	Shared    int // static bytes of a block
}

// Use tells what the compiler made of a kernel.
func (c *Context) Use(f Function) (u Use, err error) {
	for number, to := range map[C.int]*int{funcMaxThreads: &u.Threads, funcRegisters: &u.Registers, funcLocal: &u.Local, funcSharedStatic: &u.Shared} {
		var v C.int
		if err := c.result("cuFuncGetAttribute", C.levee_function_attribute(c.cu, c.ctx, C.uintptr_t(f), number, &v)); err != nil {
			return u, err
		}
		*to = int(v)
	}
	return u, nil
}

// AllowShared lets launches of a kernel have that much dynamic shared memory: above 48 KiB it has to be asked for.
func (c *Context) AllowShared(f Function, n int) error {
	return c.result("cuFuncSetAttribute", C.levee_function_set(c.cu, c.ctx, C.uintptr_t(f), funcSharedDynamic, C.int(n)))
}

// Dim is how many blocks, or threads, there are. A zero counts as one.
type Dim struct{ X, Y, Z uint32 }

func (d Dim) c() C.levee_dim {
	return C.levee_dim{x: C.uint32_t(max(d.X, 1)), y: C.uint32_t(max(d.Y, 1)), z: C.uint32_t(max(d.Z, 1))}
}

// Launch puts a kernel into a stream. The parameters are laid out as the kernel declares them: see Args.
func (c *Context) Launch(f Function, grid, block Dim, shared int, s Stream, params []byte) error {
	return c.result("cuLaunchKernel", C.levee_launch(c.cu, c.ctx, C.uintptr_t(f), grid.c(), block.c(), C.uint(shared), C.uintptr_t(s),
		unsafe.Pointer(unsafe.SliceData(params)), C.size_t(len(params))))
}

// Args are a kernel's parameters, in the order in which it declares them, each aligned to its size. The zero Args are none.
type Args struct {
	block []byte
}

// Reset empties a for the next launch and gives it back.
func (a *Args) Reset() *Args {
	a.block = a.block[:0]
	return a
}

// Params is the block that Launch takes, until a is used again.
func (a *Args) Params() []byte { return a.block }

func (a *Args) put8(v uint64) *Args {
	for len(a.block)%8 != 0 {
		a.block = append(a.block, 0)
	}
	a.block = binary.LittleEndian.AppendUint64(a.block, v)
	return a
}

func (a *Args) put4(v uint32) *Args { // nothing is smaller than 4 bytes, so it is aligned
	a.block = binary.LittleEndian.AppendUint32(a.block, v)
	return a
}

// Ptr, I64, I32, U32, F32 and F64 add a parameter.
func (a *Args) Ptr(v Ptr) *Args     { return a.put8(uint64(v)) }
func (a *Args) I64(v int64) *Args   { return a.put8(uint64(v)) }
func (a *Args) I32(v int32) *Args   { return a.put4(uint32(v)) }
func (a *Args) U32(v uint32) *Args  { return a.put4(v) }
func (a *Args) F32(v float32) *Args { return a.put4(math.Float32bits(v)) }
func (a *Args) F64(v float64) *Args { return a.put8(math.Float64bits(v)) }
