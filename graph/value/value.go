package value

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// InlineMax is the size in bytes up to which a value carries its encoding in memory and in a row of the cache; larger ones
// are files named by their digest (SQLite against files cross between 32 KiB for reading and 256 KiB for writing).
const InlineMax = 128 << 10

// Value is what flows along an edge: immutable, named by the digest of its canonical encoding.
type Value struct {
	Type   Type
	Digest Digest
	Size   int64
	enc    []byte // nil when the value is larger than InlineMax: its bytes are in the cache, under Digest
}

// New checks that enc is the canonical encoding of a value of type t, and names it. JSON need not be canonical yet. enc must
// not be changed afterwards. It is meant for values up to InlineMax; a larger one keeps enc in memory all the same.
func New(ctx context.Context, t Type, enc []byte) (Value, error) {
	enc, err := Canonical(ctx, t, enc)
	if err != nil {
		return Value{}, err
	}
	return of(t, enc), nil
}

func of(t Type, enc []byte) Value {
	if enc == nil {
		enc = []byte{}
	}
	return Value{Type: t, Digest: Sum(enc), Size: int64(len(enc)), enc: enc}
}

// Stored is a value whose bytes are kept elsewhere under their digest.
func Stored(t Type, d Digest, size int64) Value { return Value{Type: t, Digest: d, Size: size} }

// Loaded is a value whose encoding is at hand and whose digest was verified by the caller.
func Loaded(t Type, d Digest, enc []byte) Value {
	if enc == nil {
		enc = []byte{}
	}
	return Value{Type: t, Digest: d, Size: int64(len(enc)), enc: enc}
}

// Inline returns the encoding, and false when the bytes are kept elsewhere.
func (v Value) Inline() ([]byte, bool) { return v.enc, v.enc != nil }

// IsZero reports whether v is no value at all.
func (v Value) IsZero() bool { return v.Type == "" }

// Port is one input or output of a node type or workflow.
type Port struct {
	Name     string          `json:"name"`
	Type     Type            `json:"type"`
	Doc      string          `json:"doc,omitempty"`
	Unit     string          `json:"unit,omitempty"`     // "px", "s": for people
	Optional bool            `json:"optional,omitempty"` // an input that may stay unwired; the guest sees length -1
	Stream   bool            `json:"stream,omitempty"`   // an output: a list whose items come while the node runs
	Default  json.RawMessage `json:"default,omitempty"`  // an input's literal when nothing is given
	Min      *float64        `json:"min,omitempty"`      // bounds of an int or float literal, inclusive
	Max      *float64        `json:"max,omitempty"`
	Enum     []string        `json:"enum,omitempty"` // the texts that a string may have
}

// Signature is what the graph needs to know of a node type to check wires without running it.
type Signature struct {
	Inputs  []Port `json:"inputs"`
	Outputs []Port `json:"outputs"`
}

// Input returns the input port of that name.
func (s *Signature) Input(name string) (*Port, bool) { return find(s.Inputs, name) }

// Output returns the output port of that name.
func (s *Signature) Output(name string) (*Port, bool) { return find(s.Outputs, name) }

func find(ports []Port, name string) (*Port, bool) {
	for i := range ports {
		if ports[i].Name == name {
			return &ports[i], true
		}
	}
	return nil, false
}

// Required reports whether a value must be given: it has no default, and may not stay empty.
func (p *Port) Required() bool { return len(p.Default) == 0 && !p.Optional }

// DefaultValue is the value of an input that nothing is wired to; ok is false when the port has no default.
func (p *Port) DefaultValue() (v Value, ok bool, err error) {
	if len(p.Default) == 0 {
		return Value{}, false, nil
	}
	v, err = FromJSON(p.Type, p.Default)
	return v, true, err
}

// CheckRange reports whether a value obeys the port's min, max and enum.
func (p *Port) CheckRange(v Value) error {
	enc, ok := v.Inline()
	if !ok {
		return nil
	}
	if p.Min != nil || p.Max != nil {
		var f float64
		switch v.Type {
		case Int:
			f = float64(DecodeInt(enc))
		case Float:
			f = DecodeFloat(enc)
		default:
			return nil
		}
		if p.Min != nil && !(f >= *p.Min) {
			return fmt.Errorf("%s is %v, at least %v", p.Name, f, *p.Min)
		}
		if p.Max != nil && !(f <= *p.Max) {
			return fmt.Errorf("%s is %v, at most %v", p.Name, f, *p.Max)
		}
	}
	if len(p.Enum) > 0 && v.Type == String && !slices.Contains(p.Enum, string(enc)) {
		return fmt.Errorf("%s is %q, must be one of %q", p.Name, enc, p.Enum)
	}
	return nil
}
