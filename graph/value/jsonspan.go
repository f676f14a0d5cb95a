package value

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrNotList is what JSONSpans says of a document that is neither array nor object.
var ErrNotList = errors.New("the JSON is neither array nor object")

// JSONSpans finds the items of a canonical JSON array, or the keys and values of an object in turn, without holding the
// document. There may be at most most of them.
func JSONSpans(r io.ReaderAt, size int64, most int) (spans []Span, object bool, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), int(min(size, 64<<10)))
	first, err := in.ReadByte()
	switch {
	case err != nil:
		return nil, false, cutShort(err)
	case first != '[' && first != '{':
		return nil, false, ErrNotList
	}
	object = first == '{'
	depth, inText, from := 1, false, int64(1)
	for at := int64(1); ; at++ {
		c, err := in.ReadByte()
		if err != nil {
			return nil, object, cutShort(err)
		}
		switch {
		case inText && c == '\\':
			in.Discard(1) // the end comes back with the next byte
			at++
		case c == '"':
			inText = !inText
		case inText:
		case c == '[', c == '{':
			depth++
		case c == ']', c == '}':
			if depth--; depth > 0 {
				continue
			}
			if at > 1 {
				spans = append(spans, Span{from, at - from})
			}
			if at != size-1 || (object && len(spans)%2 != 0) {
				return nil, object, errors.New("text behind the JSON document, or a key without a value")
			}
			return spans, object, nil
		case depth == 1 && (c == ',' || c == ':'):
			spans = append(spans, Span{from, at - from})
			from = at + 1
		}
		if len(spans) >= most {
			return nil, object, fmt.Errorf("JSON with more than %d items", most)
		}
	}
}

func cutShort(err error) error {
	if err == io.EOF {
		return errCutJSON
	}
	return err
}

// Entry is the JSON object {"key": ..., "value": ...} that stands for one entry of a map.
func Entry(key string, doc []byte) []byte {
	b := append([]byte(`{"key":`), appendJSONString(nil, key)...)
	return append(append(append(b, `,"value":`...), doc...), '}')
}

// DecodeText reads a JSON text.
func DecodeText(doc []byte) (text string, err error) {
	err = json.Unmarshal(doc, &text)
	return text, err
}
