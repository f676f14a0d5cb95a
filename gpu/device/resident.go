package device

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// residents are copies of tensors that outlive the session that had them: what one node gives is on the device already when the next one
// wants it. Each is named by the digest of its value, which was computed here, of these very bytes, so nobody can name one wrongly.
type residents struct {
	mu   sync.Mutex
	list map[Digest]*resident // guarded by mu, as all below
	held int64
	tick uint64
}

type resident struct {
	at      cuda.Ptr
	n       int64  // bytes of memory
	head    []byte // what stands in front of the elements in the value
	size    int64  // of the elements
	last    uint64 // tick of its last use
	users   int    // those who are at it
	offers  int    // of it that are not written elsewhere yet
	offered time.Time
}

// Digest names a value by its content, as graph/value does.
type Digest = [sha256.Size]byte

const (
	leafSize    = 4096
	residentMin = 64 << 10 // bytes from which on a tensor is worth keeping
	residentOf  = 16       // the part of the device's memory that residents may take
	offerFor    = 2 * time.Minute
)

// Keep copies a tensor, as the value that it is behind head, for later sessions. It is no failure when there is no room for it.
func (s *Session) Keep(h op.Handle, head []byte) error {
	kept, _, err := s.keep(h, head)
	if kept != nil {
		s.dev.residents.done(kept)
	}
	return err
}

// Offer is Keep for a value that is not written anywhere else yet: it stays until Release, and a while at most. It gives the value's
// digest; false: it could not be kept.
func (s *Session) Offer(h op.Handle, head []byte) (d Digest, ok bool, err error) {
	kept, d, err := s.keep(h, head)
	if kept != nil {
		s.dev.residents.offer(kept)
	}
	return d, kept != nil, err
}

// keep gives what the tensor is kept as, in use; nil: it is not.
func (s *Session) keep(h op.Handle, head []byte) (*resident, Digest, error) {
	t, err := s.tensor(h)
	if err != nil || t.Bytes() < residentMin || len(head)%4 != 0 || len(head) > leafSize || t.Bytes() > s.dev.Memory/residentOf {
		return nil, Digest{}, err
	}
	d, err := s.digest(t, head)
	if fault, ok := errors.AsType[*op.Error](err); ok && fault.Fault == op.OverQuota {
		return nil, d, nil
	}
	if err != nil {
		return nil, d, err
	}
	r := &s.dev.residents
	if kept := r.use(d); kept != nil {
		return kept, d, nil
	}
	n := roundUp(t.Bytes(), largeStep)
	if !r.makeRoom(s.dev, n) {
		return nil, d, nil
	}
	at, err := s.dev.Alloc(n)
	if err != nil { // others need the memory more
		r.unreserve(n)
		return nil, d, nil
	}
	err = s.dev.Copy(at, t.at, t.Bytes(), s.stream)
	if err == nil {
		err = s.drain()
	}
	if err != nil {
		if s.dev.Lost() == nil {
			err = errors.Join(err, s.dev.Free(at))
			r.unreserve(n)
		}
		return nil, d, s.dev.fault(err)
	}
	kept, err := r.add(s.dev, d, &resident{at: at, n: n, head: append([]byte(nil), head...), size: t.Bytes()})
	return kept, d, s.dev.fault(err)
}

// Find makes a tensor of what is kept under a digest as a value that begins with head; no handle when nothing is.
func (s *Session) Find(d Digest, head []byte, desc op.Desc) (op.Handle, error) {
	if err := desc.Check(); err != nil {
		return 0, op.Errorf(op.BadGraph, "%v", err)
	}
	if err := s.oneMore(); err != nil {
		return 0, err
	}
	r := &s.dev.residents
	kept := r.use(d)
	if kept == nil {
		return 0, nil
	}
	defer r.done(kept)
	if desc.Bytes() != kept.size || !bytes.Equal(head, kept.head) {
		return 0, nil // no value of this description has that digest
	}
	at, err := s.alloc(desc.Bytes())
	if err != nil {
		return 0, err
	}
	if err = s.dev.Copy(at, kept.at, desc.Bytes(), s.stream); err == nil {
		err = s.drain()
	}
	if err != nil {
		return 0, s.dev.fault(err)
	}
	desc.Shape = append([]int64(nil), desc.Shape...)
	return s.objects.Add(object{tensor: tensor{at, desc}}), nil
}

// Fetch reads from the value that is kept under a digest, its head and its elements, and says how much that was: 0 at its end, and when
// nothing is kept.
func (s *Session) Fetch(d Digest, off int64, p []byte) (n int, err error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	r := &s.dev.residents
	kept := r.use(d)
	if kept == nil || off < 0 {
		return 0, nil
	}
	defer r.done(kept)
	if off < int64(len(kept.head)) {
		return copy(p, kept.head[off:]), nil
	}
	off -= int64(len(kept.head))
	if off >= kept.size {
		return 0, nil
	}
	p = p[:min(int64(len(p)), kept.size-off)]
	return len(p), s.fetch(p, kept.at+cuda.Ptr(off))
}

// Release says that a value that was offered may go: it is written elsewhere.
func (s *Session) Release(d Digest) {
	r := &s.dev.residents
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.list[d]; kept != nil && kept.offers > 0 {
		kept.offers--
	}
}

// digest hashes a value: whole leaves on the device, the first, which holds the head, and what is left in the end here.
func (s *Session) digest(t tensor, head []byte) (d Digest, err error) {
	size := int64(len(head)) + t.Bytes()
	leaves := (size + leafSize - 1) / leafSize
	whole := size/leafSize - 1 // beside the first
	sums := make([]byte, leaves*sha256.Size)
	if err := s.hashLeaves(sums[sha256.Size:][:whole*sha256.Size], t.at+cuda.Ptr(leafSize-len(head)), whole); err != nil {
		return d, err
	}
	first := append(make([]byte, 0, 1+leafSize), 0)
	first = append(first, head...)
	if first, err = s.more(first, t.at, leafSize-int64(len(head))); err != nil {
		return d, err
	}
	sum := sha256.Sum256(first)
	copy(sums, sum[:])
	if rest := size % leafSize; rest > 0 {
		last, err := s.more([]byte{0}, t.at+cuda.Ptr(t.Bytes()-rest), rest)
		if err != nil {
			return d, err
		}
		sum = sha256.Sum256(last)
		copy(sums[(leaves-1)*sha256.Size:], sum[:])
	}
	all := sha256.New()
	all.Write(binary.LittleEndian.AppendUint64([]byte{1}, uint64(size)))
	all.Write(sums)
	all.Sum(d[:0])
	return d, nil
}

// hashLeaves has the device hash n leaves.
func (s *Session) hashLeaves(sums []byte, at cuda.Ptr, n int64) error {
	out, err := s.alloc(n * sha256.Size)
	if err != nil {
		return err
	}
	defer s.arena.free(out)
	f, err := s.builtin("hash", "hash_leaves")
	if err != nil {
		return s.dev.fault(err)
	}
	var args cuda.Args
	const threads = 128
	grid := dim{X: uint32(min((n+threads-1)/threads, 1<<20))}
	if err := s.dev.Launch(f.Function, grid, dim{X: threads}, 0, s.stream, args.Ptr(at).Ptr(out).I64(n).Params()); err != nil {
		return s.dev.fault(err)
	}
	return s.fetch(sums, out)
}

// more appends n bytes of the device.
func (s *Session) more(b []byte, at cuda.Ptr, n int64) ([]byte, error) {
	p := make([]byte, n)
	err := s.fetch(p, at)
	return append(b, p...), err
}

func (r *residents) use(d Digest) *resident {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.list[d]
	if kept != nil {
		r.tick++
		kept.last = r.tick
		kept.users++
	}
	return kept
}

func (r *residents) done(kept *resident) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept.users--
}

// makeRoom reserves n bytes, and drops what was not used for longest.
func (r *residents) makeRoom(d *Device, n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.held+n > d.Memory/residentOf {
		if !r.drop(d) {
			return false
		}
	}
	r.held += n
	return true
}

func (r *residents) unreserve(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= n
}

// offer keeps one that is in use until it is released.
func (r *residents) offer(kept *resident) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept.users--
	kept.offers++
	kept.offered = time.Now()
}

// add keeps what room was made for, unless another session was faster. What it gives is in use.
func (r *residents) add(d *Device, name Digest, kept *resident) (*resident, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.list[name]; other != nil {
		r.held -= kept.n
		other.users++
		return other, d.Free(kept.at)
	}
	kept.users = 1
	if r.list == nil {
		r.list = map[Digest]*resident{}
	}
	r.tick++
	kept.last = r.tick
	r.list[name] = kept
	return kept, nil
}

// drop frees the one that was not used for longest; false: there is none that can be freed. Called with mu held.
func (r *residents) drop(d *Device) bool {
	var oldest Digest
	var found *resident
	for name, kept := range r.list {
		if kept.users == 0 && (kept.offers == 0 || time.Since(kept.offered) > offerFor) && (found == nil || kept.last < found.last) {
			oldest, found = name, kept
		}
	}
	if found == nil {
		return false
	}
	delete(r.list, oldest)
	r.held -= found.n
	return d.Free(found.at) == nil
}

// clear frees all that can be freed; false: there was nothing.
func (r *residents) clear(d *Device) (freed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.drop(d) {
		freed = true
	}
	return freed
}
