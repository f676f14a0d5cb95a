package wasm_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"levee/runtime/wasm"
	"levee/testdata/hostile/asm"
)

// memoryOf is what the memory of an instance begins with; nil when there can be none.
func memoryOf(t testing.TB, b []byte) []byte {
	rt := engine(t)
	mod, err := rt.Instantiate(t.Context(), b)
	if err != nil {
		return nil
	}
	all, ok := mod.Memory().Read(0, mod.Memory().Size())
	require.True(t, ok)
	return all
}

func joinData(t testing.TB, b []byte) []byte {
	info, err := wasm.Preflight(b)
	require.NoError(t, err)
	out, err := wasm.JoinData(b, info)
	require.NoError(t, err)
	after, err := wasm.Preflight(out)
	require.NoError(t, err)
	require.LessOrEqual(t, len(out), 3*len(b))
	require.Equal(t, info.Exports, after.Exports)
	again, err := wasm.JoinData(out, after)
	require.NoError(t, err)
	require.Equal(t, out, again)
	return out
}

// Joined or not, an instance begins with the same memory, or there is none.
func TestJoinedDataIsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var m asm.Module
		m.Memory(1, 1)
		at := int32(rapid.IntRange(0, 65_600).Draw(rt, "first"))
		for range rapid.IntRange(0, 6).Draw(rt, "segments") {
			data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "data")
			m.Data(at, data)
			at += int32(len(data) + rapid.SampledFrom([]int{0, 1, 60, 64, 65, 1000, -3, -70}).Draw(rt, "gap"))
			if at < 0 {
				at = 0
			}
		}
		b := m.Bytes()
		require.Equal(t, memoryOf(t, b), memoryOf(t, joinData(t, b)))
	})
}

func TestJoinData(t *testing.T) {
	module := func(at ...int32) []byte {
		var m asm.Module
		m.Memory(1, 1)
		for _, at := range at {
			m.Data(at, []byte("0123456789"))
		}
		return m.Bytes()
	}
	for name, c := range map[string]struct {
		at   []int32
		left int
	}{
		"beside each other":              {[]int32{100, 110, 120}, 1},
		"a few zeros between":            {[]int32{100, 174, 184}, 1},
		"too many zeros between":         {[]int32{100, 175, 185}, 2},
		"later ones before":              {[]int32{100, 110, 0, 10}, 2},
		"over another":                   {[]int32{100, 110, 105}, 3},
		"zeros would lie over another":   {[]int32{100, 70, 140}, 3},
		"at the end of the memory":       {[]int32{65_516, 65_526}, 1},
		"beyond the end of the memory":   {[]int32{65_516, 65_527}, 2},
		"nothing beside anything":        {[]int32{0, 1000}, 2},
		"far beyond, as a signed number": {[]int32{-20, -10}, 2},
		"one":                            {[]int32{0}, 1},
		"zeros would lie over the first": {[]int32{10, 0, 20}, 3},
	} {
		b := module(c.at...)
		out := joinData(t, b)
		info, err := wasm.Preflight(out)
		require.NoError(t, err)
		require.Equal(t, c.left, info.NumData, name)
		require.Equal(t, memoryOf(t, b), memoryOf(t, out), name)
	}
	require.Equal(t, bulk(), joinData(t, bulk()), "code names segments")
}

// A stub is a valid module with the same of everything but code.
func TestStub(t *testing.T) {
	rt := engine(t)
	for name, b := range samples() {
		info, err := wasm.Preflight(b)
		require.NoError(t, err)
		stub, err := wasm.Stub(b)
		require.NoError(t, err)
		compiled, err := rt.CompileModule(t.Context(), stub)
		require.NoError(t, err, name)
		require.NoError(t, compiled.Close(t.Context()))
		after, err := wasm.Preflight(stub)
		require.NoError(t, err)
		require.Equal(t, 3*info.Functions, after.CodeBytes)
		info.CodeBytes, info.MaxBody, info.MaxDepth, info.MaxBranchTargets = after.CodeBytes, after.MaxBody, after.MaxDepth, after.MaxBranchTargets
		info.UsesSIMD, info.ChangesTables, info.ChangesSegments, info.GrowsTable = false, false, false, false
		after.UsesSIMD = false
		require.Equal(t, len(info.CustomSections), len(after.CustomSections))
		info.CustomSections, after.CustomSections = nil, nil
		require.Equal(t, info, after, name)
		again, err := wasm.Stub(stub)
		require.NoError(t, err)
		require.Equal(t, stub, again)
	}
	whole := samples()["echo"]
	_, err := wasm.Stub(whole[:len(whole)-1])
	require.Error(t, err)
}
