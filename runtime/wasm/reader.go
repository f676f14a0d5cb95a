package wasm

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// reader walks bytes and remembers the first thing that was wrong: after that every read gives zero and consumes
// nothing. So a caller checks err once per item and needs no branch per byte.
type reader struct {
	b   []byte // from the start of the module, so that positions are module offsets; ends where this reader must stop
	pos int
	err *Error
}

func (r *reader) left() int { return len(r.b) - r.pos }

func (r *reader) fail(code string, off int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Code: code, Offset: off, What: fmt.Sprintf(format, args...)}
		r.pos = len(r.b)
	}
}

func (r *reader) malformed(off int, format string, args ...any) {
	r.fail(CodeMalformed, off, format, args...)
}

func (r *reader) unsupported(off int, format string, args ...any) {
	r.fail(CodeUnsupported, off, format, args...)
}

// over refuses got things where limit are allowed.
func (r *reader) over(off int, what string, got uint64, limit int) {
	if r.err == nil {
		r.fail(CodeLimit, off, "%s: %d, the limit is %d", what, got, limit)
		r.err.Limit = int64(limit)
	}
}

func (r *reader) truncated(what string) {
	r.malformed(len(r.b), "it ends in the middle of %s", what)
}

func (r *reader) u8() byte {
	if r.pos >= len(r.b) {
		r.truncated("an item")
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

func (r *reader) skip(n int, what string) {
	if n < 0 || n > r.left() {
		r.truncated(what)
		return
	}
	r.pos += n
}

// u32 reads an unsigned LEB128 number of at most 32 bits, which may be padded to five bytes.
func (r *reader) u32() uint32 {
	if r.pos < len(r.b) {
		if c := r.b[r.pos]; c < 0x80 {
			r.pos++
			return uint32(c)
		}
	}
	return r.u32Slow()
}

func (r *reader) u32Slow() uint32 {
	start := r.pos
	var v uint32
	for i := range 5 {
		if r.pos >= len(r.b) {
			r.truncated("a number")
			return 0
		}
		c := r.b[r.pos]
		r.pos++
		if i == 4 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v
		}
	}
	r.malformed(start, "a number is longer than 32 bits")
	return 0
}

// signed reads a signed LEB128 number of bits (32, 33 or 64) bits. The last byte that a number of that width can have
// must repeat its sign in the bits that do not count.
func (r *reader) signed(bits uint) int64 {
	if r.pos < len(r.b) {
		if c := r.b[r.pos]; c < 0x80 {
			r.pos++
			return int64(int8(c<<1)) >> 1
		}
	}
	start := r.pos
	var v int64
	for shift := uint(0); shift < bits; shift += 7 {
		if r.pos >= len(r.b) {
			r.truncated("a number")
			return 0
		}
		c := r.b[r.pos]
		r.pos++
		v |= int64(c&0x7f) << shift
		if c >= 0x80 {
			continue
		}
		if rest := bits - shift; rest < 7 {
			// The sign bit and everything above it, within the seven: all ones or all zeros.
			if top := c & 0x7f >> (rest - 1); top != 0 && top != 0x7f>>(rest-1) {
				break
			}
		}
		if shift+7 < 64 && c&0x40 != 0 {
			v |= -1 << (shift + 7)
		}
		return v
	}
	r.malformed(start, "a number is longer than %d bits", bits)
	return 0
}

// count reads how many items follow. It refuses more than limit, and more than the bytes left can hold when each takes
// at least size: only then is the number safe to allocate by.
func (r *reader) count(what string, limit, size int) int {
	off := r.pos
	n := r.u32()
	switch {
	case r.err != nil:
		return 0
	case uint64(n) > uint64(limit):
		r.over(off, what, uint64(n), limit)
		return 0
	case uint64(n)*uint64(size) > uint64(r.left()):
		r.malformed(off, "%s: %d declared, but only %d bytes follow", what, n, r.left())
		return 0
	}
	return int(n)
}

// name reads a length and that many bytes of UTF-8.
func (r *reader) name(what string, limit int) string {
	off := r.pos
	n := r.count("bytes in the name of "+what, limit, 1)
	if r.err != nil {
		return ""
	}
	b := r.b[r.pos : r.pos+n]
	r.pos += n
	if !utf8.Valid(b) {
		r.malformed(off, "the name of %s is not valid UTF-8", what)
		return ""
	}
	return string(b)
}

// valType reads a value type. Types of later proposals are told apart from garbage, since their author must do
// something else.
func (r *reader) valType() ValType {
	off := r.pos
	c := r.u8()
	switch t := ValType(c); t {
	case I32, I64, F32, F64, V128, FuncRef, ExternRef:
		return t
	}
	switch {
	case r.err != nil:
	case c >= 0x63 && c <= 0x74:
		r.unsupported(off, "value type 0x%02x belongs to the gc, function references or exceptions proposal", c)
	default:
		r.malformed(off, "0x%02x is no value type", c)
	}
	return 0
}

// quote makes text out of a module fit to print: escaped and short.
func quote(s string) string {
	const shown = 80
	if len(s) > shown {
		s = s[:shown] + "..."
	}
	return strconv.QuoteToASCII(s)
}
