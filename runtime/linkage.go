//go:build linux

package runtime

import (
	"github.com/tetratelabs/wazero/api"

	"levee/runtime/wasm"
)

// hostFunc is one function that guests may import: its type, what it needs to be granted, what it does. Arguments lie
// in s, results are put there from its start.
type hostFunc struct {
	typ   wasm.FuncType
	needs grants
	call  func(g *guest, mem api.Memory, s []uint64)
}

// find gives the host function that a module may import under these names: of the node ABI, or of an extension.
func find(x *Extension, module, name string) (hostFunc, bool) {
	if f, ok := hostFuncs[module][name]; ok {
		return f, true
	}
	f := x.find(module, name)
	if f == nil {
		return hostFunc{}, false
	}
	return hostFunc{typ: wasm.Func(f.Params, f.Results), call: func(g *guest, mem api.Memory, s []uint64) { f.Call(g.enter(mem), s) }}, true
}

// hostFuncs is everything of the node ABI that a module may import, by module and name. Names may be added; none changes its meaning.
var hostFuncs = map[string]map[string]hostFunc{
	"levee_v1": {
		"input_len":        {wasm.Func("i32", "i64"), 0, inputLen},
		"input_read":       {wasm.Func("i32 i64 i32 i32", "i32"), 0, inputRead},
		"input_type":       {wasm.Func("i32 i32 i32", "i32"), 0, inputType},
		"output_write":     {wasm.Func("i32 i32 i32", ""), 0, outputWrite},
		"output_item":      {wasm.Func("i32", ""), 0, outputItem},
		"fail":             {wasm.Func("i32 i32", ""), 0, fail},
		"log":              {wasm.Func("i32 i32 i32", ""), 0, logLine},
		"progress":         {wasm.Func("i64 i64", ""), 0, reportProgress},
		"file_read":        {wasm.Func("i32 i32", "i64"), grantRead, fileRead},
		"file_list":        {wasm.Func("i32 i32", "i64"), grantList, fileList},
		"blob_len":         {wasm.Func("i64", "i64"), 0, blobLen},
		"blob_read":        {wasm.Func("i64 i64 i32 i32", "i32"), 0, blobRead},
		"file_write":       {wasm.Func("i32 i32 i32 i32", "i32"), grantWrite, fileWrite},
		"file_write_input": {wasm.Func("i32 i32 i32", "i32"), grantWrite, fileWriteInput},
		"last_error":       {wasm.Func("i32 i32", "i32"), 0, lastError},
	},
	"wasi_snapshot_preview1": wasiFuncs,
}
