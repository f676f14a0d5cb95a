package device

import (
	"errors"
	"slices"

	"levee/gpu/cuda"
)

// maxKept is how much memory of the device is kept for the next session.
const maxKept = 256 << 20

// lane is what a session has of the driver. It is kept for the next one: to make it takes longer than most graphs do.
type lane struct {
	stream cuda.Stream
	spare  []cuda.Event
	traps  *traps // once a kernel was submitted
	bounce []byte // pinned, for small downloads; once there was one
}

func (d *Device) takeLane() (lane, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.lanes); n > 0 {
		l := d.lanes[n-1]
		d.lanes = d.lanes[:n-1]
		return l, nil
	}
	stream, err := d.NewStream()
	return lane{stream: stream}, err
}

func (d *Device) keepLane(l lane) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lanes = append(d.lanes, l)
}

func (d *Device) freeLane(l lane) error {
	err := d.FreeStream(l.stream)
	for _, e := range l.spare {
		err = errors.Join(err, d.FreeEvent(e))
	}
	if l.traps != nil {
		err = errors.Join(err, d.Free(l.traps.words), d.FreePinned(l.traps.host))
	}
	if l.bounce != nil {
		err = errors.Join(err, d.FreePinned(l.bounce))
	}
	return err
}

// takeSlab gives n bytes: one that was kept, or from the driver. What is in them is not defined. Where the driver has none, all that is
// kept goes back to it first.
func (d *Device) takeSlab(n int64) (cuda.Ptr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.IndexFunc(d.slabs, func(s span) bool { return s.n == n }); i >= 0 {
		at := d.slabs[i].at
		d.slabs = slices.Delete(d.slabs, i, i+1)
		return at, nil
	}
	at, err := d.Alloc(n)
	if e, ok := errors.AsType[*cuda.Error](err); ok && e.Class == cuda.OutOfMemory {
		kept := len(d.slabs) > 0
		if err := d.freeSlabs(); err != nil {
			return 0, err
		}
		if d.residents.clear(d) || kept {
			at, err = d.Alloc(n)
		}
	}
	return at, err
}

// keepSlab takes a slab back that nothing uses any more.
func (d *Device) keepSlab(s span) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := s.n
	for _, other := range d.slabs {
		kept += other.n
	}
	if kept > maxKept {
		return d.Free(s.at)
	}
	d.slabs = append(d.slabs, s)
	return nil
}

// freeSlabs is called with mu held.
func (d *Device) freeSlabs() error {
	var err error
	for _, s := range d.slabs {
		err = errors.Join(err, d.Free(s.at))
	}
	d.slabs = nil
	return err
}
