package journal

import (
	"bytes"
	"encoding/json"

	"levee/graph/value"
)

const (
	// inlineResult is how large, in its encoding, a result may be that the message of a node's end carries. The row has its bytes, or
	// it could not be told again.
	inlineResult = 256

	// inlineProperty is the same for a literal of a node, allProperties for all of them.
	inlineProperty = 1 << 10
	allProperties  = 4 << 10

	// InlineOutput is the same for outputs of a run and items of a stream.
	InlineOutput = 4 << 10
)

// ForMessage is a value as messages have it: as JSON when it is made of texts, numbers, bools and JSON and has at most this many
// bytes, else by type, size and digest. What looks like a reference is always one.
func ForMessage(v value.Value, most int64) json.RawMessage {
	if enc, ok := v.Inline(); ok && v.Size <= most && plain(v.Type, enc) {
		if js, err := value.ToJSON(v.Type, enc, -1); err == nil && !likeReference(js) {
			return js
		}
	}
	ref, _ := json.Marshal(struct { // of texts and a number: cannot fail
		Type   value.Type   `json:"type"`
		Size   int64        `json:"size"`
		Digest value.Digest `json:"digest"`
	}{v.Type, v.Size, v.Digest})
	return ref
}

// Properties are the literals of a node as messages have them: an object, nil without any.
func Properties(list []Named) json.RawMessage {
	if len(list) == 0 {
		return nil
	}
	left := int64(allProperties)
	var text []byte
	for _, p := range list {
		name, _ := json.Marshal(p.Name) // a text: cannot fail
		js := ForMessage(p.Value, min(left, inlineProperty))
		left = max(0, left-int64(len(js)))
		text = append(append(append(append(text, ','), name...), ':'), js...)
	}
	text[0] = '{'
	return append(text, '}')
}

// plain reports whether JSON is what people would write the value as.
func plain(t value.Type, enc []byte) bool {
	switch t {
	case value.Bool, value.Int, value.Float, value.String, value.JSON, value.File:
		return true
	case value.Any:
		inner, enc, err := value.DecodeAny(enc)
		return err == nil && plain(inner, enc)
	case "":
		return false
	}
	elem := t.Elem()
	if elem == "" {
		return false
	}
	items, err := value.Items(enc)
	if err != nil {
		return false
	}
	step, from := 1, 0
	if t.Base() == "map" { // key, value, key, value
		step, from = 2, 1
	}
	for i := from; i < len(items); i += step {
		if !plain(elem, items[i]) {
			return false
		}
	}
	return true
}

func likeReference(js []byte) bool {
	if len(js) == 0 || js[0] != '{' || !bytes.Contains(js, []byte(`"digest"`)) {
		return false
	}
	var ref map[string]json.RawMessage
	return json.Unmarshal(js, &ref) != nil || ref["type"] != nil && ref["size"] != nil && ref["digest"] != nil
}
