package value

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"unicode/utf8"
)

// The canonical encodings. All integers are little endian.
//
//	bool     1 byte, 0 or 1                  int     8 bytes, two's complement
//	float    8 bytes, IEEE 754; NaN is 7ff8000000000000
//	string   UTF-8                           bytes   as they are
//	json     see CanonicalJSON
//	list<T>  u64 n, n times u64 end (offset behind item i, counted from the first item), the items
//	map<T>   a list of 2n items: key, value, key, value; keys UTF-8, ascending bytewise, no duplicates
//	any      u16 length of the type text, the type text, the encoding
//	file     32 bytes digest of the content, u64 size, the path (UTF-8, relative, slashes)
//	image    u32 width, u32 height, u32 channels (1 grey, 3 RGB, 4 RGBA not premultiplied), u32 bits a channel (8 or 16),
//	         then rows from the top, pixels from the left, no padding
//	audio    u32 rate in Hz, u32 channels, then interleaved f32 samples
//	tensor   u32 rank, rank times u64, then the elements in row-major order (dtype and rank are in the type)
//	table    see Column
const (
	listHeader  = 8
	imageHeader = 16
	audioHeader = 8
	fileHeader  = 40
	maxRank     = 8
	canonNaN    = 0x7ff8000000000000
)

// MaxItems bounds the number of items of a list or map.
const MaxItems = 1 << 24

// OfBool returns a bool value.
func OfBool(b bool) Value {
	if b {
		return of(Bool, []byte{1})
	}
	return of(Bool, []byte{0})
}

// OfInt returns an int value.
func OfInt(i int64) Value { return of(Int, binary.LittleEndian.AppendUint64(nil, uint64(i))) }

// OfFloat returns a float value; every NaN becomes the canonical one.
func OfFloat(f float64) Value {
	bits := math.Float64bits(f)
	if f != f {
		bits = canonNaN
	}
	return of(Float, binary.LittleEndian.AppendUint64(nil, bits))
}

// OfString returns a string value; bytes that are no UTF-8 become U+FFFD.
func OfString(s string) Value { return of(String, []byte(validUTF8(s))) }

func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// OfBytes returns a bytes value; b must not be changed afterwards.
func OfBytes(b []byte) Value { return of(Bytes, b) }

// DecodeInt reads an int's encoding; it, DecodeFloat and DecodeBool do not check it.
func DecodeInt(enc []byte) int64 { return int64(binary.LittleEndian.Uint64(enc)) }

// DecodeFloat reads a float's encoding.
func DecodeFloat(enc []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(enc)) }

// DecodeBool reads a bool's encoding.
func DecodeBool(enc []byte) bool { return len(enc) == 1 && enc[0] == 1 }

// ListPrefix returns what stands before the items of a list, by where each ends behind it.
func ListPrefix(ends []int64) []byte {
	b := make([]byte, 0, listHeader*(1+len(ends)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(ends)))
	for _, end := range ends {
		b = binary.LittleEndian.AppendUint64(b, uint64(end))
	}
	return b
}

// EncodeList returns the encoding of a list of encoded items.
func EncodeList(items [][]byte) []byte {
	ends := make([]int64, len(items))
	total := 0
	for i, it := range items {
		total += len(it)
		ends[i] = int64(total)
	}
	b := ListPrefix(ends)
	b = append(make([]byte, 0, len(b)+total), b...)
	for _, it := range items {
		b = append(b, it...)
	}
	return b
}

// Span is where an item of a list lies within the list's encoding.
type Span struct{ Off, Len int64 }

// ReadSpans reads the prefix of a list (or map) whose encoding has size bytes, and checks it: the ends ascend and fill the
// size exactly.
func ReadSpans(r io.ReaderAt, size int64) ([]Span, error) {
	var head [8]byte
	if size < listHeader {
		return nil, fmt.Errorf("list encoding of %d bytes, at least %d", size, listHeader)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil && err != io.EOF {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > MaxItems || n > uint64(size-listHeader)/8 {
		return nil, fmt.Errorf("list of %d items in %d bytes", n, size)
	}
	raw := make([]byte, 8*n)
	if _, err := r.ReadAt(raw, listHeader); err != nil && err != io.EOF {
		return nil, err
	}
	spans := make([]Span, n)
	base := int64(listHeader + 8*n)
	var prev uint64
	for i := range spans {
		end := binary.LittleEndian.Uint64(raw[8*i:])
		if end < prev || end > uint64(size-base) {
			return nil, fmt.Errorf("list item %d ends at %d, outside of %d..%d", i, end, prev, size-base)
		}
		spans[i] = Span{Off: base + int64(prev), Len: int64(end - prev)}
		prev = end
	}
	if int64(prev) != size-base {
		return nil, fmt.Errorf("%d bytes behind the last list item", size-base-int64(prev))
	}
	return spans, nil
}

// Items splits the encoding of a list or map; the slices share enc's memory.
func Items(enc []byte) ([][]byte, error) {
	spans, err := ReadSpans(bytes.NewReader(enc), int64(len(enc)))
	if err != nil {
		return nil, err
	}
	items := make([][]byte, len(spans))
	for i, s := range spans {
		items[i] = enc[s.Off : s.Off+s.Len : s.Off+s.Len]
	}
	return items, nil
}

// EncodeAny wraps an encoding with its type.
func EncodeAny(t Type, enc []byte) []byte {
	return append(appendAnyHead(make([]byte, 0, 2+len(t)+len(enc)), t), enc...)
}

func appendAnyHead(b []byte, t Type) []byte {
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(t))), t...)
}

// DecodeAny unwraps an any; the encoding shares b's memory.
func DecodeAny(b []byte) (Type, []byte, error) {
	if len(b) < 2 {
		return "", nil, fmt.Errorf("any of %d bytes", len(b))
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n > maxTypeText || 2+n > len(b) {
		return "", nil, fmt.Errorf("any with a type text of %d bytes", n)
	}
	t, err := ParseType(string(b[2 : 2+n]))
	if err == nil && (t == Any || t.HasVar() || string(t) != string(b[2:2+n])) {
		err = fmt.Errorf("any of type %q", string(b[2:2+n]))
	}
	return t, b[2+n:], err
}

// FileRef is a decoded file value.
type FileRef struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Digest Digest `json:"digest"`
}

// Encode returns the canonical encoding of a file value.
func (f FileRef) Encode() []byte {
	b := append(make([]byte, 0, fileHeader+len(f.Path)), f.Digest[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Size))
	return append(b, f.Path...)
}

// DecodeFile reads a file value.
func DecodeFile(enc []byte) (f FileRef, err error) {
	if len(enc) <= fileHeader {
		return f, fmt.Errorf("file value of %d bytes", len(enc))
	}
	copy(f.Digest[:], enc)
	f.Size = int64(binary.LittleEndian.Uint64(enc[32:]))
	f.Path = string(enc[fileHeader:])
	if f.Size < 0 || !fs.ValidPath(f.Path) || f.Path == "." {
		return f, fmt.Errorf("file value with size %d and path %q", f.Size, f.Path)
	}
	return f, nil
}

// ImageInfo is the head of an image's encoding.
type ImageInfo struct{ Width, Height, Channels, Bits int }

// DecodeImage reads the head of an image's encoding and returns the pixels, which share enc's memory.
func DecodeImage(enc []byte) (info ImageInfo, pixels []byte, err error) {
	if len(enc) < imageHeader {
		return info, nil, fmt.Errorf("image of %d bytes", len(enc))
	}
	w, h := binary.LittleEndian.Uint32(enc), binary.LittleEndian.Uint32(enc[4:])
	c, bits := binary.LittleEndian.Uint32(enc[8:]), binary.LittleEndian.Uint32(enc[12:])
	okShape := (c == 1 || c == 3 || c == 4) && (bits == 8 || bits == 16) && w > 0 && h > 0 && w <= 1<<16 && h <= 1<<16
	if !okShape || uint64(w)*uint64(h)*uint64(c)*uint64(bits/8) != uint64(len(enc)-imageHeader) {
		return info, nil, fmt.Errorf("image says %dx%d, %d channels, %d bits, in %d bytes", w, h, c, bits, len(enc))
	}
	return ImageInfo{Width: int(w), Height: int(h), Channels: int(c), Bits: int(bits)}, enc[imageHeader:], nil
}

// ListSize is the length of the encoding of a list of n items that have so many bytes together.
func ListSize(n int, bytes int64) int64 { return listHeader + 8*int64(n) + bytes }
