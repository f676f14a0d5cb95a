package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Canonical checks that enc is an encoding of type t and returns the canonical one: the same bytes, except that JSON is
// rewritten. It costs a pass over enc and no memory beyond the JSON tree. What a node wrote goes through here before anyone
// else reads it.
func Canonical(t Type, enc []byte) ([]byte, error) { return canonical(t, enc, 0) }

// maxAnyDepth bounds how deep values of type any may lie in each other (list<any> of any of list<any>...): the type's text
// bounds every other nesting, but here a few bytes buy a level, and the stack of a Go program is not endless.
const maxAnyDepth = 64

func canonical(t Type, enc []byte, depth int) ([]byte, error) {
	switch t {
	case Bool:
		return enc, expect(len(enc) == 1 && enc[0] <= 1, "bool must be one byte, 0 or 1")
	case Int:
		return enc, expect(len(enc) == 8, "int must be 8 bytes")
	case Float:
		if len(enc) != 8 {
			return nil, errors.New("float must be 8 bytes")
		}
		if f := DecodeFloat(enc); f != f && math.Float64bits(f) != canonNaN {
			return binary.LittleEndian.AppendUint64(nil, canonNaN), nil
		}
		return enc, nil
	case String:
		return enc, expect(utf8.Valid(enc), "string must be UTF-8")
	case Bytes:
		return enc, nil
	case JSON:
		return CanonicalJSON(enc)
	case Image:
		_, _, err := DecodeImage(enc)
		return enc, err
	case Table:
		_, _, err := DecodeTable(enc)
		return enc, err
	case File:
		_, err := DecodeFile(enc)
		return enc, err
	case Any:
		return canonicalAny(enc, depth)
	case Audio:
		if len(enc) < audioHeader {
			return nil, errors.New("audio is cut short")
		}
		channels := binary.LittleEndian.Uint32(enc[4:])
		ok := channels > 0 && channels <= 64 && (len(enc)-audioHeader)%(4*int(channels)) == 0
		return enc, expect(ok, "audio must be 1 to 64 channels of whole f32 samples")
	}
	switch t.Base() {
	case "list":
		return canonicalItems(t.Elem(), enc, false, depth)
	case "map":
		return canonicalItems(t.Elem(), enc, true, depth)
	case "tensor":
		return enc, checkTensor(t, enc)
	}
	return nil, fmt.Errorf("no values of type %q", string(t))
}

func expect(ok bool, msg string) error {
	if !ok {
		return errors.New(msg)
	}
	return nil
}

func canonicalAny(enc []byte, depth int) ([]byte, error) {
	if depth >= maxAnyDepth {
		return nil, fmt.Errorf("values of type any nested deeper than %d", maxAnyDepth)
	}
	t, inner, err := DecodeAny(enc)
	if err != nil {
		return nil, err
	}
	canon, err := canonical(t, inner, depth+1)
	if err != nil || same(canon, inner) {
		return enc, err
	}
	return EncodeAny(t, canon), nil
}

// canonicalItems checks every item; it copies only from the first item on whose bytes had to change.
func canonicalItems(elem Type, enc []byte, isMap bool, depth int) ([]byte, error) {
	items, err := Items(enc)
	if err != nil {
		return nil, err
	}
	if isMap && len(items)%2 != 0 {
		return nil, errors.New("map with a key that has no value")
	}
	changed := false
	for i, it := range items {
		if isMap && i%2 == 0 {
			if !utf8.Valid(it) || (i > 0 && string(items[i-2]) >= string(it)) {
				return nil, fmt.Errorf("map key %d is no UTF-8, or not behind the key before it", i/2)
			}
			continue
		}
		canon, err := canonical(elem, it, depth)
		if err != nil {
			return nil, fmt.Errorf("item %d: %v", i, err)
		}
		if !same(canon, it) {
			items[i], changed = canon, true
		}
	}
	if !changed {
		return enc, nil
	}
	return EncodeList(items), nil
}

func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || string(a) == string(b))
}

func checkTensor(t Type, enc []byte) error {
	dtype, shape, err := t.Tensor()
	if err != nil {
		return err
	}
	head := 4 + 8*len(shape)
	if len(enc) < head || int(binary.LittleEndian.Uint32(enc)) != len(shape) {
		return fmt.Errorf("%s: rank is not %d, or cut short", t, len(shape))
	}
	want := uint64(DTypes[dtype])
	for i, d := range shape {
		n := binary.LittleEndian.Uint64(enc[4+8*i:])
		if d != -1 && n != uint64(d) {
			return fmt.Errorf("%s: dimension %d is %d", t, i, n)
		}
		if n > math.MaxInt32 || (n != 0 && want > math.MaxInt64/n) {
			return fmt.Errorf("%s: dimension %d is %d, too large", t, i, n)
		}
		want *= n
	}
	if want != uint64(len(enc)-head) {
		return fmt.Errorf("%s: %d bytes of elements, want %d", t, len(enc)-head, want)
	}
	if dtype == "bool" {
		for i, b := range enc[head:] {
			if b > 1 {
				return fmt.Errorf("%s: element %d is %d, want 0 or 1", t, i, b)
			}
		}
	}
	return nil
}

// Convert turns an encoding of type from into one of type to; Assignable(from, to) must hold.
func Convert(from, to Type, enc []byte) ([]byte, error) {
	switch {
	case from == to:
		return enc, nil
	case to == Any:
		return EncodeAny(from, enc), nil
	case from == Int && to == Float:
		return of(Float, binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(DecodeInt(enc))))).enc, nil
	case from.Base() == "tensor" && to.Base() == "tensor":
		return enc, nil
	case from.Elem() == "" || from.Base() != to.Base():
		return nil, fmt.Errorf("no conversion from %s to %s", from, to)
	}
	items, err := Items(enc)
	if err != nil {
		return nil, err
	}
	for i := range items {
		if from.Base() == "map" && i%2 == 0 {
			continue
		}
		if items[i], err = Convert(from.Elem(), to.Elem(), items[i]); err != nil {
			return nil, err
		}
	}
	return EncodeList(items), nil
}

// Truthy is what an if: wire asks of a value: true, not 0, not empty, not null.
func Truthy(t Type, enc []byte) bool {
	switch t {
	case Bool:
		return DecodeBool(enc)
	case Int:
		return DecodeInt(enc) != 0
	case Float:
		return DecodeFloat(enc) != 0
	case JSON:
		s := string(enc)
		return s != "null" && s != "false" && s != "0" && s != `""` && s != "[]" && s != "{}"
	case Any:
		inner, enc, err := DecodeAny(enc)
		return err == nil && Truthy(inner, enc)
	}
	if t.Elem() != "" {
		return len(enc) > listHeader
	}
	return len(enc) > 0
}
