package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxJSONDepth, maxIntDigits = 128, 1000

// parseJSON returns nil, bool, string, json.Number in canonical form, []any or map[string]any.
func parseJSON(doc []byte) (any, error) {
	if !utf8.Valid(doc) {
		return nil, errors.New("JSON is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	tree, err := readJSON(dec, 0)
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errors.New("the JSON document is empty or cut short")
		}
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("text behind the JSON document")
	}
	return tree, nil
}

func readJSON(dec *json.Decoder, depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("JSON nested deeper than %d", maxJSONDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok := tok.(type) {
	case json.Number:
		return canonicalNumber(tok)
	case json.Delim:
		if tok == '[' {
			list := []any{}
			for dec.More() {
				item, err := readJSON(dec, depth+1)
				if err != nil {
					return nil, err
				}
				list = append(list, item)
			}
			_, err := dec.Token()
			return list, err
		}
		return readObject(dec, depth)
	}
	return tok, nil
}

func readObject(dec *json.Decoder, depth int) (any, error) {
	obj := map[string]any{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := tok.(string)
		if _, dup := obj[key]; dup {
			return nil, fmt.Errorf("JSON object has the key %.60q twice", key)
		}
		if obj[key], err = readJSON(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return obj, err
}

func canonicalNumber(n json.Number) (json.Number, error) {
	b, err := appendNumber(nil, []byte(n))
	return json.Number(b), err
}

// appendNumber writes the canonical form of a JSON number.
func appendNumber(b, text []byte) ([]byte, error) {
	if !bytes.ContainsAny(text, ".eE") {
		if len(text) > maxIntDigits {
			return nil, fmt.Errorf("JSON number of %d digits", len(text))
		}
		if string(text) == "-0" {
			text = text[1:]
		}
		return append(b, text...), nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return nil, fmt.Errorf("JSON number %.40s is outside of float64", text)
	}
	return appendFloat(b, f), nil
}

// appendFloat writes as ECMAScript's Number.toString does, which RFC 8785 asks for.
func appendFloat(b []byte, f float64) []byte {
	if f == 0 {
		return append(b, '0')
	}
	format, abs := byte('f'), math.Abs(f)
	if abs < 1e-6 || abs >= 1e21 {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-2] == '0' {
		b[n-2] = b[n-1] // e-09 becomes e-9
		b = b[:n-1]
	}
	return b
}

func appendJSON(b []byte, tree any) []byte {
	switch x := tree.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, x)
	case string:
		return appendJSONString(b, x)
	case json.Number:
		return append(b, x...)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return append(b, "null"...)
		}
		return appendFloat(b, x)
	case []any:
		b = append(b, '[')
		for i, item := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, k := range slices.Sorted(maps.Keys(x)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, k), ':')
			b = appendJSON(b, x[k])
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendJSONString(b []byte, s string) []byte {
	s = validUTF8(s)
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			b = appendEscaped(append(b, s[from:i]...), rune(c))
			from = i + 1
		}
	}
	return append(append(b, s[from:]...), '"')
}

// appendEscaped writes a character of a string, escaped where it has to be.
func appendEscaped(b []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r >= 0x20:
		return utf8.AppendRune(b, r)
	case strings.ContainsRune("\b\t\n\f\r", r):
		return append(b, '\\', "btn-fr"[r-'\b'])
	}
	return fmt.Appendf(b, `\u%04x`, r)
}
