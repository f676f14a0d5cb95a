package wasm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/runtime/wasm"
	"levee/testdata/guests"
	"levee/testdata/hostile/asm"
)

func TestInfoOfEcho(t *testing.T) {
	info, err := wasm.Preflight(guests.Echo())
	require.NoError(t, err)
	require.Equal(t, []wasm.Import{
		{Module: "levee_v1", Name: "input_read", Type: wasm.Func("i32 i64 i32 i32", "i32")},
		{Module: "levee_v1", Name: "output_write", Type: wasm.Func("i32 i32 i32", "")},
	}, info.Imports)
	run, ok := info.Export("run")
	require.True(t, ok)
	require.Equal(t, wasm.Export{Name: "run", Kind: wasm.KindFunc, Index: 2}, run)
	require.Equal(t, &wasm.Memory{Min: 1}, info.Memory)
	require.Equal(t, "memory", info.MemoryExport)
	require.Equal(t, 1, info.Functions)
	require.Equal(t, 2, info.MaxDepth)
	require.False(t, info.HasStart || info.UsesSIMD || info.ChangesTables || info.ChangesSegments)
	_, ok = info.Export("walk")
	require.False(t, ok)
}

func TestInfoOfSamples(t *testing.T) {
	b := mixed()
	info, err := wasm.Preflight(b)
	require.NoError(t, err)
	require.True(t, info.HasStart && info.GrowsTable && info.ChangesTables)
	require.False(t, info.ChangesSegments || info.UsesSIMD)
	require.Equal(t, []wasm.Table{{Type: wasm.FuncRef, Min: 4}}, info.Tables)
	require.Equal(t, &wasm.Memory{Min: 1, Max: 65_536, HasMax: true}, info.Memory)
	require.Equal(t, 1, info.NumData)
	require.Equal(t, 4, info.Globals)
	require.Equal(t, 2, info.MaxBranchTargets)
	require.Len(t, info.CustomSections, 2)
	levee := info.CustomSections[1]
	require.Equal(t, "levee", levee.Name)
	require.Equal(t, `{"levee":1}`, string(b[levee.Offset:levee.Offset+levee.Size]))

	info, err = wasm.Preflight(bulk())
	require.NoError(t, err)
	require.True(t, info.ChangesTables && info.ChangesSegments && !info.GrowsTable)

	info, err = wasm.Preflight(vector())
	require.NoError(t, err)
	require.True(t, info.UsesSIMD)
}

func TestInfoOutlivesTheBytes(t *testing.T) {
	b := guests.Echo()
	info, err := wasm.Preflight(b)
	require.NoError(t, err)
	clear(b)
	require.Equal(t, "input_read", info.Imports[0].Name)
	require.Equal(t, "(i32, i64, i32, i32) -> i32", info.Imports[0].Type.String())
}

func TestSignatureText(t *testing.T) {
	require.Equal(t, "()", wasm.Func("", "").String())
	require.Equal(t, "(f32, f64) -> (v128, externref)", wasm.Func("f32 f64", "v128 externref").String())
	require.Contains(t, wasm.Func(strings.Repeat("i32 ", 500), "").String(), "i32, ...)")
	require.NotEqual(t, wasm.Func("i32", ""), wasm.Func("int", ""))
}

// TestProposals: what a newer compiler may emit is refused by name, so that its user knows what to turn off.
func TestProposals(t *testing.T) {
	code := func(ops ...byte) []byte {
		var m asm.Module
		m.Memory(1, -1)
		m.Table(1, 1)
		m.Run("", ops)
		return m.Bytes()
	}
	module := func(id byte, parts ...[]byte) []byte { return asm.Raw(asm.Section(id, parts...)) }
	for name, c := range map[string]struct {
		wasm []byte
		says string
	}{
		"tail call":         {code(0x12, 0), "tail calls"},
		"throw":             {code(0x08, 0), "exceptions"},
		"try_table":         {code(0x1f, 0x40, 0), "exceptions"},
		"tag section":       {module(13, asm.U32(1), []byte{0, 0}), "exceptions"},
		"call_ref":          {code(0x14, 0), "function references"},
		"struct.new":        {code(0xfb, 0, 0), "gc"},
		"struct type":       {module(asm.SecType, asm.U32(1), []byte{0x5f, 0, 0, 0}), "gc"},
		"anyref block":      {code(0x02, 0x6e, asm.End), "proposal"},
		"typed reference":   {module(asm.SecType, asm.U32(1), []byte{0x60, 1, 0x64, 0x70, 0}), "function references"},
		"atomic fence":      {code(0xfe, 3, 0), "threads"},
		"shared memory":     {module(asm.SecMemory, asm.U32(1), []byte{3, 1, 1}), "shared"},
		"memory64":          {module(asm.SecMemory, asm.U32(1), []byte{4, 1}), "64-bit"},
		"two memories":      {module(asm.SecMemory, asm.U32(2), []byte{0, 1, 0, 1}), "2 memories"},
		"second memory":     {code(0x41, 0, 0x28, 0x42, 1, 0, 0x1a), "second memory"},
		"relaxed SIMD":      {code(0xfd, 0x80, 2), "relaxed"},
		"padded SIMD":       {code(0xfd, 0x80, 0), "padded"},
		"table initializer": {module(asm.SecTable, asm.U32(1), []byte{0x40, 0, 0x70, 0, 1, 0xd0, 0x70, asm.End}), "initial value"},
		"extended const":    {module(asm.SecGlobal, asm.U32(1), []byte{asm.I32, 0, 0x41, 1, 0x41, 1, 0x6a, asm.End}), "extended-const"},
		"imported global":   {module(asm.SecImport, asm.U32(1), asm.Name("env"), asm.Name("g"), []byte{asm.KindGlobal, asm.I32, 0}), `global "env"."g"`},
		"imported table":    {module(asm.SecImport, asm.U32(1), asm.Name("env"), asm.Name("t"), []byte{asm.KindTable, asm.FuncRef, 0, 1}), "only functions"},
	} {
		_, err := wasm.Preflight(c.wasm)
		require.ErrorContains(t, err, c.says, name)
		var refused *wasm.Error
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, wasm.CodeUnsupported, refused.Code, name)
	}
}

// TestWrongIndexes: nothing may name what is not there.
func TestWrongIndexes(t *testing.T) {
	code := func(ops ...byte) []byte {
		var m asm.Module
		m.Memory(1, -1)
		m.Table(1, 1)
		m.Run("i32", ops)
		return m.Bytes()
	}
	for name, ops := range map[string][]byte{
		"function": {0x10, 1}, "type": {0x11, 9, 0}, "table": {0x11, 0, 1}, "local": {0x20, 1}, "global": {0x23, 0}, "label": {0x0c, 1},
		"br_table label": {0x0e, 1, 0, 1}, "table.get": {0x25, 1}, "element": {0xfc, 13, 0}, "data": {0xfc, 9, 0}, "ref.func": {0xd2, 1},
		"memory": {0x3f, 1}, "padded memory": {0x3f, 0x80, 0}, "block type": {0x02, 1, asm.End}, "else": {asm.Else}, "opcode": {0x27}, "open block": {0x02, 0x40},
		"early end": {asm.End}, "alignment": {0x28, 5, 0}, "select": {0x1c, 2, asm.I32, asm.I32}, "else twice": {0x04, 0x40, asm.Else, asm.Else, asm.End},
	} {
		_, err := wasm.Preflight(code(ops...))
		var refused *wasm.Error
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, wasm.CodeMalformed, refused.Code, "%s: %v", name, err)
	}
	without := asm.Raw(asm.Section(asm.SecType, asm.Vec(asm.FuncType("", ""))), asm.Section(asm.SecFunction, asm.Vec([]byte{0})),
		asm.Section(asm.SecCode, asm.Vec(asm.Body("", asm.I32Const(0), asm.I32Load(0), asm.Op(asm.Drop)))))
	_, err := wasm.Preflight(without)
	require.ErrorContains(t, err, "there is none")
}

// TestLimitsAreExact: what is at a limit passes, and one more does not.
func TestLimitsAreExact(t *testing.T) {
	b := mixed()
	info, err := wasm.Preflight(b)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		field func(*wasm.Limits) *int
		has   int
	}{
		"bytes":    {func(l *wasm.Limits) *int { return &l.ModuleBytes }, len(b)},
		"types":    {func(l *wasm.Limits) *int { return &l.Types }, info.Types},
		"funcs":    {func(l *wasm.Limits) *int { return &l.Functions }, info.Functions},
		"exports":  {func(l *wasm.Limits) *int { return &l.Exports }, len(info.Exports)},
		"globals":  {func(l *wasm.Limits) *int { return &l.Globals }, info.Globals},
		"tables":   {func(l *wasm.Limits) *int { return &l.Tables }, 1},
		"elements": {func(l *wasm.Limits) *int { return &l.Elements }, 1},
		"items":    {func(l *wasm.Limits) *int { return &l.ElementItems }, 2},
		"data":     {func(l *wasm.Limits) *int { return &l.DataSegments }, 1},
		"custom":   {func(l *wasm.Limits) *int { return &l.CustomSections }, 2},
		"params":   {func(l *wasm.Limits) *int { return &l.Params }, 2},
		"results":  {func(l *wasm.Limits) *int { return &l.Results }, 2},
		"locals":   {func(l *wasm.Limits) *int { return &l.Locals }, 2},
		"total":    {func(l *wasm.Limits) *int { return &l.LocalsTotal }, 2},
		"body":     {func(l *wasm.Limits) *int { return &l.BodyBytes }, info.MaxBody},
		"branches": {func(l *wasm.Limits) *int { return &l.BranchTargets }, 2},
		"depth":    {func(l *wasm.Limits) *int { return &l.Depth }, info.MaxDepth},
		"pushed":   {func(l *wasm.Limits) *int { return &l.MultiResults }, 2},
		"name":     {func(l *wasm.Limits) *int { return &l.NameBytes }, len("memory")},
	} {
		lim := wasm.DefaultLimits()
		*c.field(&lim) = c.has
		_, err := wasm.PreflightWithin(b, lim)
		require.NoError(t, err, name)
		*c.field(&lim) = c.has - 1
		_, err = wasm.PreflightWithin(b, lim)
		var refused *wasm.Error
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, wasm.CodeLimit, refused.Code, "%s: %v", name, err)
		require.Equal(t, int64(c.has-1), refused.Limit, name)
	}
	lim := wasm.DefaultLimits()
	lim.Imports = 1
	_, err = wasm.PreflightWithin(guests.Echo(), lim)
	require.ErrorContains(t, err, "imports: 2, the limit is 1")
}

// TestHostileNamesAreQuoted: text out of a module never reaches a terminal as it is, nor at full length.
func TestHostileNamesAreQuoted(t *testing.T) {
	name := "\x1b[2J\u202e" + strings.Repeat("x", 5_000)
	_, err := wasm.Preflight(asm.Raw(asm.Section(asm.SecImport, asm.U32(1), asm.Name(name), asm.Name("g"), []byte{asm.KindGlobal, asm.I32, 0})))
	require.Error(t, err)
	require.Less(t, len(err.Error()), 300)
	require.NotContains(t, err.Error(), "\x1b")
	require.NotContains(t, err.Error(), "\u202e")
}
