package wasm

import (
	"bytes"
	"encoding/binary"
)

// stubBody is a function that traps at once: its size, no locals, unreachable, end. It is valid whatever the function's type is.
var stubBody = []byte{3, 0, 0x00, 0x0b}

// Stub returns a module that has everything of b, which must have passed [Preflight], but the code of its functions. With the native code
// of b it is b, and there is next to nothing in it to decode and to validate.
func Stub(b []byte) ([]byte, error) {
	r := reader{b: b, pos: headerSize}
	for r.err == nil && r.pos < len(b) {
		start := r.pos
		id := r.u8()
		size := int(r.u32())
		if id != secCode {
			r.skip(size, "a section")
			continue
		}
		content := r.pos
		n := int(r.u32())
		var code []byte
		code = append(binary.AppendUvarint(code, uint64(n)), bytes.Repeat(stubBody, n)...)
		r.pos = content
		if r.skip(size, "a section"); r.err == nil {
			out := append(make([]byte, 0, len(b)-size+len(code)), b[:start]...)
			out = append(binary.AppendUvarint(append(out, id), uint64(len(code))), code...)
			return append(out, b[r.pos:]...), nil
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return b, nil // it has no functions
}
