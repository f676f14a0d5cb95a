package value

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxJSONDepth, maxIntDigits = 128, 1000

// CanonicalJSON rewrites JSON so that equal documents have equal bytes: no white space, keys ascending bytewise, strings with
// the fewest escapes, integers digit by digit (of any length up to 1,000), other numbers as the shortest text of their
// float64 (RFC 8785 section 3.2.2.3, except that integers keep their precision). Duplicate keys, bad UTF-8, text behind the
// document and nesting deeper than 128 are refused.
func CanonicalJSON(doc []byte) ([]byte, error) {
	tree, err := parseJSON(doc)
	if err != nil {
		return nil, err
	}
	return appendJSON(make([]byte, 0, len(doc)), tree), nil
}

// parseJSON returns nil, bool, string, json.Number in canonical form, []any or map[string]any.
func parseJSON(doc []byte) (any, error) {
	if !utf8.Valid(doc) {
		return nil, errors.New("JSON is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	tree, err := readJSON(dec, 0)
	if err != nil {
		if err == io.EOF {
			err = errors.New("empty JSON document")
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
			return nil, fmt.Errorf("JSON object has the key %q twice", key)
		}
		if obj[key], err = readJSON(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return obj, err
}

func canonicalNumber(n json.Number) (any, error) {
	s := string(n)
	if !strings.ContainsAny(s, ".eE") {
		if len(s) > maxIntDigits {
			return nil, fmt.Errorf("JSON number of %d digits", len(s))
		}
		if s == "-0" {
			s = "0"
		}
		return json.Number(s), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("JSON number %.40s is outside of float64", s)
	}
	return json.Number(appendFloat(nil, f)), nil
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
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		b = append(b, '{')
		for i, k := range keys {
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
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= 0x20:
			b = utf8.AppendRune(b, r)
		case strings.ContainsRune("\b\t\n\f\r", r):
			b = append(b, '\\', "btn-fr"[r-'\b'])
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}

// LiteralError says that a literal does not fit a type, and where inside the literal.
type LiteralError struct {
	Path string // "" for the literal itself, else like [2].name
	Want Type
	Got  string
	Hint string
}

func (e *LiteralError) Error() string {
	msg := fmt.Sprintf("wants %s, got %s", e.Want, e.Got)
	if e.Path != "" {
		msg = e.Path + " " + msg
	}
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	return msg
}

// FromGo makes a value of type t of a literal: nil, bool, int64, float64, json.Number, string, []any or map[string]any.
// Bytes are base64 texts. Errors are *LiteralError.
func FromGo(t Type, x any) (Value, error) {
	enc, err := encodeGo(t, x, "")
	if err != nil {
		return Value{}, err
	}
	return of(t, enc), nil
}

// FromJSON makes a value of type t of a JSON document.
func FromJSON(t Type, doc []byte) (Value, error) {
	tree, err := parseJSON(doc)
	if err != nil {
		return Value{}, &LiteralError{Want: t, Got: "bad JSON", Hint: err.Error()}
	}
	return FromGo(t, tree)
}

// ParseText makes a value of what a person typed: texts as they are, everything else as JSON.
func ParseText(t Type, text string) (Value, error) {
	switch t {
	case String:
		return FromGo(t, text)
	case Bytes:
		return OfBytes([]byte(text)), nil
	}
	return FromJSON(t, []byte(text))
}

func encodeGo(t Type, x any, path string) ([]byte, error) {
	bad := func(hint string) ([]byte, error) {
		return nil, &LiteralError{Path: path, Want: t, Got: describe(x), Hint: hint}
	}
	if n, ok := x.(json.Number); ok && t != JSON {
		x = numberOf(n)
	}
	switch t {
	case Bool:
		if v, ok := x.(bool); ok {
			return OfBool(v).enc, nil
		}
	case Int:
		switch v := x.(type) {
		case int64:
			return OfInt(v).enc, nil
		case float64:
			if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
				return OfInt(int64(v)).enc, nil
			}
		}
	case Float:
		switch v := x.(type) {
		case int64:
			return OfFloat(float64(v)).enc, nil
		case float64:
			return OfFloat(v).enc, nil
		}
	case String:
		if v, ok := x.(string); ok {
			return OfString(v).enc, nil
		}
		if x != nil && describe(x) != "a list" && describe(x) != "a map" {
			return bad("quote it")
		}
	case Bytes:
		v, ok := x.(string)
		if !ok {
			return bad("bytes are written as base64 text")
		}
		raw, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return bad("not base64: " + err.Error())
		}
		return raw, nil
	case JSON:
		return appendJSON(nil, x), nil
	case Any:
		inner := naturalType(x)
		enc, err := encodeGo(inner, x, path)
		return EncodeAny(inner, enc), err
	}
	switch t.Base() {
	case "list":
		if v, ok := x.([]any); ok {
			return encodeGoList(t.Elem(), v, path)
		}
	case "map":
		if v, ok := x.(map[string]any); ok {
			return encodeGoMap(t.Elem(), v, path)
		}
	}
	return bad("")
}

func encodeGoList(elem Type, list []any, path string) ([]byte, error) {
	items := make([][]byte, len(list))
	for i, x := range list {
		var err error
		if items[i], err = encodeGo(elem, x, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return nil, err
		}
	}
	return EncodeList(items), nil
}

func encodeGoMap(elem Type, m map[string]any, path string) ([]byte, error) {
	items := make(map[string][]byte, len(m))
	for k, x := range m {
		var err error
		if items[k], err = encodeGo(elem, x, path+"."+k); err != nil {
			return nil, err
		}
	}
	return EncodeMap(items), nil
}

func numberOf(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, _ := n.Float64()
	return f
}

// naturalType is the type that a literal has when nothing else says it.
func naturalType(x any) Type {
	switch x := x.(type) {
	case bool:
		return Bool
	case int64:
		return Int
	case float64:
		return Float
	case json.Number:
		return naturalType(numberOf(x))
	case string:
		return String
	}
	return JSON
}

func describe(x any) string {
	switch x := x.(type) {
	case nil:
		return "null"
	case bool, int64, float64, json.Number:
		return fmt.Sprintf("%s %v", naturalType(x), x)
	case string:
		if len(x) > 40 {
			x = x[:40] + "..."
		}
		return fmt.Sprintf("string %q", x)
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	}
	return fmt.Sprintf("%T", x)
}

// ToJSON renders an encoding for people and machines. Types that JSON has no form for become an object that says what they
// are: {"type":"image","width":..}; tables become {"columns":[..],"rows":[[..]]} with at most maxRows rows (all if negative).
func ToJSON(t Type, enc []byte, maxRows int) ([]byte, error) {
	tree, err := toGo(t, enc, maxRows)
	if err != nil {
		return nil, err
	}
	return appendJSON(nil, tree), nil
}

func toGo(t Type, enc []byte, maxRows int) (any, error) {
	switch t {
	case Bool:
		return DecodeBool(enc), nil
	case Int:
		return DecodeInt(enc), nil
	case Float:
		return DecodeFloat(enc), nil
	case String:
		return string(enc), nil
	case Bytes:
		return base64.StdEncoding.EncodeToString(enc), nil
	case JSON:
		return parseJSON(enc)
	case Any:
		inner, enc, err := DecodeAny(enc)
		if err != nil {
			return nil, err
		}
		return toGo(inner, enc, maxRows)
	case File:
		f, err := DecodeFile(enc)
		return map[string]any{"path": f.Path, "size": f.Size, "digest": f.Digest.String()}, err
	case Image:
		info, _, err := DecodeImage(enc)
		return map[string]any{"type": "image", "width": int64(info.Width), "height": int64(info.Height), "channels": int64(info.Channels), "bits": int64(info.Bits)}, err
	case Table:
		return tableToGo(enc, maxRows)
	}
	if t.Elem() == "" {
		return map[string]any{"type": string(t), "size": int64(len(enc))}, nil
	}
	items, err := Items(enc)
	if err != nil {
		return nil, err
	}
	list, object := []any{}, map[string]any{}
	for i := range items {
		if t.Base() == "map" && i%2 == 0 {
			continue
		}
		x, err := toGo(t.Elem(), items[i], maxRows)
		if err != nil {
			return nil, err
		}
		if t.Base() == "map" {
			object[string(items[i-1])] = x
		}
		list = append(list, x)
	}
	if t.Base() == "map" {
		return object, nil
	}
	return list, nil
}

func tableToGo(enc []byte, maxRows int) (any, error) {
	cols, rows, err := DecodeTable(enc)
	if err != nil {
		return nil, err
	}
	names, list := []any{}, []any{}
	for _, c := range cols {
		names = append(names, c.Name)
	}
	for i := range rows {
		if maxRows >= 0 && i >= maxRows {
			break
		}
		row := []any{}
		for _, c := range cols {
			row = append(row, c.Cell(i))
		}
		list = append(list, row)
	}
	return map[string]any{"columns": names, "rows": list, "count": int64(rows)}, nil
}
