package value

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// member is where a member of a JSON object begins in what was written, and where its key ends.
type member struct{ key, colon uint32 }

// place is a member of an object that is being put in order.
type place struct {
	first uint64 // what follows in its key on what all keys of the object begin with
	at    uint32 // which of the members it is
}

// sort puts the members of an object that was just written in order, and refuses two of one key.
func (f *jsonForm) sort(ms []member) error {
	from, to := f.base+int(ms[0].key), f.len()-1 // the last byte is its bracket
	if err := f.spend(to - from); err != nil {
		return err
	}
	f.order = f.places(f.order[:0], ms)
	slices.SortFunc(f.order, func(a, b place) int {
		switch {
		case f.spend(valueWork) != nil:
			return 0 // nobody wants the order any more, and what is equal is soon in order
		case a.first != b.first:
			return cmp.Compare(a.first, b.first)
		}
		return f.compare(ms[a.at], ms[b.at])
	})
	if f.err != nil {
		return f.err
	}
	for i, p := range f.order[1:] {
		if before := f.order[i]; before.first == p.first && f.compare(ms[before.at], ms[p.at]) == 0 {
			return fmt.Errorf("JSON object has the key %.60s twice", f.key(ms[p.at]))
		}
	}
	f.rewrite(ms, from, to)
	return nil
}

// rewrite writes the members between from and to once more, in f.order.
func (f *jsonForm) rewrite(ms []member, from, to int) {
	text := f.written(from, to)
	if f.out == nil {
		f.out = append(make([]byte, 0, len(f.in)), f.in[:from]...)
	} else {
		f.moved = append(f.moved[:0], text...)
		text, f.out = f.moved, f.out[:from]
	}
	for i, p := range f.order {
		if i > 0 {
			f.out = append(f.out, ',')
		}
		end := len(text)
		if next := int(p.at) + 1; next < len(ms) {
			end = int(ms[next].key-ms[0].key) - 1 // before the comma
		}
		f.out = append(f.out, text[ms[p.at].key-ms[0].key:end]...)
	}
	f.out = append(f.out, '}')
}

// places finds where the keys of an object begin to differ, and notes what follows there. Most comparisons need no more: to go to the keys
// themselves, which are all over the document, takes several times as long.
func (f *jsonForm) places(order []place, ms []member) []place {
	one := f.name(ms[0])
	common := len(one)
	for _, m := range ms[1:] {
		common = min(common, same(one, f.name(m)))
	}
	common = charStart(one, common)
	order = slices.Grow(order, len(ms))
	for i, m := range ms {
		p := place{at: uint32(i)}
		name := f.name(m)[common:]
		for range 8 {
			var c byte
			if len(name) > 0 {
				c, name = unescape(name)
			}
			p.first = p.first<<8 | uint64(c)
		}
		order = append(order, p)
	}
	return order
}

func (f *jsonForm) key(m member) []byte { return f.written(f.base+int(m.key), f.base+int(m.colon)) }

// name is a key without its quotes.
func (f *jsonForm) name(m member) []byte {
	key := f.key(m)
	return key[1 : len(key)-1]
}

// compare orders members by the bytes of their keys, as these are without escapes.
func (f *jsonForm) compare(a, b member) int {
	x, y := f.name(a), f.name(b)
	i := charStart(x, same(x, y))
	for x, y = x[i:], y[i:]; len(x) > 0 && len(y) > 0; {
		var c, d byte
		c, x = unescape(x)
		if d, y = unescape(y); c != d {
			return int(c) - int(d)
		}
	}
	return len(x) - len(y)
}

// same is how many bytes two texts have in common at their beginning.
func same(x, y []byte) int {
	i, n := 0, min(len(x), len(y))
	for ; i+8 <= n; i += 8 {
		if d := binary.LittleEndian.Uint64(x[i:]) ^ binary.LittleEndian.Uint64(y[i:]); d != 0 {
			return i + bits.TrailingZeros64(d)/8
		}
	}
	for i < n && x[i] == y[i] {
		i++
	}
	return i
}

// charStart returns i, or where an escape begins that goes on at i. An escape begins with a backslash that is not itself escaped.
func charStart(s []byte, i int) int {
	const longest = len(`\u0000`)
	from := max(0, i-longest+1)
	at := from + bytes.LastIndexByte(s[from:i], '\\')
	run := 0
	for at >= from && run <= at && s[at-run] == '\\' {
		run++
	}
	if run%2 == 1 {
		return at
	}
	return i
}

// unescape cuts the first byte off a text with canonical escapes.
func unescape(s []byte) (byte, []byte) {
	switch {
	case s[0] != '\\':
		return s[0], s[1:]
	case s[1] == 'u': // below 0x20
		return (s[4]-'0')<<4 | hexDigit(s[5]), s[6:]
	}
	if i := strings.IndexByte("btn.fr", s[1]); i >= 0 {
		return '\b' + byte(i), s[2:]
	}
	return s[1], s[2:]
}
