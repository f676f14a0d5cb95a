package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// rewriter writes the canonical form of an encoding, in one pass and into one buffer, which it takes only when a byte has
// to change: encodings come from strangers, are up to the output limit large, and are nested as they please.
type rewriter struct {
	in      []byte
	same    int    // what was written so far is in[:same], while out is nil
	out     []byte // what was written so far, once that differs from in
	members []member
	lastAny struct { // the last type text in an any: they come in thousands
		text string
		typ  Type
	}
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
	switch t.Base() {
	case "list":
		return w.items(t.Elem(), enc, false, depth)
	case "map":
		return w.items(t.Elem(), enc, true, depth)
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

// items goes through a list or map by the ends in its head, which it corrects behind items whose length had to change.
func (w *rewriter) items(elem Type, enc []byte, isMap bool, depth int) error {
	ends, body, err := itemEnds(enc)
	if err != nil {
		return err
	}
	n := len(ends) / 8
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
		} else if err := w.value(elem, item, depth); err != nil {
			return fmt.Errorf("item %d: %v", i, err)
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
