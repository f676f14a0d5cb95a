package device

import (
	"crypto/sha256"
	"errors"
	"time"

	"levee/gpu/cuda"
	"levee/gpu/kernel"
	"levee/gpu/op"
)

func lowerCopy(l *lower, _ *op.Op) error {
	return l.copy(l.out[0].at, l.in[0].at, l.out[0].Bytes())
}

// mapKernel is a kernel of a session.
type mapKernel struct {
	*kernel.Func
	key [sha256.Size]byte
}

// mapKey names code: a function, and the types of the tensors that it was made for.
type mapKey struct {
	function [sha256.Size]byte
	types    string
}

type mapCode struct {
	function
	module cuda.Module
}

const (
	// maxMaps is how many kernels of nodes are loaded before all are unloaded: each takes memory of the device that no quota counts.
	maxMaps = 512
	// launchTime is what one launch may take by estimate: other sessions, and what else the device shows, get their turn in between.
	launchTime = 50 * time.Millisecond
	mapThreads = 256
)

// Kernel takes an exported function of a module as a kernel.
func (s *Session) Kernel(module []byte, export string) (op.Handle, error) {
	if err := s.oneMore(); err != nil {
		return 0, err
	}
	f, err := kernel.Parse(module, export)
	if err != nil {
		return 0, err
	}
	if err := s.dev.unloadMaps(); err != nil {
		return 0, s.dev.fault(err)
	}
	return s.kernels.Add(&mapKernel{f, f.Key()}), nil
}

func (s *Session) signature(h op.Handle) (op.Signature, bool) {
	k, ok := s.kernels.Get(h)
	if !ok {
		return op.Signature{}, false
	}
	return k.Signature(), true
}

// unloadMaps forgets the code of nodes' kernels when there is too much of it.
func (d *Device) unloadMaps() error {
	d.mu.Lock()
	n := len(d.maps)
	d.mu.Unlock()
	if n < maxMaps {
		return nil
	}
	d.code.Lock()
	defer d.code.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.Synchronize()
	for key, m := range d.maps {
		err = errors.Join(err, d.Unload(m.module))
		delete(d.maps, key)
	}
	return err
}
