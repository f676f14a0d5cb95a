// Package guests holds small well-behaved modules for tests, built by code. All but Stdio are reactors: they import
// from levee_v1 what they use, export "memory", and each exports one function "run" of type ()->().
package guests

import "levee/testdata/hostile/asm"

const host = "levee_v1"

const (
	readParams  = "i32 i64 i32 i32" // port, offset, pointer, length; returns i32
	writeParams = "i32 i32 i32"     // port, pointer, length
)

// Buffer is the most that Echo reads at once, in bytes.
const Buffer = 60_000

// Echo reads input 0 in pieces of [Buffer] bytes and writes it to output 0.
func Echo() []byte {
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	m.Memory(1, -1)
	const offset, n = 0, 1 // locals
	m.Run("i64 i32", asm.BlockOf(asm.LoopVoid(
		asm.I32Const(0), asm.Get(offset), asm.I32Const(1024), asm.I32Const(Buffer), asm.Call(read), asm.Tee(n),
		asm.Op(asm.I32Eqz), asm.BrIf(1),
		asm.I32Const(0), asm.I32Const(1024), asm.Get(n), asm.Call(write),
		asm.Get(offset), asm.Get(n), asm.Op(asm.I64ExtendU, asm.I64Add), asm.Set(offset),
		asm.Br(0),
	)))
	return m.Bytes()
}

// Add reads ints from inputs 0 and 1 and writes their sum, an int, to output 0.
func Add() []byte {
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	m.Memory(1, 1)
	input := func(port, at int32) []byte {
		return asm.Cat(asm.I32Const(port), asm.I64Const(0), asm.I32Const(at), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop))
	}
	m.Run("", input(0, 0), input(1, 8),
		asm.I32Const(16), asm.I32Const(0), asm.I64Load(0), asm.I32Const(8), asm.I64Load(0), asm.Op(asm.I64Add), asm.I64Store(0),
		asm.I32Const(0), asm.I32Const(16), asm.I32Const(8), asm.Call(write))
	return m.Bytes()
}

// Count adds one to a global that begins at 0 and writes it, an int, to output 0: 1, whenever instances are fresh.
// Initialize tells whether the module exports "_initialize", which adds 100.
func Count(initialize bool) []byte {
	var m asm.Module
	write := m.Import(host, "output_write", writeParams, "")
	m.Memory(1, 1)
	g := byte(m.Global(asm.I64, asm.I64Const(0)))
	add := func(n int64) []byte {
		return asm.Cat(asm.Op(0x23, g), asm.I64Const(n), asm.Op(asm.I64Add), asm.Op(0x24, g))
	}
	m.Run("", add(1), asm.I32Const(0), asm.Op(0x23, g), asm.I64Store(0),
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	if initialize {
		m.ExportFunc("_initialize", "", "", "", add(100))
	}
	return m.Bytes()
}

// Trap executes unreachable.
func Trap() []byte { return plain("", asm.Op(asm.Unreachable)) }

// Spin never ends.
func Spin() []byte { return plain("", asm.LoopVoid(asm.Br(0))) }

// Nothing ends at once, writing nothing.
func Nothing() []byte { return plain("") }

// Grow grows its memory to that many pages of 64 KiB, writes to the last one, and traps when it may not.
func Grow(pages int32) []byte {
	return plain("", asm.I32Const(pages-1), asm.MemoryGrow(), asm.I32Const(-1), asm.Op(asm.I32Eq), asm.IfVoid(asm.Op(asm.Unreachable)),
		asm.I32Const((pages-1)<<16), asm.I32Const(1), asm.I32Store(0))
}

func plain(locals string, code ...[]byte) []byte {
	var m asm.Module
	m.Memory(1, -1)
	m.Run(locals, code...)
	return m.Bytes()
}

// Fail ends as failed with a message.
func Fail(message string) []byte {
	var m asm.Module
	fail := m.Import(host, "fail", "i32 i32", "")
	m.Memory(1, 1)
	m.Data(16, []byte(message))
	// What follows fail must never run.
	m.Run("", asm.I32Const(16), asm.I32Const(int32(len(message))), asm.Call(fail), asm.Op(asm.Unreachable))
	return m.Bytes()
}

// Log logs a message at a level (0 debug, 1 info, 2 warning, 3 error), and reports progress 1 of 2.
func Log(level int32, message string) []byte {
	var m asm.Module
	log := m.Import(host, "log", writeParams, "")
	progress := m.Import(host, "progress", "i64 i64", "")
	m.Memory(1, 1)
	m.Data(16, []byte(message))
	m.Run("", asm.I64Const(1), asm.I64Const(2), asm.Call(progress),
		asm.I32Const(level), asm.I32Const(16), asm.I32Const(int32(len(message))), asm.Call(log))
	return m.Bytes()
}

// ReadFile writes the content of a granted file to output 0, or fails with the host's last error.
func ReadFile(path string) []byte {
	var m asm.Module
	open := m.Import(host, "file_read", "i32 i32", "i64")
	read := m.Import(host, "blob_read", "i64 i64 i32 i32", "i32")
	write := m.Import(host, "output_write", writeParams, "")
	lastError := m.Import(host, "last_error", "i32 i32", "i32")
	fail := m.Import(host, "fail", "i32 i32", "")
	m.Memory(1, 1)
	m.Data(16, []byte(path))
	const handle, offset, n = 0, 1, 2 // locals
	m.Run("i64 i64 i32",
		asm.I32Const(16), asm.I32Const(int32(len(path))), asm.Call(open), asm.Tee(handle),
		asm.I64Const(0), asm.Op(0x53), // i64.lt_s
		asm.IfVoid(asm.I32Const(1024), asm.I32Const(1024), asm.I32Const(1024), asm.Call(lastError), asm.Call(fail)),
		asm.BlockOf(asm.LoopVoid(
			asm.Get(handle), asm.Get(offset), asm.I32Const(4096), asm.I32Const(Buffer), asm.Call(read), asm.Tee(n),
			asm.Op(asm.I32Eqz), asm.BrIf(1),
			asm.I32Const(0), asm.I32Const(4096), asm.Get(n), asm.Call(write),
			asm.Get(offset), asm.Get(n), asm.Op(asm.I64ExtendU, asm.I64Add), asm.Set(offset),
			asm.Br(0),
		)))
	return m.Bytes()
}

// WriteFile writes text to a granted file and fails with the host's last error when that does not work.
func WriteFile(path, text string) []byte {
	var m asm.Module
	put := m.Import(host, "file_write", "i32 i32 i32 i32", "i32")
	lastError := m.Import(host, "last_error", "i32 i32", "i32")
	fail := m.Import(host, "fail", "i32 i32", "")
	m.Memory(2, 2)
	m.Data(16, []byte(path))
	m.Data(8192, []byte(text))
	m.Run("",
		asm.I32Const(16), asm.I32Const(int32(len(path))), asm.I32Const(8192), asm.I32Const(int32(len(text))), asm.Call(put),
		asm.IfVoid(asm.I32Const(1024), asm.I32Const(1024), asm.I32Const(1024), asm.Call(lastError), asm.Call(fail)))
	return m.Bytes()
}

// Stdio is a WASI command, "_start": it copies standard input to standard output, writes "done" to standard error and
// exits with the status, unless it is 0: then it returns.
func Stdio(status int32) []byte {
	var m asm.Module
	const wasi, fdOp = "wasi_snapshot_preview1", "i32 i32 i32 i32"
	read := m.Import(wasi, "fd_read", fdOp, "i32")
	write := m.Import(wasi, "fd_write", fdOp, "i32")
	exit := m.Import(wasi, "proc_exit", "i32", "")
	m.Memory(2, -1)
	m.Data(48, []byte("done"))
	vector := func(ptr int32, size ...[]byte) []byte { // at 0
		return asm.Cat(asm.I32Const(0), asm.I32Const(ptr), asm.I32Store(0), asm.I32Const(4), asm.Cat(size...), asm.I32Store(0))
	}
	op := func(fd int32, f uint32) []byte { // over the vector, the count going to 8
		return asm.Cat(asm.I32Const(fd), asm.I32Const(0), asm.I32Const(1), asm.I32Const(8), asm.Call(f), asm.IfVoid(asm.Op(asm.Unreachable)))
	}
	count := asm.Cat(asm.I32Const(8), asm.I32Load(0))
	end := asm.Op(asm.Nop)
	if status != 0 {
		end = asm.Cat(asm.I32Const(status), asm.Call(exit), asm.Op(asm.Unreachable))
	}
	m.ExportFunc("_start", "", "", "",
		asm.BlockOf(asm.LoopVoid(
			vector(1024, asm.I32Const(Buffer)), op(0, read),
			count, asm.Op(asm.I32Eqz), asm.BrIf(1),
			vector(1024, count), op(1, write),
			asm.Br(0),
		)),
		vector(48, asm.I32Const(4)), op(2, write), end)
	return m.Bytes()
}

// Alien imports a function that levee does not have.
func Alien() []byte {
	var m asm.Module
	m.Import("env", "puts", "i32", "i32")
	m.Memory(1, 1)
	m.Run("")
	return m.Bytes()
}

// Odd has a manifest whose function wants a parameter.
func Odd() []byte {
	var m asm.Module
	m.Memory(1, 1)
	m.ExportFunc("run", "i32", "", "")
	return WithManifest(m.Bytes(), `{"levee":1,"name":"odd","version":"1.0.0","nodes":[{"name":"odd","export":"run"}]}`)
}
