package kernel

import "levee/gpu/op"

// reader walks bytes of a module and remembers the first thing that was wrong: after that every read gives zero and consumes nothing.
type reader struct {
	b   []byte // from the start of the module, so that positions are offsets in it; ends where this reader must stop
	pos int
	err error
}

func (r *reader) left() int { return len(r.b) - r.pos }

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = op.Errorf(op.BadKernel, format+" (at byte %d of the module)", append(args, at)...)
		r.pos = len(r.b)
	}
}

func (r *reader) u8() byte {
	if r.pos >= len(r.b) {
		r.fail(len(r.b), "it ends in the middle of an item")
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

// bytes gives the next n bytes.
func (r *reader) bytes(n int) []byte {
	if n < 0 || n > r.left() {
		r.fail(len(r.b), "it ends in the middle of an item")
		return nil
	}
	b := r.b[r.pos : r.pos+n]
	r.pos += n
	return b
}

// u32 reads an unsigned LEB128 number of at most 32 bits.
func (r *reader) u32() uint32 {
	at := r.pos
	var v uint64
	for shift := uint(0); shift < 35; shift += 7 {
		c := r.u8()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail(at, "a number is longer than 32 bits")
	return 0
}

// signed reads a signed LEB128 number of bits (32, 33 or 64) bits. In its last possible byte the bits that do not count repeat the sign.
func (r *reader) signed(bits uint) int64 {
	at := r.pos
	var v int64
	for shift := uint(0); shift < bits; shift += 7 {
		c := r.u8()
		v |= int64(c&0x7f) << shift
		if c >= 0x80 {
			continue
		}
		if rest := bits - shift; rest < 7 {
			if top := c & 0x7f >> (rest - 1); top != 0 && top != 0x7f>>(rest-1) {
				break
			}
		}
		if shift+7 < 64 && c&0x40 != 0 {
			v |= -1 << (shift + 7)
		}
		return v
	}
	r.fail(at, "a number is longer than %d bits", bits)
	return 0
}

// count reads how many items follow, and refuses more than limit and more than the bytes left can hold at one byte each: only then
// is the number safe to allocate by.
func (r *reader) count(what string, limit int) int {
	at := r.pos
	n := r.u32()
	if uint64(n) > uint64(limit) {
		r.fail(at, "%d %s, the limit is %d", n, what, limit)
	} else if int(n) > r.left() {
		r.fail(at, "%d %s declared, but only %d bytes follow", n, what, r.left())
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// name reads a length and that many bytes.
func (r *reader) name() string { return string(r.bytes(r.count("bytes of a name", maxName))) }
