package guests

import (
	"bytes"
	"encoding/binary"
	"strings"

	"levee/testdata/hostile/asm"
)

// This file holds modules with manifests: node types that workflows of tests use. A salt makes another module, with another
// hash, of the same behaviour.

// WithManifest appends a manifest to a module.
func WithManifest(wasm []byte, manifest string) []byte {
	return asm.Cat(wasm, asm.Section(asm.SecCustom, asm.Name("levee"), []byte(manifest)))
}

func salted(m *asm.Module, salt string) []byte {
	if salt != "" {
		m.Custom("salt", []byte(salt))
	}
	return m.Bytes()
}

const (
	i64Eqz, i64Sub, i64Mul, i64LtS = 0x50, 0x7d, 0x7e, 0x53
)

// Mix is the node type mix/mix: n = 31*a + 17*b + seed, after spin turns of a loop (some nanoseconds each).
func Mix(salt string) []byte {
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	m.Memory(1, 1)
	input := func(port int32) []byte {
		return asm.Cat(asm.I32Const(port), asm.I64Const(0), asm.I32Const(8*port), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop))
	}
	load := func(port int32) []byte { return asm.Cat(asm.I32Const(8*port), asm.I64Load(0)) }
	const turns = 0
	m.Run("i64", input(0), input(1), input(2), input(3),
		load(3), asm.Set(turns),
		asm.BlockOf(asm.LoopVoid(
			asm.Get(turns), asm.Op(i64Eqz), asm.BrIf(1),
			asm.Get(turns), asm.I64Const(1), asm.Op(i64Sub), asm.Set(turns),
			asm.Br(0),
		)),
		asm.I32Const(32),
		load(0), asm.I64Const(31), asm.Op(i64Mul), load(1), asm.I64Const(17), asm.Op(i64Mul), asm.Op(asm.I64Add), load(2), asm.Op(asm.I64Add),
		asm.I64Store(0),
		asm.I32Const(0), asm.I32Const(32), asm.I32Const(8), asm.Call(write))
	return WithManifest(salted(&m, salt), `{"levee":1,"name":"mix","version":"1.0.0","nodes":[{"name":"mix","abi":"v1","export":"run",
		"inputs":[{"name":"a","type":"int","default":0},{"name":"b","type":"int","default":0},{"name":"seed","type":"int","default":0},{"name":"spin","type":"int","default":0}],
		"outputs":[{"name":"n","type":"int"}]}]}`)
}

// OnDevices is a module of this package whose node type offers the devices of a JSON list.
func OnDevices(module []byte, devices string) []byte {
	at := bytes.LastIndex(module, []byte(`{"levee":1`))
	section := asm.Section(asm.SecCustom, asm.Name("levee"), module[at:])
	manifest := strings.Replace(string(module[at:]), `"abi":"v1"`, `"abi":"v1","devices":`+devices, 1)
	return WithManifest(module[:len(module)-len(section)], manifest)
}

// Tensor is the node type tensor/run: n is a, and on the way it makes a tensor. If asks is true it asks what device it is on too, as
// if that mattered to n.
func Tensor(asks bool) []byte {
	const gpu = "levee_gpu_v1"
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	create := m.Import(gpu, "tensor_new", "i32 i32 i32", "i64")
	info := m.Import(gpu, "info", "i32 i32", "i32")
	m.Memory(1, 1)
	m.Data(64, []byte{16, 0, 0, 0, 0, 0, 0, 0}) // its one dimension
	code := [][]byte{
		asm.I32Const(0), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.I32Const(6), asm.I32Const(64), asm.I32Const(1), asm.Call(create), asm.I64Const(0), asm.Op(i64LtS), asm.IfVoid(asm.Op(asm.Unreachable)),
	}
	name := "exact"
	if asks {
		name = "asks"
		code = append(code, asm.I32Const(1024), asm.I32Const(1024), asm.Call(info), asm.Op(asm.Drop))
	}
	m.Run("", append(code, asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))...)
	return WithManifest(m.Bytes(), `{"levee":1,"name":"`+name+`","version":"1.0.0","nodes":[{"name":"run","abi":"v1","devices":["gpu","cpu"],"export":"run",
		"inputs":[{"name":"a","type":"int"}],"outputs":[{"name":"n","type":"int"}]}]}`)
}

// GreedyTensor is the node type greedy/run: it asks a thousand times for tensors of 16 MiB and never gives one back, then fails with what
// the last one was answered.
func GreedyTensor() []byte {
	const gpu = "levee_gpu_v1"
	var m asm.Module
	fail := m.Import(host, "fail", "i32 i32", "")
	create := m.Import(gpu, "tensor_new", "i32 i32 i32", "i64")
	lastError := m.Import(gpu, "last_error", "i32 i32", "i32")
	m.Memory(1, 1)
	m.Data(64, binary.LittleEndian.AppendUint64(nil, 16<<20)) // its one dimension
	const left = 0
	m.Run("i64", asm.I64Const(1000), asm.Set(left),
		asm.LoopVoid(
			asm.I32Const(1), asm.I32Const(64), asm.I32Const(1), asm.Call(create), asm.Op(asm.Drop),
			asm.Get(left), asm.I64Const(1), asm.Op(i64Sub), asm.Tee(left), asm.Op(i64Eqz), asm.Op(asm.I32Eqz), asm.BrIf(0),
		),
		asm.I32Const(1024), asm.I32Const(1024), asm.I32Const(1024), asm.Call(lastError), asm.Call(fail), asm.Op(asm.Unreachable))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"greedy","version":"1.0.0","nodes":[{"name":"run","abi":"v1","devices":["gpu"],"export":"run",
		"inputs":[],"outputs":[{"name":"n","type":"int"}]}]}`)
}

// TensorBytes is how many elements the tensors of MakeTensor have.
const TensorBytes = 1<<20 + 100

// MakeTensor is the node type make/run: data is a tensor of bytes, the first eight of which are a, the others zero.
func MakeTensor() []byte {
	const gpu = "levee_gpu_v1"
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	create := m.Import(gpu, "tensor_new", "i32 i32 i32", "i64")
	write := m.Import(gpu, "tensor_write", "i64 i64 i32 i32", "i32")
	output := m.Import(gpu, "tensor_output", "i32 i64", "i32")
	m.Memory(1, 1)
	m.Data(64, binary.LittleEndian.AppendUint64(nil, TensorBytes)) // its one dimension
	const tensor = 0
	m.Run("i64", asm.I32Const(0), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.I32Const(1), asm.I32Const(64), asm.I32Const(1), asm.Call(create), asm.Set(tensor),
		asm.Get(tensor), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write), asm.IfVoid(asm.Op(asm.Unreachable)),
		asm.I32Const(0), asm.Get(tensor), asm.Call(output), asm.IfVoid(asm.Op(asm.Unreachable)))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"make","version":"1.0.0","nodes":[{"name":"run","abi":"v1","devices":["gpu","cpu"],"export":"run",
		"inputs":[{"name":"a","type":"int"}],"outputs":[{"name":"data","type":"tensor<u8,[n]>"}]}]}`)
}

// MakeMatrix is the node type make/run: data is a matrix of f32 of so many rows and columns, all 0.
func MakeMatrix(rows, columns uint64) []byte {
	const gpu = "levee_gpu_v1"
	var m asm.Module
	create := m.Import(gpu, "tensor_new", "i32 i32 i32", "i64")
	output := m.Import(gpu, "tensor_output", "i32 i64", "i32")
	m.Memory(1, 1)
	m.Data(64, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, rows), columns))
	m.Run("", asm.I32Const(0), asm.I32Const(6), asm.I32Const(64), asm.I32Const(2), asm.Call(create), asm.Call(output), asm.IfVoid(asm.Op(asm.Unreachable)))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"make","version":"1.0.0","nodes":[{"name":"run","abi":"v1","devices":["gpu","cpu"],"export":"run",
		"inputs":[],"outputs":[{"name":"data","type":"tensor<f32,[rows,columns]>"}]}]}`)
}

// ReadTensor is the node type look/run: n is the first eight bytes of data, taken from the tensor, or from the input's bytes if peek is
// true.
func ReadTensor(peek bool) []byte {
	const gpu = "levee_gpu_v1"
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	input := m.Import(gpu, "tensor_input", "i32", "i64")
	get := m.Import(gpu, "tensor_read", "i64 i64 i32 i32", "i32")
	m.Memory(1, 1)
	name, code := "look", asm.Cat(asm.I32Const(0), asm.Call(input), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(get),
		asm.IfVoid(asm.Op(asm.Unreachable)))
	if peek { // behind rank and dimension
		name, code = "peek", asm.Cat(asm.I32Const(0), asm.I64Const(12), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop))
	}
	m.Run("", code, asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"`+name+`","version":"1.0.0","nodes":[{"name":"run","abi":"v1","devices":["gpu","cpu"],"export":"run",
		"inputs":[{"name":"data","type":"tensor<u8,[n]>"}],"outputs":[{"name":"n","type":"int"}]}]}`)
}

// Progress is the node type progress/run: it reports that it is through with 1, 2 and 3 parts of 3, each after spin turns of a loop.
func Progress() []byte {
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	progress := m.Import(host, "progress", "i64 i64", "")
	m.Memory(1, 1)
	const part, turns = 0, 1
	m.Run("i64 i64", asm.I32Const(0), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.LoopVoid(
			asm.I32Const(0), asm.I64Load(0), asm.Set(turns),
			asm.BlockOf(asm.LoopVoid(
				asm.Get(turns), asm.Op(i64Eqz), asm.BrIf(1),
				asm.Get(turns), asm.I64Const(1), asm.Op(i64Sub), asm.Set(turns),
				asm.Br(0),
			)),
			asm.Get(part), asm.I64Const(1), asm.Op(asm.I64Add), asm.Tee(part), asm.I64Const(3), asm.Call(progress),
			asm.Get(part), asm.I64Const(3), asm.Op(i64LtS), asm.BrIf(0),
		))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"progress","version":"1.0.0","nodes":[{"name":"run","abi":"v1","export":"run",
		"inputs":[{"name":"spin","type":"int","default":0}],"outputs":[]}]}`)
}

// Blow is the node type blow/blow: kib KiB of bytes that are all the lowest byte of n.
func Blow() []byte {
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	m.Memory(1, 1)
	const left = 0
	m.Run("i64",
		asm.I32Const(0), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.I32Const(1), asm.I64Const(0), asm.I32Const(8), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.I32Const(8), asm.I64Load(0), asm.Set(left),
		asm.I32Const(1024), asm.I32Const(0), asm.I32Load8(0), asm.I32Const(1024), asm.MemoryFill(),
		asm.BlockOf(asm.LoopVoid(
			asm.Get(left), asm.Op(i64Eqz), asm.BrIf(1),
			asm.I32Const(0), asm.I32Const(1024), asm.I32Const(1024), asm.Call(write),
			asm.Get(left), asm.I64Const(1), asm.Op(i64Sub), asm.Set(left),
			asm.Br(0),
		)))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"blow","version":"1.0.0","nodes":[{"name":"blow","abi":"v1","export":"run",
		"inputs":[{"name":"n","type":"int"},{"name":"kib","type":"int"}],"outputs":[{"name":"data","type":"bytes"}]}]}`)
}

// Gate is the node type gate/gate: it asks for a granted file until it is there, then gives n. It keeps one processor busy.
func Gate() []byte {
	var m asm.Module
	length := m.Import(host, "input_len", "i32", "i64")
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	open := m.Import(host, "file_read", "i32 i32", "i64")
	m.Memory(1, 1)
	const size = 0
	m.Run("i32",
		asm.I32Const(0), asm.Call(length), asm.Op(0xa7), asm.Set(size), // i32.wrap_i64
		asm.I32Const(0), asm.I64Const(0), asm.I32Const(1024), asm.I32Const(1024), asm.Call(read), asm.Op(asm.Drop),
		asm.I32Const(1), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.LoopVoid(asm.I32Const(1024), asm.Get(size), asm.Call(open), asm.I64Const(0), asm.Op(i64LtS), asm.BrIf(0)),
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"gate","version":"1.0.0","nodes":[{"name":"gate","abi":"v1","export":"run",
		"inputs":[{"name":"path","type":"string"},{"name":"n","type":"int","default":0}],"outputs":[{"name":"n","type":"int"}],"wants":["read"]}]}`)
}

// Bare is a reactor of this package or of hostile as the node type NAME/run, without inputs and with one output, out.
func Bare(name string, wasm []byte) []byte {
	return WithManifest(wasm, `{"levee":1,"name":"`+name+`","version":"1.0.0","nodes":[{"name":"run","abi":"v1","export":"run",
		"inputs":[],"outputs":[{"name":"out","type":"bytes"}]}]}`)
}

// Counter is Count as the node type count/run: n is how often the instance ran, whatever the input of.
func Counter() []byte {
	return WithManifest(Count(false), `{"levee":1,"name":"count","version":"1.0.0","nodes":[{"name":"run","abi":"v1","export":"run",
		"inputs":[{"name":"of","type":"int"}],"outputs":[{"name":"n","type":"int"}]}]}`)
}

// ReadFlood is the node type flood/flood: it asks for so many different files that are not there, "aaaaaaaa" and the like, and
// ends by failing with the last answer.
func ReadFlood(files int64) []byte {
	var m asm.Module
	write := m.Import(host, "output_write", writeParams, "")
	open := m.Import(host, "file_read", "i32 i32", "i64")
	lastError := m.Import(host, "last_error", "i32 i32", "i32")
	fail := m.Import(host, "fail", "i32 i32", "")
	m.Memory(1, 1)
	const i, digit, rest = 0, 1, 2
	m.Run("i64 i32 i64",
		asm.LoopVoid(
			// The name: 8 letters from a on, four bits each.
			asm.Get(i), asm.Set(rest), asm.I32Const(0), asm.Set(digit),
			asm.LoopVoid(
				asm.Get(digit), asm.Get(rest), asm.I64Const(15), asm.Op(0x83), asm.Op(0xa7), asm.I32Const('a'), asm.Op(asm.I32Add), asm.I32Store8(0),
				asm.Get(rest), asm.I64Const(4), asm.Op(0x88), asm.Set(rest),
				asm.Get(digit), asm.I32Const(1), asm.Op(asm.I32Add), asm.Tee(digit), asm.I32Const(8), asm.Op(asm.I32LtU), asm.BrIf(0),
			),
			asm.I32Const(0), asm.I32Const(8), asm.Call(open), asm.Op(asm.Drop),
			asm.Get(i), asm.I64Const(1), asm.Op(asm.I64Add), asm.Tee(i), asm.I64Const(files), asm.Op(i64LtS), asm.BrIf(0),
		),
		asm.I32Const(1024), asm.I32Const(1024), asm.I32Const(1024), asm.Call(lastError), asm.Call(fail),
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"flood","version":"1.0.0","nodes":[{"name":"flood","abi":"v1","export":"run",
		"inputs":[],"outputs":[{"name":"n","type":"int"}],"wants":["read"]}]}`)
}

// Effect is the node type effect/effect: it writes text to a file, then asks for another file until it is there, and gives n = 1.
// Its manifest does not say that it may be repeated, unless idempotent is set.
func Effect(path, text, until string, idempotent bool) []byte {
	var m asm.Module
	write := m.Import(host, "output_write", writeParams, "")
	put := m.Import(host, "file_write", "i32 i32 i32 i32", "i32")
	open := m.Import(host, "file_read", "i32 i32", "i64")
	m.Memory(1, 1)
	m.Data(16, []byte(path))
	m.Data(1024, []byte(text))
	m.Data(8192, []byte(until))
	m.Run("",
		asm.I32Const(16), asm.I32Const(int32(len(path))), asm.I32Const(1024), asm.I32Const(int32(len(text))), asm.Call(put),
		asm.IfVoid(asm.Op(asm.Unreachable)),
		asm.LoopVoid(asm.I32Const(8192), asm.I32Const(int32(len(until))), asm.Call(open), asm.I64Const(0), asm.Op(i64LtS), asm.BrIf(0)),
		asm.I32Const(0), asm.I64Const(1), asm.I64Store(0),
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	manifest := `{"levee":1,"name":"effect","version":"1.0.0","nodes":[{"name":"effect","abi":"v1","export":"run",
		"inputs":[],"outputs":[{"name":"n","type":"int"}],"wants":["read","write"]`
	if idempotent {
		manifest += `,"idempotent":true`
	}
	return WithManifest(m.Bytes(), manifest+"}]}")
}

// Peek is the node type peek/peek: it opens a granted file so many times and gives how often that worked, whatever went wrong.
func Peek(path string) []byte {
	var m asm.Module
	write := m.Import(host, "output_write", writeParams, "")
	read := m.Import(host, "input_read", readParams, "i32")
	open := m.Import(host, "file_read", "i32 i32", "i64")
	m.Memory(1, 1)
	m.Data(16, []byte(path))
	const left, good = 0, 1
	m.Run("i64 i64",
		asm.I32Const(0), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.I32Const(0), asm.I64Load(0), asm.Set(left),
		asm.BlockOf(asm.LoopVoid(
			asm.Get(left), asm.Op(i64Eqz), asm.BrIf(1),
			asm.I32Const(16), asm.I32Const(int32(len(path))), asm.Call(open), asm.I64Const(0), asm.Op(i64LtS), asm.Op(asm.I32Eqz),
			asm.IfVoid(asm.Get(good), asm.I64Const(1), asm.Op(asm.I64Add), asm.Set(good)),
			asm.Get(left), asm.I64Const(1), asm.Op(i64Sub), asm.Set(left),
			asm.Br(0),
		)),
		asm.I32Const(0), asm.Get(good), asm.I64Store(0),
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"peek","version":"1.0.0","nodes":[{"name":"peek","abi":"v1","export":"run",
		"inputs":[{"name":"times","type":"int","default":1}],"outputs":[{"name":"n","type":"int"}],"wants":["read"]}]}`)
}

// Empties is the node type empties/empties: it gives a list of n empty texts.
func Empties() []byte {
	var m asm.Module
	write := m.Import(host, "output_write", writeParams, "")
	read := m.Import(host, "input_read", readParams, "i32")
	m.Memory(256, 256)
	m.Run("",
		asm.I32Const(0), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop),
		asm.I32Const(0), asm.I32Const(0), asm.I32Const(0), asm.I32Load(0), asm.I32Const(1), asm.Op(asm.I32Add), asm.I32Const(8), asm.Op(0x6c), asm.Call(write))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"empties","version":"1.0.0","nodes":[{"name":"empties","abi":"v1","export":"run",
		"inputs":[{"name":"n","type":"int"}],"outputs":[{"name":"list","type":"list<string>"}]}]}`)
}

// Items is the node type items/items: it gives the ints from 0 to n-1 as items of a stream, each after spin turns of a loop, and
// their number on count. At the item trap it executes unreachable instead.
func Items(salt string) []byte {
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	item := m.Import(host, "output_item", "i32", "")
	m.Memory(1, 1)
	input := func(port int32) []byte {
		return asm.Cat(asm.I32Const(port), asm.I64Const(0), asm.I32Const(8*port), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop))
	}
	load := func(port int32) []byte { return asm.Cat(asm.I32Const(8*port), asm.I64Load(0)) }
	const i, turns = 0, 1
	m.Run("i64 i64", input(0), input(1), input(2),
		asm.BlockOf(asm.LoopVoid(
			asm.Get(i), load(0), asm.Op(i64LtS), asm.Op(asm.I32Eqz), asm.BrIf(1),
			load(1), asm.Set(turns),
			asm.BlockOf(asm.LoopVoid(
				asm.Get(turns), asm.Op(i64Eqz), asm.BrIf(1),
				asm.Get(turns), asm.I64Const(1), asm.Op(i64Sub), asm.Set(turns),
				asm.Br(0),
			)),
			asm.Get(i), load(2), asm.Op(i64Sub), asm.Op(i64Eqz), asm.IfVoid(asm.Op(asm.Unreachable)),
			asm.I32Const(32), asm.Get(i), asm.I64Store(0),
			asm.I32Const(0), asm.I32Const(32), asm.I32Const(8), asm.Call(write),
			asm.I32Const(0), asm.Call(item),
			asm.Get(i), asm.I64Const(1), asm.Op(asm.I64Add), asm.Set(i),
			asm.Br(0),
		)),
		asm.I32Const(1), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	return WithManifest(salted(&m, salt), `{"levee":1,"name":"items","version":"1.0.0","nodes":[{"name":"items","abi":"v1","export":"run",
		"inputs":[{"name":"n","type":"int"},{"name":"spin","type":"int","default":0},{"name":"trap","type":"int","default":-1}],
		"outputs":[{"name":"items","type":"int","stream":true},{"name":"count","type":"int"}]}]}`)
}

// Chunks is the node type chunks/chunks: n items of kib KiB of bytes that are all the lowest byte of the item's number, and rest
// bytes that no item ends.
func Chunks() []byte {
	var m asm.Module
	read := m.Import(host, "input_read", readParams, "i32")
	write := m.Import(host, "output_write", writeParams, "")
	item := m.Import(host, "output_item", "i32", "")
	m.Memory(1, 1)
	input := func(port int32) []byte {
		return asm.Cat(asm.I32Const(port), asm.I64Const(0), asm.I32Const(8*port), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop))
	}
	const i, left = 0, 1
	m.Run("i64 i64", input(0), input(1), input(2),
		asm.BlockOf(asm.LoopVoid(
			asm.Get(i), asm.I32Const(0), asm.I64Load(0), asm.Op(i64LtS), asm.Op(asm.I32Eqz), asm.BrIf(1),
			asm.I32Const(1024), asm.Get(i), asm.Op(0xa7), asm.I32Const(1024), asm.MemoryFill(),
			asm.I32Const(8), asm.I64Load(0), asm.Set(left),
			asm.BlockOf(asm.LoopVoid(
				asm.Get(left), asm.Op(i64Eqz), asm.BrIf(1),
				asm.I32Const(0), asm.I32Const(1024), asm.I32Const(1024), asm.Call(write),
				asm.Get(left), asm.I64Const(1), asm.Op(i64Sub), asm.Set(left),
				asm.Br(0),
			)),
			asm.I32Const(0), asm.Call(item),
			asm.Get(i), asm.I64Const(1), asm.Op(asm.I64Add), asm.Set(i),
			asm.Br(0),
		)),
		asm.I32Const(0), asm.I32Const(1024), asm.I32Const(16), asm.I32Load(0), asm.Call(write))
	return WithManifest(m.Bytes(), `{"levee":1,"name":"chunks","version":"1.0.0","nodes":[{"name":"chunks","abi":"v1","export":"run",
		"inputs":[{"name":"n","type":"int"},{"name":"kib","type":"int"},{"name":"rest","type":"int","default":0}],
		"outputs":[{"name":"data","type":"bytes","stream":true}]}]}`)
}
