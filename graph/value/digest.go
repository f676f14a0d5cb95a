package value

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// Digest names an encoding by its content. It is a SHA-256 tree hash, so that leaves can be hashed in parallel, on a device
// too, and give the same name:
//
//	leaf i  = SHA-256(0x00 || bytes[4096*i : 4096*(i+1)])
//	digest  = leaf 0                                            for at most 4096 bytes
//	digest  = SHA-256(0x01 || u64le(size) || leaf 0 || leaf 1 || ...)   for more
//
// The leading byte keeps leaves and roots apart (RFC 6962 section 2.1 does the same).
type Digest [32]byte

// leafSize is the number of bytes under one leaf of the tree hash.
const leafSize = 4096

// parallelFrom is the size from which hashing in parallel pays for its goroutines.
const parallelFrom = 1 << 20

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short is the first 12 hex digits, for people.
func (d Digest) Short() string { return hex.EncodeToString(d[:6]) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText and UnmarshalText make a digest a hex string in JSON.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(b []byte) error {
	p, err := ParseDigest(string(b))
	*d = p
	return err
}

// ParseDigest reads 64 hex digits.
func ParseDigest(s string) (d Digest, err error) {
	if len(s) != 64 {
		return d, fmt.Errorf("a digest has 64 hex digits, got %d", len(s))
	}
	_, err = hex.Decode(d[:], []byte(s))
	return d, err
}

// Sum returns the digest of b; large inputs are hashed on several goroutines.
func Sum(b []byte) Digest {
	const short = 256 // most values are: to clear room for a leaf on the stack takes as long as to hash them
	if len(b) < short {
		var buf [short]byte
		return sha256.Sum256(buf[:1+copy(buf[1:], b)])
	}
	return sumLong(b)
}

func sumLong(b []byte) Digest {
	if len(b) <= leafSize {
		var buf [leafSize + 1]byte
		return sha256.Sum256(buf[:1+copy(buf[1:], b)])
	}
	leaves := make([]byte, (len(b)+leafSize-1)/leafSize*sha256.Size)
	if len(b) < parallelFrom {
		hashLeaves(leaves, b)
		return root(int64(len(b)), leaves)
	}
	const chunk = parallelFrom / 2
	var wg sync.WaitGroup
	gate := make(chan struct{}, 4)
	for off := 0; off < len(b); off += chunk {
		gate <- struct{}{}
		wg.Go(func() {
			hashLeaves(leaves[off/leafSize*sha256.Size:], b[off:min(off+chunk, len(b))])
			<-gate
		})
	}
	wg.Wait()
	return root(int64(len(b)), leaves)
}

func hashLeaves(dst, b []byte) {
	var buf [leafSize + 1]byte
	for len(b) > 0 {
		n := copy(buf[1:], b)
		leaf := sha256.Sum256(buf[:1+n])
		dst = dst[copy(dst, leaf[:]):]
		b = b[n:]
	}
}

func root(size int64, leaves []byte) (d Digest) {
	h := sha256.New()
	var head [9]byte
	head[0] = 1
	binary.LittleEndian.PutUint64(head[1:], uint64(size))
	h.Write(head[:])
	h.Write(leaves)
	h.Sum(d[:0])
	return d
}

// Hasher computes a Digest from a stream. The zero value is ready.
type Hasher struct {
	size int64
	buf  [leafSize + 1]byte
	n    int
	list []byte
}

// Write never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if h.n == leafSize {
			h.flush()
		}
		n := copy(h.buf[1+h.n:], p)
		h.n += n
		h.size += int64(n)
		p = p[n:]
	}
	return total, nil
}

func (h *Hasher) flush() {
	leaf := sha256.Sum256(h.buf[:1+h.n])
	h.list = append(h.list, leaf[:]...)
	h.n = 0
}

// Size is the number of bytes written.
func (h *Hasher) Size() int64 { return h.size }

// Sum returns the digest of what was written; the Hasher is used up.
func (h *Hasher) Sum() Digest {
	if h.size <= leafSize {
		return sha256.Sum256(h.buf[:1+h.n])
	}
	h.flush()
	return root(h.size, h.list)
}

// SumReader hashes all of r.
func SumReader(r io.Reader) (Digest, int64, error) {
	var h Hasher
	_, err := io.CopyBuffer(&h, r, make([]byte, 64<<10))
	return h.Sum(), h.size, err
}
