// Package device runs graphs on a CUDA device: the executor behind the GPU worker. A Device is the context with the code that was loaded
// into it; a Session is what one call of a node holds there.
package device

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"levee/gpu/builtin"
	"levee/gpu/cuda"
	"levee/gpu/op"
)

// Device is one device, opened. Its sessions may be used by different goroutines.
type Device struct {
	*cuda.Context
	cc, sms, sharedOptIn int

	lost atomic.Pointer[op.Error] // why the context is of no use any more

	Compiler Compiler         // its exported fields are set before the first session
	kernels  codes[[2]string] // built-in ones, by file and name

	mu     sync.Mutex
	pinned [][]byte // guarded by mu: memory of ours that is registered
	lanes  []lane   // guarded by mu: nobody's
	slabs  []span   // guarded by mu: nobody's

	// code is held for reading from where a kernel is found until its launch is in the stream. Modules of nodes' kernels are unloaded
	// under the lock.
	code sync.RWMutex
	maps codes[mapKey] // nodes' kernels
	blas blas
	fft  fft

	residents residents
}

// Open makes a device's context.
func Open(d *cuda.Driver, index int) (*Device, error) {
	c, err := d.Open(index)
	if err != nil {
		return nil, err
	}
	return &Device{Context: c, cc: c.CC, sms: c.SMs, sharedOptIn: c.Shared, Compiler: Compiler{Most: CompileTime}}, nil
}

// Close ends the context. Every session was closed before. A lost one ends with the process.
func (d *Device) Close() error {
	if d.Lost() != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	err = errors.Join(err, d.kernels.unload(d), d.maps.unload(d))
	for _, p := range d.pinned {
		err = errors.Join(err, d.Unregister(p))
	}
	for _, l := range d.lanes {
		err = errors.Join(err, d.freeLane(l))
	}
	err = errors.Join(err, d.freeSlabs())
	d.residents.clear(d)
	if d.blas.Blas != nil {
		err = errors.Join(err, d.blas.Close())
	}
	if d.fft.FFT != nil {
		err = errors.Join(err, d.fft.Close())
	}
	d.pinned, d.lanes = nil, nil
	return errors.Join(err, d.Context.Close())
}

// Pin lets transfers of sessions go straight to and from p, a mapping that outlives the device. Where the driver cannot, transfers are
// as they were: copied once more.
func (d *Device) Pin(p []byte) error {
	if err := d.Register(p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pinned = append(d.pinned, p)
	return nil
}

// Unpin undoes Pin, before p goes away. Nothing is on its way to or from p.
func (d *Device) Unpin(p []byte) error {
	d.mu.Lock()
	d.pinned = slices.DeleteFunc(d.pinned, func(q []byte) bool { return &q[0] == &p[0] })
	d.mu.Unlock()
	return d.Unregister(p)
}

// Estimate is how long the device is thought to need, generously: an eighth of what the data sheet promises.
func (d *Device) Estimate(c op.Cost) time.Duration {
	clock, memory := int64(d.ClockKHz), int64(d.MemoryKHz)*int64(d.BusBits)/4 // both edges of the clock, bits to bytes: kB a second
	if clock == 0 {
		clock = 1_000_000
	}
	if memory == 0 {
		memory = 100_000_000
	}
	flops := float64(d.sms) * 128 * float64(clock) * 1e3 / 8
	return time.Duration((float64(c.Flops)/flops + float64(c.Moved)/(float64(memory)*1e3/8)) * float64(time.Second))
}

// builtin finds a built-in kernel. The driver compiles it the first time that it is asked for.
func (d *Device) builtin(file, name string) (*function, error) {
	return d.kernels.get([2]string{file, name}, func() (*function, error) {
		ptx, ok := builtin.Kernel(file, name)
		if !ok {
			return nil, fmt.Errorf("no kernel %s of %s", name, file)
		}
		return d.compile(ptx, name, "kernel "+name+" of "+file)
	})
}

// allow lets a kernel have so much dynamic shared memory: what is above 48 KiB, with what the kernel has by itself, must be asked for, once.
func (d *Device) allow(f *function, shared int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if shared <= f.shared {
		return nil
	}
	if err := d.AllowShared(f.Function, shared); err != nil {
		return err
	}
	f.shared = shared
	return nil
}

// fault makes an error of the ABI of one of the driver's. A poisoned context ends every session of the device.
func (d *Device) fault(err error) error {
	if err == nil {
		return nil
	}
	var known *op.Error
	if errors.As(err, &known) {
		return known
	}
	e, ok := errors.AsType[*cuda.Error](err)
	switch {
	case ok && e.Class == cuda.OutOfMemory:
		return op.Errorf(op.OverQuota, "the device has no memory left: %v; %s", err, e.Remedy())
	case ok && e.Class == cuda.Poisoned:
		return d.lose("the device failed: %v", err)
	}
	return op.Errorf(op.Unavailable, "%v", err)
}

// lose says that the context is of no use any more; the first reason stays.
func (d *Device) lose(format string, args ...any) error {
	d.lost.CompareAndSwap(nil, op.Errorf(op.Lost, format, args...))
	return d.lost.Load()
}

// Lost is why no session of the device can go on; nil while they can. Only a new process can then use the device.
func (d *Device) Lost() error {
	if e := d.lost.Load(); e != nil {
		return e
	}
	return nil
}

// isPinned says whether transfers with p go straight to the device, while the program goes on.
func (d *Device) isPinned(p []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := uintptr(unsafe.Pointer(unsafe.SliceData(p)))
	for _, r := range d.pinned {
		if from := uintptr(unsafe.Pointer(unsafe.SliceData(r))); at >= from && at < from+uintptr(len(r)) {
			return true
		}
	}
	return false
}
