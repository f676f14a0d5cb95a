package value

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSON bounds a JSON document, as it comes and in canonical form: what is larger is a table, a list or bytes.
const maxJSON = 64 << 20

// CanonicalJSON rewrites JSON so that equal documents have equal bytes: no white space, keys ascending bytewise, strings with
// the fewest escapes, integers digit by digit (of any length up to 1,000), other numbers as the shortest text of their
// float64 (RFC 8785 section 3.2.2.3, except that integers keep their precision). Duplicate keys, bad UTF-8, text behind the
// document, nesting deeper than 128 and documents over maxJSON are refused. The result may be a part of doc.
func CanonicalJSON(doc []byte) ([]byte, error) { return Canonical(context.Background(), JSON, doc) }

var errCutJSON = errors.New("the JSON document is empty or cut short")

// json writes the canonical form of a document. No tree is made of it: one takes forty times the text.
func (w *rewriter) json(doc []byte) error {
	if len(doc) > maxJSON {
		return fmt.Errorf("JSON of %d bytes, at most %d", len(doc), maxJSON)
	}
	if !utf8.Valid(doc) {
		return errors.New("JSON is not UTF-8")
	}
	f := jsonForm{rewriter: w, doc: doc, base: w.len()}
	w.members = w.members[:0]
	if err := f.value(0); err != nil {
		return err
	}
	if f.skip(); f.pos < len(doc) {
		return errors.New("text behind the JSON document")
	}
	return f.small()
}

// jsonForm reads one document and writes its canonical form.
type jsonForm struct {
	*rewriter
	doc  []byte
	pos  int
	base int // where in what is written the document begins
}

func (f *jsonForm) skip() {
	for f.pos < len(f.doc) {
		switch f.doc[f.pos] {
		case ' ', '\t', '\r', '\n':
			f.pos++
		default:
			return
		}
	}
}

// next returns the next byte that is no white space, or 0 at the end, and leaves it to be read.
func (f *jsonForm) next() byte {
	if f.skip(); f.pos < len(f.doc) {
		return f.doc[f.pos]
	}
	return 0
}

func (f *jsonForm) unexpected() error {
	if f.pos >= len(f.doc) {
		return errCutJSON
	}
	r, _ := utf8.DecodeRune(f.doc[f.pos:])
	return fmt.Errorf("JSON: unexpected %q at byte %d", r, f.pos)
}

func (f *jsonForm) value(depth int) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("JSON nested deeper than %d", maxJSONDepth)
	}
	if err := f.small(); err != nil {
		return err
	}
	if err := f.spend(valueWork); err != nil {
		return err
	}
	switch c := f.next(); {
	case c == '{':
		return f.object(depth)
	case c == '[':
		return f.array(depth)
	case c == '"':
		return f.string()
	case c == '-' || c >= '0' && c <= '9':
		return f.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(f.doc[f.pos:], []byte(word)) {
			f.raw(len(word))
			return nil
		}
	}
	return f.unexpected()
}

// small bounds the canonical form, in which 1e20 has 21 digits.
func (f *jsonForm) small() error {
	if f.len()-f.base > maxJSON {
		return fmt.Errorf("JSON of more than %d bytes in canonical form", maxJSON)
	}
	return nil
}

// raw writes the next n bytes as they are.
func (f *jsonForm) raw(n int) {
	f.emit(f.doc[f.pos : f.pos+n])
	f.pos += n
}

// after reads what follows an item: true when it was a comma, false when it was the closing bracket.
func (f *jsonForm) after(closing byte) (bool, error) {
	switch f.next() {
	case ',':
		f.raw(1)
		return true, nil
	case closing:
		f.raw(1)
		return false, nil
	}
	return false, f.unexpected()
}

func (f *jsonForm) array(depth int) error {
	if f.raw(1); f.next() == ']' {
		f.raw(1)
		return nil
	}
	for more := true; more; {
		err := f.value(depth + 1)
		if err == nil {
			more, err = f.after(']')
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *jsonForm) object(depth int) error {
	if f.raw(1); f.next() == '}' {
		f.raw(1)
		return nil
	}
	first, sorted := len(f.members), true
	for more := true; more; {
		m, err := f.member(depth)
		if err != nil {
			return err
		}
		if k := len(f.members); sorted && k > first {
			sorted = f.compare(f.members[k-1], m) < 0
		}
		f.members = append(f.members, m)
		if more, err = f.after('}'); err != nil {
			return err
		}
	}
	if !sorted {
		if err := f.sort(f.members[first:]); err != nil {
			return err
		}
	}
	f.members = f.members[:first]
	return nil
}

func (f *jsonForm) member(depth int) (m member, err error) {
	if f.next() != '"' {
		return m, f.unexpected()
	}
	m.key = uint32(f.len() - f.base)
	if err := f.string(); err != nil {
		return m, err
	}
	m.colon = uint32(f.len() - f.base)
	if f.next() != ':' {
		return m, f.unexpected()
	}
	f.raw(1)
	return m, f.value(depth + 1)
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

func (f *jsonForm) string() error {
	f.raw(1)
	for from := f.pos; ; f.pos++ {
		if f.pos >= len(f.doc) {
			return errCutJSON
		}
		switch c := f.doc[f.pos]; {
		case c == '"':
			f.pos++
			f.emit(f.doc[from:f.pos])
			return nil
		case c < 0x20:
			return f.unexpected()
		case c == '\\':
			f.emit(f.doc[from:f.pos])
			r, err := f.escape()
			if err != nil {
				return err
			}
			var buf [8]byte
			f.emit(appendEscaped(buf[:0], r))
			from = f.pos
			f.pos-- // the loop goes on behind it
		}
	}
}

// escape reads an escape sequence. A surrogate without its other half becomes U+FFFD, as in encoding/json.
func (f *jsonForm) escape() (rune, error) {
	if f.pos+1 >= len(f.doc) {
		return 0, errCutJSON
	}
	c := f.doc[f.pos+1]
	if c != 'u' {
		if strings.IndexByte(`"\/bfnrt`, c) < 0 {
			return 0, f.unexpected()
		}
		f.pos += 2
		if i := strings.IndexByte("btn.fr", c); i >= 0 {
			return '\b' + rune(i), nil
		}
		return rune(c), nil
	}
	r, ok := hex4(f.doc[f.pos:])
	if !ok {
		return 0, f.unexpected()
	}
	f.pos += 6
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	low, _ := hex4(f.doc[f.pos:])
	both := utf16.DecodeRune(r, low)
	if both != utf8.RuneError {
		f.pos += 6
	}
	return both, nil
}

// hex4 reads \uXXXX.
func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		d := hexDigit(c)
		if d == 0xff {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func (f *jsonForm) number() error {
	from := f.pos
	digits := func() bool {
		at := f.pos
		for f.pos < len(f.doc) && f.doc[f.pos] >= '0' && f.doc[f.pos] <= '9' {
			f.pos++
		}
		return f.pos > at
	}
	take := func(chars string) bool {
		if f.pos < len(f.doc) && strings.IndexByte(chars, f.doc[f.pos]) >= 0 {
			f.pos++
			return true
		}
		return false
	}
	take("-")
	if !take("0") && !digits() {
		return f.unexpected()
	}
	whole := f.pos
	if take(".") && !digits() {
		return f.unexpected()
	}
	if take("eE") {
		if take("+-"); !digits() {
			return f.unexpected()
		}
	}
	text := f.doc[from:f.pos]
	if whole == f.pos && len(text) <= maxIntDigits && string(text) != "-0" {
		f.emit(text)
		return nil
	}
	var buf [32]byte
	n, err := appendNumber(buf[:0], text)
	if err == nil {
		f.emit(n)
	}
	return err
}
