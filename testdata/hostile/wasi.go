package hostile

import "levee/testdata/hostile/asm"

const wasiModule = "wasi_snapshot_preview1"

// wasiNode is a module with one WASI function of index 0, a memory and code that runs as "run" and as "_start".
func wasiNode(name, params, results string, pages uint32, locals string, code ...[]byte) []byte {
	var m asm.Module
	m.Import(wasiModule, name, params, results)
	m.Memory(pages, -1)
	m.Export("_start", asm.KindFunc, m.Run(locals, code...))
	return m.Bytes()
}

// args pushes i32 arguments.
func args(list ...int32) []byte {
	var b []byte
	for _, n := range list {
		b = append(b, asm.I32Const(n)...)
	}
	return b
}

// store32 stores a number at an address.
func store32(at, n int32) []byte { return asm.Cat(args(at, n), asm.I32Store(0)) }

// refusedCall calls function 0 and traps unless it returns an error number.
func refusedCall(list ...int32) []byte {
	return asm.TrapUnless(args(list...), asm.Call(0))
}

// wasi holds what attacks through WASI (W1 to W9).
func wasi() []Module {
	const (
		fdOp   = "i32 i32 i32 i32"
		result = "i32"
	)
	ends := func(id, name, want, detail string, stdio bool, wasm []byte) Module {
		return Module{ID: id, Name: name, Wasm: wasm, Stage: Run, Want: want, Detail: detail, Stdio: stdio}
	}
	flood := func(fd int32) []byte { // 64 KiB at a time, for ever
		return wasiNode("fd_write", fdOp, result, 3, "", store32(0, 64), store32(4, 65_536),
			asm.LoopVoid(args(fd, 0, 1, 8), asm.Call(0), asm.Op(asm.Drop), asm.Br(0)))
	}
	exit := func(code int32) []byte { return wasiNode("proc_exit", "i32", "", 1, "", args(code), asm.Call(0)) }

	var exitAtStart asm.Module
	exitAtStart.Import(wasiModule, "proc_exit", "i32", "")
	exitAtStart.Memory(1, -1)
	exitAtStart.Run("")
	exitAtStart.Start(exitAtStart.Func("", "", "", args(7), asm.Call(0)))

	var hidden asm.Module // has a memory, but does not show it
	hidden.Import(wasiModule, "fd_write", fdOp, result)
	hidden.Memory(1, -1)
	hidden.HideExports()
	hidden.Run("", args(1, 0, 1, 8), asm.Call(0), asm.Op(asm.Drop))

	hour := asm.Cat( // one subscription at 0: clock 1, relative, 3,600 s
		store32(16, 1), args(24), asm.I64Const(3_600_000_000_000), asm.I64Store(0))

	return []Module{
		ends("W1", "endless standard output, which is the node's output", "E_OUTPUT", "", true, flood(1)),
		ends("W1b", "endless standard error", timeout, "", true, flood(2)),
		ends("W1c", "endless standard output of a reactor, which is its log", timeout, "", false, flood(1)),
		ends("W2", "exit with status 7", "E_EXIT", "7", true, exit(7)),
		ends("W2b", "exit with status 7 out of a reactor", "E_EXIT", "7", false, exit(7)),
		ends("W2c", "exit with status 0", OK, "", true, exit(0)),
		ends("W2d", "exit with status 7 in the start function", "E_EXIT", "7", false, exitAtStart.Bytes()),
		ends("W3", "sleep for an hour", OK, "", false,
			wasiNode("poll_oneoff", fdOp, result, 1, "", hour, args(0, 128, 1, 256), asm.Call(0), asm.Op(asm.Drop))),
		ends("W3b", "sleep for an hour, for ever", timeout, "", false,
			wasiNode("poll_oneoff", fdOp, result, 1, "", hour, asm.LoopVoid(args(0, 128, 1, 256), asm.Call(0), asm.Op(asm.Drop), asm.Br(0)))),
		ends("W4", "poll of 2^28 subscriptions", OK, "", false,
			wasiNode("poll_oneoff", fdOp, result, 1, "", refusedCall(0, 128, 1<<28, 256))),
		ends("W5", "16 MiB of random numbers, for ever", timeout, "", false,
			wasiNode("random_get", "i32 i32", result, 256, "", asm.LoopVoid(args(0, 16<<20), asm.Call(0), asm.Op(asm.Drop), asm.Br(0)))),
		ends("W6", "fd_write with the vector outside memory", OK, "", false,
			wasiNode("fd_write", fdOp, result, 1, "", refusedCall(1, -16, 1, 8), refusedCall(1, 65_532, 1, 8))),
		ends("W6b", "fd_write with a buffer outside memory, or that wraps", OK, "", false,
			wasiNode("fd_write", fdOp, result, 1, "", store32(0, 65_530), store32(4, 100), refusedCall(1, 0, 1, 8),
				store32(0, -16), store32(4, 32), refusedCall(1, 0, 1, 8))),
		ends("W6c", "fd_write with the count's place outside memory", OK, "", false,
			wasiNode("fd_write", fdOp, result, 1, "", store32(4, 1), refusedCall(1, 0, 1, -2))),
		ends("W6d", "random_get outside memory", OK, "", false,
			wasiNode("random_get", "i32 i32", result, 1, "", refusedCall(-256, 512), refusedCall(0, 65_537))),
		{ID: "W7", Name: "WASI without an exported memory", Wasm: hidden.Bytes(), Stage: Load, Want: "E_REFUSED", Detail: "memory"},
		ends("W8", "fd_write of 8 M empty buffers", OK, "", false,
			wasiNode("fd_write", fdOp, result, 1025, "", refusedCall(1, 16, 8<<20, 8))),
		ends("W9", "read from a standard input that never comes", OK, "", true,
			wasiNode("fd_read", fdOp, result, 1, "", store32(0, 64), store32(4, 16), store32(8, 77),
				asm.TrapUnless(args(0, 0, 1, 8), asm.Call(0), args(8), asm.I32Load(0), asm.Op(0x72, asm.I32Eqz)))),
	}
}
