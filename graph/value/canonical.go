package value

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Canonical checks that enc is an encoding of type t and returns the canonical one: enc itself or a beginning of it, or a
// copy where JSON or a NaN had to be rewritten. It costs a pass over enc and, at worst, memory for the copy and for the
// members of the JSON objects that are open at once. What a node wrote goes through here before anyone else reads it. It ends
// with the context's error soon after the context did.
func Canonical(ctx context.Context, t Type, enc []byte) ([]byte, error) {
	w := rewriter{ctx: ctx, in: enc}
	if err := w.value(t, enc, 0); err != nil {
		return nil, err
	}
	return w.result(), nil
}

// maxAnyDepth bounds how deep values of type any may lie in each other (list<any> of any of list<any>...): the type's text
// bounds every other nesting, but here a few bytes buy a level, and the stack of a Go program is not endless.
const maxAnyDepth = 64

// checkPlain checks encodings of the types that have one form only.
func checkPlain(t Type, enc []byte) error {
	var err error
	switch t {
	case Bool:
		return expect(len(enc) == 1 && enc[0] <= 1, "bool must be one byte, 0 or 1")
	case Int:
		return expect(len(enc) == 8, "int must be 8 bytes")
	case Float:
		return expect(len(enc) == 8, "float must be 8 bytes")
	case String:
		return expect(utf8.Valid(enc), "string must be UTF-8")
	case Bytes:
		return nil
	case Image:
		_, _, err = DecodeImage(enc)
		return err
	case Table:
		_, _, err = DecodeTable(enc)
		return err
	case File:
		_, err = DecodeFile(enc)
		return err
	case Audio:
		if len(enc) < audioHeader {
			return errors.New("audio is cut short")
		}
		channels := binary.LittleEndian.Uint32(enc[4:])
		ok := channels > 0 && channels <= 64 && (len(enc)-audioHeader)%(4*int(channels)) == 0
		return expect(ok, "audio must be 1 to 64 channels of whole f32 samples")
	}
	if t.Base() == "tensor" {
		return checkTensor(t, enc)
	}
	return fmt.Errorf("no values of type %q", string(t))
}

func expect(ok bool, msg string) error {
	if !ok {
		return errors.New(msg)
	}
	return nil
}

func checkTensor(t Type, enc []byte) error {
	dtype, shape, err := t.Tensor()
	if err != nil {
		return err
	}
	head := 4 + 8*len(shape)
	if len(enc) < head || int(binary.LittleEndian.Uint32(enc)) != len(shape) {
		return fmt.Errorf("rank is not %d, or cut short", len(shape))
	}
	want := uint64(dtypes[dtype])
	for i, d := range shape {
		n := binary.LittleEndian.Uint64(enc[4+8*i:])
		if d != -1 && n != uint64(d) {
			return fmt.Errorf("dimension %d is %d", i, n)
		}
		if n > math.MaxInt32 || (n != 0 && want > math.MaxInt64/n) {
			return fmt.Errorf("dimension %d is %d, too large", i, n)
		}
		want *= n
	}
	if want != uint64(len(enc)-head) {
		return fmt.Errorf("%d bytes of elements, want %d", len(enc)-head, want)
	}
	if dtype == "bool" {
		for i, b := range enc[head:] {
			if b > 1 {
				return fmt.Errorf("element %d is %d, want 0 or 1", i, b)
			}
		}
	}
	return nil
}

// Convert turns an encoding of type from into one of type to; Assignable(from, to) must hold. It ends with the context's error soon
// after the context did.
func Convert(ctx context.Context, from, to Type, enc []byte) ([]byte, error) {
	w := rewriter{ctx: ctx, in: enc}
	if err := w.convert(from, to, enc); err != nil {
		return nil, err
	}
	return w.result(), nil
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
