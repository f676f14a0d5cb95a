package value

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
	bad := func(err error) (Value, error) {
		return Value{}, &LiteralError{Want: t, Got: "bad JSON", Hint: err.Error()}
	}
	if t == JSON { // without a tree, which takes many times the memory
		canon, err := CanonicalJSON(doc)
		if err != nil {
			return bad(err)
		}
		return of(JSON, bytes.Clone(canon)), nil
	}
	tree, err := parseJSON(doc)
	if err != nil {
		return bad(err)
	}
	return FromGo(t, tree)
}

// ParseText makes a value of what a person typed: texts as they are, tables as JSON or CSV, everything else as JSON.
func ParseText(t Type, text string) (Value, error) {
	switch t {
	case String:
		return FromGo(t, text)
	case Bytes:
		return OfBytes([]byte(text)), nil
	case Table:
		return parseTable(text)
	case Any, JSON:
		if word := strings.TrimSpace(text); word != "" && !strings.ContainsAny(word[:1], `{["`) && !json.Valid([]byte(word)) {
			return Value{}, &LiteralError{Want: t, Got: strconv.Quote(text[:min(len(text), 40)]), Hint: "it is read as JSON, where a text stands in quotes"}
		}
	}
	if scalar := t == Bool || t == Int || t == Float; scalar && !json.Valid([]byte(text)) {
		return Value{}, &LiteralError{Want: t, Got: strconv.Quote(text[:min(len(text), 40)])}
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
		tree, err := jsonTree(x)
		if err != nil {
			return bad(err.Error())
		}
		return appendJSON(nil, tree), nil
	case Table:
		return encodeGoTable(x, path)
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
	items := make([][]byte, 0, 2*len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !utf8.ValidString(k) {
			return nil, &LiteralError{Path: path, Want: MapOf(elem), Got: fmt.Sprintf("the key %q", k), Hint: "keys are UTF-8"}
		}
		enc, err := encodeGo(elem, m[k], path+"."+k)
		if err != nil {
			return nil, err
		}
		items = append(items, []byte(k), enc)
	}
	return EncodeList(items), nil
}

// jsonTree brings the numbers of a literal into their canonical form, and refuses those that JSON cannot write.
func jsonTree(x any) (any, error) {
	switch x := x.(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, errors.New("JSON has no such number")
		}
	case json.Number:
		if !json.Valid([]byte(x)) {
			return nil, fmt.Errorf("%.40q is no number", string(x))
		}
		return canonicalNumber(x)
	case []any:
		list := make([]any, len(x))
		for i := range x {
			var err error
			if list[i], err = jsonTree(x[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) { // so that of several faults it is always the same one that is told
			var err error
			if object[k], err = jsonTree(x[k]); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return x, nil
}

// numberOf returns an int64, else a float64, else n itself: its integer has too many digits for both.
func numberOf(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return n
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
		if y := numberOf(x); y != any(x) {
			return naturalType(y)
		}
	case string:
		return String
	}
	return JSON
}

func describe(x any) string {
	switch x := x.(type) {
	case nil:
		return "null"
	case bool, int64, float64:
		return fmt.Sprintf("%s %v", naturalType(x), x)
	case json.Number:
		return fmt.Sprintf("number %.40s", string(x))
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
