package value

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// rewriter writes the canonical form of an encoding, in one pass and into one buffer, which it takes only when a byte has
// to change: encodings come from strangers, are up to the output limit large, and are nested as they please.
type rewriter struct {
	ctx     context.Context
	err     error // that of ctx, once it was seen to have ended
	spent   int   // since ctx was looked at
	in      []byte
	same    int    // what was written so far is in[:same], while out is nil
	out     []byte // what was written so far, once that differs from in
	members []member
	order   []place  // of a JSON object that is being put in order
	moved   []byte   // the same object
	lastAny struct { // the last type text in an any: they come in thousands
		text string
		typ  Type
	}
}

// A look at the context is due after lookEvery bytes, or values that take as long as valueWork of them. The slowest values are numbers
// of hundreds of digits, a thousand of which take a tenth of a second.
const lookEvery, valueWork = 256 << 10, 256

// spend counts work in bytes, and returns the context's error when nobody wants the result any more.
func (w *rewriter) spend(n int) error {
	if w.spent += n; w.spent >= lookEvery && w.err == nil {
		w.spent, w.err = 0, w.ctx.Err()
	}
	return w.err
}

func (w *rewriter) len() int {
	if w.out == nil {
		return w.same
	}
	return len(w.out)
}

// written returns a part of what was written; it holds until the next write.
func (w *rewriter) written(from, to int) []byte {
	if w.out == nil {
		return w.in[from:to]
	}
	return w.out[from:to]
}

func (w *rewriter) emit(b []byte) {
	if w.out == nil {
		rest := w.in[w.same:]
		if len(b) <= len(rest) && (len(b) == 0 || &b[0] == &rest[0] || string(rest[:len(b)]) == string(b)) {
			w.same += len(b)
			return
		}
		w.differ()
	}
	w.out = append(w.out, b...)
}

// differ begins a copy.
func (w *rewriter) differ() {
	if w.out == nil {
		w.out = append(make([]byte, 0, len(w.in)), w.in[:w.same]...)
	}
}

func (w *rewriter) result() []byte { return w.written(0, w.len()) }

// value writes the canonical form of an encoding of type t.
func (w *rewriter) value(t Type, enc []byte, depth int) error {
	if err := w.spend(valueWork); err != nil {
		return err
	}
	switch t {
	case Float:
		if len(enc) == 8 && math.IsNaN(DecodeFloat(enc)) {
			w.emit(binary.LittleEndian.AppendUint64(nil, canonNaN))
			return nil
		}
	case JSON:
		return w.json(enc)
	case Any:
		return w.any(enc, depth)
	}
	if elem := t.Elem(); elem != "" {
		return w.items(t, enc, func(item []byte) error { return w.value(elem, item, depth) })
	}
	if err := checkPlain(t, enc); err != nil {
		return err
	}
	w.emit(enc)
	return nil
}

func (w *rewriter) any(enc []byte, depth int) error {
	if depth >= maxAnyDepth {
		return fmt.Errorf("values of type any nested deeper than %d", maxAnyDepth)
	}
	head := 0
	if len(enc) >= 2 {
		head = 2 + int(binary.LittleEndian.Uint16(enc))
	}
	t := w.lastAny.typ
	if head <= 2 || head > len(enc) || string(enc[2:head]) != w.lastAny.text {
		var err error
		if t, _, err = DecodeAny(enc); err != nil {
			return err
		}
		w.lastAny.text, w.lastAny.typ = string(t), t
	}
	w.emit(enc[:head])
	return w.value(t, enc[head:], depth+1)
}

// convert writes what an encoding of type from is as one of type to.
func (w *rewriter) convert(from, to Type, enc []byte) error {
	if err := w.spend(valueWork); err != nil {
		return err
	}
	var buf [32]byte
	switch {
	case to == Any && from != Any:
		w.emit(appendAnyHead(buf[:0], from))
		w.emit(enc)
	case from == Int && to == Float:
		w.emit(binary.LittleEndian.AppendUint64(buf[:0], math.Float64bits(float64(DecodeInt(enc)))))
	case from == to || from.Base() == "tensor" && to.Base() == "tensor":
		w.emit(enc)
	case from.Elem() != "" && from.Base() == to.Base():
		is, will := from.Elem(), to.Elem()
		return w.items(from, enc, func(item []byte) error { return w.convert(is, will, item) })
	default:
		return fmt.Errorf("no conversion from %s to %s", from, to)
	}
	return nil
}

// items goes through a list or map by the ends in its head, which it corrects behind items whose length had to change. write writes an
// item, or a value of a map.
func (w *rewriter) items(t Type, enc []byte, write func(item []byte) error) error {
	ends, body, err := itemEnds(enc)
	if err != nil {
		return err
	}
	n, isMap := len(ends)/8, t.Base() == "map"
	if isMap && n%2 != 0 {
		return errors.New("map with a key that has no value")
	}
	head := w.len() + listHeader
	w.emit(enc[:listHeader+len(ends)])
	first := w.len()
	var from uint64
	var key []byte
	for i := range n {
		to := binary.LittleEndian.Uint64(ends[8*i:])
		if to < from || to > uint64(len(body)) {
			return fmt.Errorf("item %d ends at %d, outside of %d..%d", i, to, from, len(body))
		}
		item := body[from:to:to]
		if from = to; isMap && i%2 == 0 {
			if !utf8.Valid(item) || (i > 0 && string(key) >= string(item)) {
				return fmt.Errorf("map key %d is no UTF-8, or not behind the key before it", i/2)
			}
			key = item
			w.emit(item)
		} else if err := write(item); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
		if end := uint64(w.len() - first); end != to {
			w.differ()
			binary.LittleEndian.PutUint64(w.out[head+8*i:], end)
		}
	}
	if from != uint64(len(body)) {
		return fmt.Errorf("%d bytes behind the last item", uint64(len(body))-from)
	}
	return nil
}

// itemEnds cuts a list or map into the ends of its items, 8 bytes each, and the items.
func itemEnds(enc []byte) (ends, body []byte, err error) {
	if len(enc) < listHeader {
		return nil, nil, fmt.Errorf("list encoding of %d bytes, at least %d", len(enc), listHeader)
	}
	n := binary.LittleEndian.Uint64(enc)
	if n > MaxItems || n > uint64(len(enc)-listHeader)/8 {
		return nil, nil, fmt.Errorf("list of %d items in %d bytes", n, len(enc))
	}
	at := listHeader + 8*int(n)
	return enc[listHeader:at], enc[at:], nil
}
