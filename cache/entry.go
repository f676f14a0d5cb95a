package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"levee/graph/value"
)

// Entry is a stored result.
type Entry struct {
	Key     Key           // what the caller asks with
	Outputs []value.Value // by output port; a zero Value is a port that was not written

	Node         string        // node type, for people
	Site         string        // where it stood (workflow and node path), for Nearest
	Parts        []Part        // of the key, for Nearest
	Log          []byte        // what the node said, as the caller encodes it
	Observations []Observation // files the node read or wrote; they are part of what the result depends on

	Cost    time.Duration // what it took to make
	Created time.Time     // set by Put when zero; whole microseconds

	// Ready waits until the outputs' bytes are where a reader looks for them; nil: they are. It is for those who share the work, and is not
	// stored.
	Ready func(context.Context) error

	row *row // as which it is on its way into the database, or went there; nil: it was read there
}

// Observation is something outside of its inputs that a node saw or left: the content of a file, the names in a folder.
type Observation struct {
	Op     string       `json:"op"`   // read, list, write: words of the caller
	Path   string       `json:"path"` // path or pattern
	Digest value.Digest `json:"digest"`
}

// Part shows an observation among the parts of a key.
func (o Observation) Part() Part {
	p := Part{Label: o.Op + " " + preview(o.Path), Preview: o.Digest.Short()}
	if o.Digest.IsZero() {
		p.Preview = "absent"
	}
	copy(p.Hash[:], o.Digest[:])
	return p
}

// Observed is the key of the result that k has when these things are seen; without any it is k itself.
func (k Key) Observed(seen []Observation) (key Key) {
	if len(seen) == 0 {
		return k
	}
	h := sha256.New()
	h.Write([]byte("levee/observed-key/v1\x00"))
	h.Write(k[:])
	for _, o := range canonical(seen) {
		h.Write(append(frame(nil, tagString, o.Op, len(o.Path)), o.Path...))
		h.Write(o.Digest[:])
	}
	h.Sum(key[:0])
	return key
}

// canonical sorts observations and drops repeated ones, because the order in which files were read does not matter.
func canonical(seen []Observation) []Observation {
	seen = slices.Clone(seen)
	slices.SortFunc(seen, func(a, b Observation) int {
		if c := strings.Compare(a.Op, b.Op); c != 0 {
			return c
		}
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return slices.Compare(a.Digest[:], b.Digest[:])
	})
	return slices.Compact(seen)
}

// sumSize is enough to notice damage; the digests of values guard against more.
const sumSize = 16

// checksum covers a row: what it is, the key it stands under, and its content.
func checksum(kind string, key []byte, body []byte) []byte {
	h := sha256.New()
	h.Write([]byte("levee/row/v1 " + kind + "\x00"))
	h.Write(key)
	h.Write(body)
	return h.Sum(nil)[:sumSize]
}

// The bodies of rows are fields one behind the other: numbers as uvarint, texts and bytes with their length before them.

var errBody = errors.New("cache: row body is cut short or too long")

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	part := r.b[:n:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) bytes() []byte { return r.take(r.uint()) }

func (r *reader) text() string { return string(r.bytes()) }

// count reads the number of things that follow, each at least min bytes long, so that a wrong one allocates nothing.
func (r *reader) count(min int) int {
	n := r.uint()
	if n > uint64(len(r.b)/min) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) end() error {
	if r.bad || len(r.b) != 0 {
		return errBody
	}
	return nil
}

func appendBytes[T []byte | string](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// encodeBody holds the outputs, the cost and the time: what a hit needs. Values up to value.InlineMax are in it.
func encodeBody(e *Entry) []byte {
	size := 32
	for _, v := range e.Outputs {
		size += 64 + len(v.Type)
		if enc, ok := v.Inline(); ok && v.Size <= value.InlineMax {
			size += len(enc)
		}
	}
	b := make([]byte, 0, size)
	b = binary.AppendUvarint(b, uint64(max(e.Cost.Microseconds(), 0)))
	b = binary.AppendUvarint(b, uint64(max(e.Created.UnixMicro(), 0)))
	b = binary.AppendUvarint(b, uint64(len(e.Outputs)))
	for _, v := range e.Outputs {
		b = appendBytes(b, string(v.Type))
		if v.IsZero() {
			continue
		}
		b = append(b, v.Digest[:]...)
		b = binary.AppendUvarint(b, uint64(v.Size))
		if v.Size <= value.InlineMax {
			enc, _ := v.Inline()
			b = append(b, enc...)
		}
	}
	return b
}

// decodeBody fills an entry. Values share b's memory.
func decodeBody(e *Entry, b []byte) error {
	r := reader{b: b}
	e.Cost = time.Duration(r.uint()) * time.Microsecond
	e.Created = time.UnixMicro(int64(r.uint()))
	n := r.count(1)
	if n > 0 {
		e.Outputs = make([]value.Value, n)
	}
	for i := range e.Outputs {
		t := value.Type(r.text())
		if t == "" {
			continue
		}
		var d value.Digest
		copy(d[:], r.take(uint64(len(d))))
		size := r.uint()
		if size > value.InlineMax {
			if size > 1<<62 {
				return errBody
			}
			e.Outputs[i] = value.Stored(t, d, int64(size))
			continue
		}
		e.Outputs[i] = value.Loaded(t, d, r.take(size))
	}
	return r.end()
}

// encodeDetail holds what people ask for. The observations stand among the parts too, for Nearest.
func encodeDetail(e *Entry) []byte {
	parts := slices.Clip(e.Parts)
	for _, o := range canonical(e.Observations) {
		parts = append(parts, o.Part())
	}
	size := 16 + len(e.Log)
	for _, p := range parts {
		size += len(p.Label) + len(p.Preview) + len(p.Hash) + 4
	}
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(parts)))
	for _, p := range parts {
		b = appendBytes(appendBytes(b, p.Label), p.Preview)
		b = append(b, p.Hash[:]...)
	}
	return appendBytes(append(b, encodeObservations(e.Observations, true)...), e.Log)
}

func decodeDetail(e *Entry, b []byte) error {
	r := reader{b: b}
	n := r.count(10)
	for range n {
		p := Part{Label: r.text(), Preview: r.text()}
		copy(p.Hash[:], r.take(uint64(len(p.Hash))))
		e.Parts = append(e.Parts, p)
	}
	e.Observations = readObservations(&r, true)
	e.Log = r.bytes()
	return r.end()
}

func encodeObservations(seen []Observation, digests bool) []byte {
	seen = canonical(seen)
	if !digests {
		for i := range seen {
			seen[i].Digest = value.Digest{}
		}
		seen = slices.Compact(seen)
	}
	b := binary.AppendUvarint(nil, uint64(len(seen)))
	for _, o := range seen {
		b = appendBytes(appendBytes(b, o.Op), o.Path)
		if digests {
			b = append(b, o.Digest[:]...)
		}
	}
	return b
}

func readObservations(r *reader, digests bool) []Observation {
	n := r.count(2)
	seen := make([]Observation, 0, n)
	for range n {
		o := Observation{Op: r.text(), Path: r.text()}
		if digests {
			copy(o.Digest[:], r.take(uint64(len(o.Digest))))
		}
		seen = append(seen, o)
	}
	if n == 0 {
		return nil
	}
	return seen
}
