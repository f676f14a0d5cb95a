package wasm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/runtime/wasm"
)

// fuzzSize keeps inputs small, for the engine's decoder is let at them inside the test process: what counts can do
// within the limits must stay harmless, and a larger module cannot show more.
const fuzzSize = 4 << 10

// FuzzPreflight: it never panics, it always gives one of its errors, and what it accepts neither kills the engine's
// decoder nor changes when sanitized twice.
func FuzzPreflight(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzSize {
			return
		}
		check(t, b)
		if _, err := wasm.Preflight(b); err == nil {
			rt := engine(t)
			if compiled, err := rt.CompileModule(t.Context(), sanitized(t, b)); err == nil {
				_ = compiled.Close(t.Context())
			}
		}
	})
}

// check holds preflight and sanitizing to what they promise for any bytes at all.
func check(t testing.TB, b []byte) {
	info, err := wasm.Preflight(b)
	if err != nil {
		var refused *wasm.Error
		require.ErrorAs(t, err, &refused)
		require.Contains(t, []string{wasm.CodeNotWasm, wasm.CodeLimit, wasm.CodeMalformed, wasm.CodeUnsupported}, refused.Code)
		require.NotEmpty(t, refused.What)
		require.True(t, refused.Offset >= 0 && refused.Offset <= len(b), "offset %d of %d", refused.Offset, len(b))
		_, _ = wasm.Sanitize(b, wasm.DefaultLimits())
		return
	}
	out, err := wasm.Sanitize(b, wasm.DefaultLimits())
	require.NoError(t, err)
	again, err := wasm.Sanitize(out, wasm.DefaultLimits())
	require.NoError(t, err)
	require.Equal(t, out, again)
	after, err := wasm.Preflight(out)
	require.NoError(t, err)
	require.Empty(t, after.CustomSections)
	require.Equal(t, info.Imports, after.Imports)
	require.Equal(t, info.Exports, after.Exports)
	require.Equal(t, info.CodeBytes, after.CodeBytes)
	require.Equal(t, info.NumData, after.NumData)
	for _, table := range after.Tables {
		require.True(t, table.HasMax && table.Max <= wasm.DefaultLimits().TableEntries)
	}
	if m := after.Memory; m != nil {
		require.True(t, m.HasMax && m.Max <= wasm.DefaultLimits().MemoryPages)
	}
}

// TestEveryPrefixAndBitFlip is D32: no crash, whatever single fault a valid module has; and no prefix is accepted as a
// whole unless it ends where a section does.
func TestEveryPrefixAndBitFlip(t *testing.T) {
	for name, b := range samples() {
		for n := range len(b) {
			check(t, b[:n])
		}
		flipped := make([]byte, len(b))
		for bit := range 8 * len(b) {
			copy(flipped, b)
			flipped[bit/8] ^= 1 << (bit % 8)
			check(t, flipped)
		}
		_, err := wasm.Preflight(b)
		require.NoError(t, err, name)
	}
}
