package hostile

import "levee/testdata/hostile/asm"

const host = "levee_v1"

// hosts holds what attacks through imports, exports and levee's own host functions (W10 to W13).
func hosts() []Module {
	const bounds = "E_BOUNDS"
	ends := func(id, name, want string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Run, Want: want}
	}
	refused := func(id, name string, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Preflight, Want: unsupported}
	}
	imports := func(id, name, module, function, params, results string) Module {
		var m asm.Module
		m.Import(module, function, params, results)
		m.Memory(1, -1)
		m.Run("")
		return Module{ID: id, Name: name, Wasm: m.Bytes(), Stage: Load, Want: "E_REFUSED", Detail: function}
	}
	// calls runs code with one host function of index 0.
	calls := func(function, params, results string, code ...[]byte) []byte {
		var m asm.Module
		m.Import(host, function, params, results)
		m.Memory(2, -1)
		m.Run("", code...)
		return m.Bytes()
	}
	forever := func(code ...[]byte) []byte { return asm.LoopVoid(asm.Cat(code...), asm.Call(0), asm.Br(0)) }

	var global asm.Module
	global.Export("memory", asm.KindGlobal, global.Global(asm.I32, args(0)))
	global.Run("")

	var funcref asm.Module
	funcref.Run("")
	funcref.ExportFunc("leak", "", "funcref", "", asm.RefNullFunc())

	var externref asm.Module
	externref.Import(host, "take", "externref", "")
	externref.Run("")

	const readParams, writeParams = "i32 i64 i32 i32", "i32 i32 i32"
	return []Module{
		imports("W10", "an import that nobody knows", "env", "read_secret", "i32", "i32"),
		imports("W10b", "a host function of a later version", host, "format_disk", "", ""),
		imports("W10c", "a host function with another signature", host, "input_len", "i64", "i64"),
		imports("W10d", "a WASI function that opens the network", wasiModule, "sock_accept", "i32 i32 i32", "i32"),
		imports("W11", "reading files without a grant", host, "file_read", "i32 i32", "i64"),
		imports("W11b", "writing files without a grant", host, "file_write", "i32 i32 i32 i32", "i32"),
		imports("W11c", "listing files without a grant", host, "file_list", "i32 i32", "i64"),
		refused("W12", "a global exported as memory", global.Bytes()),
		refused("W12b", "an imported memory", asm.Raw(asm.Section(asm.SecImport, asm.U32(1), asm.Name("env"), asm.Name("memory"), []byte{asm.KindMemory, 0, 1}))),
		refused("W13", "an exported function that returns a reference", funcref.Bytes()),
		refused("W13b", "an imported function that takes a reference", externref.Bytes()),
		ends("W13c", "a message whose end wraps 2^32", bounds, calls("log", writeParams, "", args(1, -16, 32), asm.Call(0))),
		ends("W13d", "an input read to the end of the address space", bounds,
			calls("input_read", readParams, "i32", args(0), asm.I64Const(0), args(-1, -1), asm.Call(0), asm.Op(asm.Drop))),
		ends("W13e", "an output written from behind the memory's end", bounds,
			calls("output_write", writeParams, "", args(0, 131_064, 16), asm.Call(0))),
		ends("W13f", "an input that does not exist", bounds,
			calls("input_len", "i32", "i64", args(1<<20), asm.Call(0), asm.Op(asm.Drop))),
		ends("W13g", "an output that does not exist", bounds,
			calls("output_write", writeParams, "", args(-1, 0, 16), asm.Call(0))),
		ends("W13h", "a failure with its text outside memory", bounds, calls("fail", "i32 i32", "", args(131_072, 1), asm.Call(0))),
		ends("W13i", "output without end", "E_OUTPUT", calls("output_write", writeParams, "", forever(args(0, 0, 131_072)))),
		ends("W13j", "log without end", timeout, calls("log", writeParams, "", forever(args(1, 0, 4096)))),
		ends("W13k", "progress without end", timeout,
			calls("progress", "i64 i64", "", forever(asm.I64Const(1), asm.I64Const(-5)))),
		ends("W13m", "an item of an output that is no stream", bounds, calls("output_item", "i32", "", args(0), asm.Call(0))),
		ends("W13n", "an item of an output that does not exist", bounds, calls("output_item", "i32", "", args(-1), asm.Call(0))),
		ends("W13l", "a message that is no UTF-8 and full of escapes", OK, calls("log", writeParams, "",
			store32(0, 0x1b5b324a), store32(4, -1), args(1, 0, 8), asm.Call(0))),
	}
}
