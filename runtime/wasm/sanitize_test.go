package wasm_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/runtime/wasm"
	"levee/testdata/hostile/asm"
)

// sections splits a module, trusting it.
func sections(b []byte) (all [][]byte) {
	for b = b[len(asm.Header):]; len(b) > 0; {
		size, n, shift := 0, 1, 0
		for {
			c := b[n]
			n++
			size |= int(c&0x7f) << shift
			shift += 7
			if c < 0x80 {
				break
			}
		}
		all = append(all, b[:n+size])
		b = b[n+size:]
	}
	return all
}

// TestSanitizeTouchesNothingElse: all other sections are the same bytes in the same order.
func TestSanitizeTouchesNothingElse(t *testing.T) {
	for name, b := range samples() {
		var want, got [][]byte
		for _, s := range sections(b) {
			if s[0] != asm.SecCustom && s[0] != asm.SecTable && s[0] != asm.SecMemory {
				want = append(want, s)
			}
		}
		for _, s := range sections(sanitized(t, b)) {
			require.NotEqual(t, byte(asm.SecCustom), s[0])
			if s[0] != asm.SecTable && s[0] != asm.SecMemory {
				got = append(got, s)
			}
		}
		require.Equal(t, want, got, name)
	}
}

func TestSanitizeClamps(t *testing.T) {
	module := func(table, memory []byte) []byte {
		return asm.Raw(asm.Section(asm.SecTable, asm.U32(2), []byte{asm.FuncRef, 1, 0, 2}, table), asm.Section(asm.SecMemory, asm.U32(1), memory))
	}
	lim := wasm.DefaultLimits()
	lim.TableEntries, lim.MemoryPages = 300, 200
	for name, c := range map[string]struct{ table, memory, wantTable, wantMemory []byte }{
		"no maximum": {[]byte{asm.ExternRef, 0, 7}, []byte{0, 1},
			[]byte{asm.ExternRef, 1, 7, 0xac, 2}, []byte{1, 1, 0xc8, 1}},
		"maximum too high": {[]byte{asm.FuncRef, 1, 7, 0xff, 0xff, 3}, []byte{1, 1, 0x80, 0x80, 4},
			[]byte{asm.FuncRef, 1, 7, 0xac, 2}, []byte{1, 1, 0xc8, 1}},
		"maximum within": {[]byte{asm.FuncRef, 1, 7, 8}, []byte{1, 1, 2},
			[]byte{asm.FuncRef, 1, 7, 8}, []byte{1, 1, 2}},
		"at the limit": {[]byte{asm.FuncRef, 0, 0xac, 2}, []byte{0, 0xc8, 1},
			[]byte{asm.FuncRef, 1, 0xac, 2, 0xac, 2}, []byte{1, 0xc8, 1, 0xc8, 1}},
	} {
		got, err := wasm.Sanitize(module(c.table, c.memory), lim)
		require.NoError(t, err, name)
		require.Equal(t, module(c.wantTable, c.wantMemory), got, name)
	}
	_, err := wasm.Sanitize(module([]byte{asm.FuncRef, 0, 0xad, 2}, []byte{0, 1}), lim)
	require.ErrorContains(t, err, "301, the limit is 300")
	_, err = wasm.Sanitize(module([]byte{asm.FuncRef, 0, 1}, []byte{0, 0xc9, 1}), lim)
	require.ErrorContains(t, err, "201, the limit is 200")
}

// TestSanitizeReturnsWhatNeedsNothing: no copy is made of a module that is fine as it is.
func TestSanitizeReturnsWhatNeedsNothing(t *testing.T) {
	var m asm.Module
	m.Memory(1, 2)
	m.Run("")
	b := m.Bytes()
	got, err := wasm.Sanitize(b, wasm.DefaultLimits())
	require.NoError(t, err)
	require.True(t, &b[0] == &got[0] && bytes.Equal(b, got))
}
