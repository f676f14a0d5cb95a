package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"levee/graph/value"
)

// Named is a value under the name of an input or output.
type Named struct {
	Name  string
	Value value.Value
}

// MarshalJSON leaves the bytes out: it is for people and machines that look, who ask for a value by its digest.
func (n Named) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name   string       `json:"name"`
		Type   value.Type   `json:"type"`
		Digest value.Digest `json:"digest"`
		Size   int64        `json:"size"`
	}{n.Name, n.Value.Type, n.Value.Digest, n.Value.Size})
}

// In the database a list of values is one blob: the version byte, the number of values, and for each its name, type,
// digest (32 bytes), size, and 1 and its bytes or 0. Numbers and lengths are uvarints. No values are no blob. It is written
// for every invocation, and takes a third of the room and a tenth of the time of JSON.
const namedVersion = 1

// encodeNamed writes values for the database, with the bytes of those that carry them and have at most this many.
func encodeNamed(list []Named, most int64) []byte {
	if len(list) == 0 {
		return nil
	}
	b := make([]byte, 0, 2+len(list)*72)
	b = append(b, namedVersion)
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, n := range list {
		b = appendText(b, n.Name)
		b = appendText(b, string(n.Value.Type))
		b = append(b, n.Value.Digest[:]...)
		b = binary.AppendUvarint(b, uint64(n.Value.Size))
		if enc, ok := n.Value.Inline(); ok && n.Value.Size <= most {
			b = append(append(b, 1), enc...)
		} else {
			b = append(b, 0)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errNamed = errors.New("the record of a value is damaged")

// leastNamed is the size of the shortest value: two empty texts, digest, size, flag.
const leastNamed = 1 + 1 + 32 + 1 + 1

// decodeNamed reads what encodeNamed wrote. Bytes that are not those of their digest are left out: they are then looked for
// elsewhere.
func decodeNamed(b []byte) ([]Named, error) {
	if len(b) == 0 {
		return []Named{}, nil
	}
	if b[0] != namedVersion {
		return nil, errNamed
	}
	r := namedReader{rest: b[1:]}
	count := r.number()
	if r.bad || count > uint64(len(r.rest)/leastNamed) {
		return nil, errNamed
	}
	list := make([]Named, count)
	for i := range list {
		name, typ := string(r.take(r.number())), value.Type(r.take(r.number()))
		var d value.Digest
		copy(d[:], r.take(uint64(len(d))))
		size := r.number()
		list[i] = Named{Name: name, Value: value.Stored(typ, d, int64(size))}
		switch flag := r.take(1); {
		case r.bad || int64(size) < 0 || flag[0] > 1:
			return nil, errNamed
		case flag[0] == 1:
			if enc := r.take(size); !r.bad && value.Sum(enc) == d {
				list[i].Value = value.Loaded(typ, d, enc)
			}
		}
	}
	if r.bad || len(r.rest) > 0 {
		return nil, errNamed
	}
	return list, nil
}

// namedReader stays bad after the first thing that does not fit.
type namedReader struct {
	rest []byte
	bad  bool
}

func (r *namedReader) number() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *namedReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	part := r.rest[:n:n]
	r.rest = r.rest[n:]
	return part
}
