// Package value is levee's vocabulary of values: the types that ports have, the one canonical encoding of each type, and the
// digest that names an encoding. It knows no files, no SQLite and no wasm, so that every other package may import it.
package value

import (
	"fmt"
	"strconv"
	"strings"
)

// Type is the canonical text of a port type, so that types compare with == and print as people write them:
//
//	bool int float string bytes json image audio table file any
//	list<T> map<T> tensor<dtype,[d0,d1,...]>
//
// A dimension is a number or a lower-case name (any size). A single upper-case letter is a type variable; it may stand in a
// manifest only, and means "whatever is wired here".
type Type string

// The types without parameters.
const (
	Bool   Type = "bool"
	Int    Type = "int"    // 64 bit, signed
	Float  Type = "float"  // 64 bit, IEEE 754
	String Type = "string" // UTF-8
	Bytes  Type = "bytes"
	JSON   Type = "json"
	Image  Type = "image"
	Audio  Type = "audio"
	Table  Type = "table"
	// File is an element of trigger.files: a path, a size and a content digest; the content itself is a Bytes value.
	File Type = "file"
	Any  Type = "any"
)

const maxTypeText, maxTypeDepth = 256, 8

// dtypes maps the element types of tensors to their sizes in bytes.
var dtypes = map[string]int{"bool": 1, "u8": 1, "i8": 1, "u16": 2, "i16": 2, "f16": 2, "bf16": 2, "u32": 4, "i32": 4, "f32": 4, "u64": 8, "i64": 8, "f64": 8}

// ParseType reads the text of a type; spaces are allowed and dropped.
func ParseType(text string) (Type, error) {
	if len(text) > maxTypeText {
		return "", fmt.Errorf("type text of %d bytes, at most %d", len(text), maxTypeText)
	}
	t := Type(strings.ReplaceAll(text, " ", ""))
	if err := t.check(0); err != nil {
		return "", err
	}
	return t, nil
}

func (t Type) check(depth int) error {
	if depth > maxTypeDepth {
		return fmt.Errorf("type nested deeper than %d", maxTypeDepth)
	}
	switch t {
	case Bool, Int, Float, String, Bytes, JSON, Image, Audio, Table, File, Any:
		return nil
	}
	if t.IsVar() {
		return nil
	}
	switch t.Base() {
	case "list", "map":
		return t.Elem().check(depth + 1)
	case "tensor":
		_, _, err := t.Tensor()
		return err
	}
	return fmt.Errorf("unknown type %q (known: bool, int, float, string, bytes, json, list<T>, map<T>, image, audio, table, tensor<dtype,[shape]>, any)", string(t))
}

// IsVar reports whether t is a type variable.
func (t Type) IsVar() bool { return len(t) == 1 && t[0] >= 'A' && t[0] <= 'Z' }

// HasVar reports whether a type variable occurs in t.
func (t Type) HasVar() bool { return t.IsVar() || (t.Elem() != "" && t.Elem().HasVar()) }

// Base is the text before the parameters: "list" for list<int>, "int" for int.
func (t Type) Base() string {
	if i := strings.IndexByte(string(t), '<'); i >= 0 && strings.HasSuffix(string(t), ">") {
		return string(t[:i])
	}
	return string(t)
}

// Elem is the element type of a list or map, "" for every other type.
func (t Type) Elem() Type {
	if b := t.Base(); b == "list" || b == "map" {
		if len(t) > len(b)+2 {
			return t[len(b)+1 : len(t)-1]
		}
	}
	return ""
}

// ListOf returns list<elem>.
func ListOf(elem Type) Type { return "list<" + elem + ">" }

// MapOf returns map<elem>.
func MapOf(elem Type) Type { return "map<" + elem + ">" }

// Tensor splits tensor<dtype,[dims]>; a named dimension is -1.
func (t Type) Tensor() (dtype string, shape []int64, err error) {
	inner, ok := strings.CutPrefix(string(t), "tensor<")
	if !ok {
		return "", nil, fmt.Errorf("%s is no tensor", t)
	}
	inner = strings.TrimSuffix(inner, ">")
	dtype, dims, ok := strings.Cut(inner, ",")
	if !ok || !strings.HasPrefix(dims, "[") || !strings.HasSuffix(dims, "]") {
		return "", nil, fmt.Errorf("%q: a tensor type is written tensor<f32,[2,n]>", string(t))
	}
	if dtypes[dtype] == 0 {
		return "", nil, fmt.Errorf("%q: unknown tensor element type %q", string(t), dtype)
	}
	if dims = dims[1 : len(dims)-1]; dims == "" {
		return dtype, nil, nil
	}
	for d := range strings.SplitSeq(dims, ",") {
		n, err := strconv.ParseInt(d, 10, 64)
		switch {
		case err == nil && n >= 0 && strconv.FormatInt(n, 10) == d:
			shape = append(shape, n)
		case isDimName(d):
			shape = append(shape, -1)
		default:
			return "", nil, fmt.Errorf("%q: bad dimension %q", string(t), d)
		}
	}
	if len(shape) > maxRank {
		return "", nil, fmt.Errorf("%q: more than %d dimensions", string(t), maxRank)
	}
	return dtype, shape, nil
}

func isDimName(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

// Assignable reports whether a value of type from may flow into a port of type to. The one implicit cast is int to float;
// any takes everything; both hold inside lists and maps.
func Assignable(from, to Type) bool {
	switch {
	case from == to, to == Any, from == Int && to == Float:
		return true
	case from.Base() != to.Base():
		return false
	case from.Elem() != "":
		return Assignable(from.Elem(), to.Elem())
	case from.Base() == "tensor":
		fd, fs, err1 := from.Tensor()
		td, ts, err2 := to.Tensor()
		if err1 != nil || err2 != nil || fd != td || len(fs) != len(ts) {
			return false
		}
		for i := range ts {
			if ts[i] != -1 && ts[i] != fs[i] {
				return false
			}
		}
		return true
	}
	return false
}

// Bind matches a port's pattern (which may hold type variables) against the type wired to it and records what the variables
// stand for: the widest of the types that they meet, in whatever order. It reports false when they do not fit.
func Bind(pattern, actual Type, vars map[Type]Type) bool {
	switch {
	case pattern.IsVar():
		if bound, ok := vars[pattern]; ok && Assignable(actual, bound) {
			return true
		} else if ok && !Assignable(bound, actual) {
			return false
		}
		vars[pattern] = actual
		return true
	case !pattern.HasVar():
		return Assignable(actual, pattern)
	case pattern.Base() != actual.Base():
		return false
	}
	return Bind(pattern.Elem(), actual.Elem(), vars)
}

// Subst replaces the type variables of t; an unbound one becomes any.
func (t Type) Subst(vars map[Type]Type) Type {
	switch {
	case t.IsVar():
		if bound, ok := vars[t]; ok {
			return bound
		}
		return Any
	case !t.HasVar():
		return t
	}
	return Type(t.Base()) + "<" + t.Elem().Subst(vars) + ">"
}
