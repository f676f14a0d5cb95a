package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"levee/graph/value"
)

// keySalt starts every key. Its number changes whenever the meaning of a field or the framing does, so that an entry of
// an older levee is never met.
const keySalt = "levee/action-key/v2\x00"

// Key names an invocation by everything that its result depends on.
type Key [sha256.Size]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Short is the first 12 hex digits, for people.
func (k Key) Short() string { return hex.EncodeToString(k[:6]) }

// IsZero reports whether k was never set.
func (k Key) IsZero() bool { return k == Key{} }

// Part is one field of a key as people may see it.
type Part struct {
	Label   string  `json:"label"`
	Preview string  `json:"preview"` // the content, or its beginning, in at most 80 bytes of printable text
	Hash    [8]byte `json:"-"`       // of the whole content
}

// KeyBuilder hashes labelled fields into a Key and remembers them for `why`. Each field is framed (tag, length of the
// label, label, length of the content, content), so no two different lists of fields make one byte stream. The order of
// the calls counts. It is not safe for concurrent use.
type KeyBuilder struct {
	hash  hash.Hash
	base  []Part // the first ones, which clones share
	parts []Part
	buf   []byte
}

// The tags keep fields of different kinds apart when their bytes are equal.
const (
	tagString byte = 1 + iota
	tagInt
	tagDigest
	tagValue
	tagAbsent
)

// NewKey begins a key.
func NewKey() *KeyBuilder {
	b := &KeyBuilder{hash: sha256.New(), parts: make([]Part, 0, 16), buf: make([]byte, 0, 256)}
	b.hash.Write([]byte(keySalt))
	return b
}

// Clone returns a builder that has the same fields so far.
func (b *KeyBuilder) Clone() *KeyBuilder {
	h, err := b.hash.(hash.Cloner).Clone()
	if err != nil {
		panic(err) // SHA-256 can be cloned
	}
	return &KeyBuilder{hash: h, base: b.Parts(), buf: make([]byte, 0, 128)}
}

func (b *KeyBuilder) field(tag byte, label string, content []byte, preview string) *KeyBuilder {
	at := len(b.buf) // of what Value has put there
	b.buf = frame(b.buf, tag, label, len(content))
	b.hash.Write(b.buf[at:])
	b.hash.Write(content)
	b.buf = b.buf[:0]
	sum := sha256.Sum256(content)
	part := Part{Label: label, Preview: preview}
	copy(part.Hash[:], sum[:])
	part.Hash[0] ^= tag
	b.parts = append(b.parts, part)
	return b
}

func frame(buf []byte, tag byte, label string, size int) []byte {
	buf = append(buf, tag)
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(label)))
	buf = append(buf, label...)
	return binary.BigEndian.AppendUint64(buf, uint64(size))
}

// String adds a text.
func (b *KeyBuilder) String(label, content string) *KeyBuilder {
	return b.field(tagString, label, []byte(content), preview(content))
}

// Int adds a number.
func (b *KeyBuilder) Int(label string, n int64) *KeyBuilder {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(n))
	return b.field(tagInt, label, raw[:], strconv.FormatInt(n, 10))
}

// Digest adds a hash of something larger, such as a module.
func (b *KeyBuilder) Digest(label string, d [32]byte) *KeyBuilder {
	return b.field(tagDigest, label, d[:], hex.EncodeToString(d[:6]))
}

// Value adds a value by its type and digest.
func (b *KeyBuilder) Value(label string, v value.Value) *KeyBuilder {
	b.buf = append(append(b.buf[:0], v.Type...), 0)
	b.buf = append(b.buf, v.Digest[:]...)
	return b.field(tagValue, label, b.buf, describe(v))
}

// Absent adds the fact that something optional is not there, which differs from every content.
func (b *KeyBuilder) Absent(label string) *KeyBuilder {
	return b.field(tagAbsent, label, nil, "absent")
}

// Key returns the key of the fields so far; more may follow.
func (b *KeyBuilder) Key() (k Key) {
	b.hash.Sum(k[:0])
	return k
}

// Parts returns the fields so far.
func (b *KeyBuilder) Parts() []Part {
	if len(b.base) == 0 {
		return slices.Clip(b.parts)
	}
	return slices.Concat(b.base, b.parts)
}

const previewMax = 80

// preview makes any text printable and short.
func preview(s string) string {
	clipped := len(s) > previewMax
	if clipped {
		s = s[:previewMax-4]
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
	// A replaced byte is one byte long again, and a clipped rune became dots, so the bound holds.
	if clipped {
		s += "..."
	}
	return s
}

// describe shows a small value itself and a large one by digest and size.
func describe(v value.Value) string {
	enc, ok := v.Inline()
	if ok {
		switch {
		case v.Type == value.Int && len(enc) == 8:
			return strconv.FormatInt(value.DecodeInt(enc), 10)
		case v.Type == value.Float && len(enc) == 8:
			return strconv.FormatFloat(value.DecodeFloat(enc), 'g', -1, 64)
		case v.Type == value.Bool:
			return strconv.FormatBool(value.DecodeBool(enc))
		case v.Type == value.String || v.Type == value.JSON:
			return preview(string(enc[:min(len(enc), previewMax+1)]))
		case v.Type == value.Any:
			if t, inner, err := value.DecodeAny(enc); err == nil {
				return describe(value.Loaded(t, v.Digest, inner))
			}
		}
	}
	return preview(fmt.Sprintf("%s of %d bytes, %s", v.Type, v.Size, v.Digest.Short()))
}
