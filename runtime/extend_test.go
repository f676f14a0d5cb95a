//go:build linux

package runtime

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/testdata/hostile/asm"
)

// testExtension is an extension whose function does what the first argument says, on behalf of the guest.
var testExtension = &Extension{
	Version: "test-1",
	Funcs: []ExtensionFunc{
		{Module: "test_v1", Name: "do", Params: "i32 i32 i32", Results: "i64", Call: testDo},
	},
	Companion: func([]byte) ([]byte, error) { return testCompanion(), nil },
	Begin:     func(c *ExtensionCall) any { return &testState{call: c} },
	End:       func(s any) bool { return s.(*testState).device },
}

type testState struct {
	call   *ExtensionCall
	device bool
}

// testCompanion doubles an int in its memory, traps, and has nothing else.
func testCompanion() []byte {
	var m asm.Module
	m.Memory(1, 65535)
	m.ExportFunc("double", "i32", "i32", "", asm.Get(0), asm.Get(0), asm.I32Load(0), asm.Get(0), asm.I32Load(0), asm.Op(asm.I32Add), asm.I32Store(0),
		asm.Get(0), asm.I32Load(0))
	m.ExportFunc("trap", "", "", "", asm.Op(asm.Unreachable))
	return m.Bytes()
}

// What testDo does.
const (
	doModule    = iota // writes the module's size to output 0
	doCopy             // copies input 0 to output 0 through the companion's memory
	doDouble           // doubles an int of the guest's memory by the companion
	doTrap             // gives the length of the text of the companion's trap
	doGrow             // grows the companion to so many pages; 0 or 1
	doDevice           // says that the result is the device's
	doHanded           // reads from the descriptor
	doDirty            // gives the sum of the companion's memory, and dirties it
	doBadView          // looks beyond the guest's memory
	doBadOutput        // writes to a port that is not there
)

func testDo(state any, args []uint64) {
	s := state.(*testState)
	c, arg, ptr := s.call, uint32(args[1]), uint32(args[2])
	what := int(uint32(args[0]))
	args[0] = 0
	switch what {
	case doModule:
		c.WriteOutput(0, binary.LittleEndian.AppendUint64(nil, uint64(len(c.Module()))))
		return
	case doDevice:
		s.device = true
		return
	case doHanded:
		b := make([]byte, 64)
		n, err := unix.Read(c.Handed(), b)
		if err != nil {
			c.Bounds("read: %v", err)
		}
		c.WriteOutput(0, b[:n])
		return
	case doBadView:
		c.View("do", ptr, 1<<31)
	case doBadOutput:
		c.Output("do", 77)
	}
	k, err := c.Companion()
	if err != nil {
		c.Bounds("%v", err)
	}
	switch what {
	case doCopy:
		typ, size := c.Input("do", 0)
		if typ != "bytes" || !k.Grow(size-int64(len(k.Memory()))) {
			c.Bounds("an input of type %q and %d bytes", typ, size)
		}
		n := c.ReadInput(0, k.Memory(), 0)
		c.WriteOutput(0, k.Memory()[:n])
	case doDouble:
		copy(k.Memory()[64:], c.View("do", ptr, 4))
		got, err := k.Call("double", 64)
		if err != nil {
			c.Bounds("%v", err)
		}
		args[0] = got
	case doTrap:
		_, err := k.Call("trap")
		args[0] = uint64(len(err.Error()))
	case doGrow:
		if k.Grow(int64(arg)<<16 - int64(len(k.Memory()))) {
			args[0] = 1
		}
	case doDirty:
		for _, b := range k.Memory() {
			args[0] += uint64(b)
		}
		k.Memory()[len(k.Memory())-1] = 9
	}
}

// testUser is a module that calls do with what its two inputs say, and writes the result, where there is one, to output 1.
func testUser(t testing.TB) *Module {
	var m asm.Module
	read := m.Import("levee_v1", "input_read", "i32 i64 i32 i32", "i32")
	write := m.Import("levee_v1", "output_write", "i32 i32 i32", "")
	do := m.Import("test_v1", "do", "i32 i32 i32", "i64")
	m.Memory(1, 1)
	input := func(port, at int32) []byte {
		return asm.Cat(asm.I32Const(port), asm.I64Const(0), asm.I32Const(at), asm.I32Const(4), asm.Call(read), asm.Op(asm.Drop))
	}
	m.Run("", input(1, 0), input(2, 4),
		asm.I32Const(16), asm.I32Const(0), asm.I32Load(0), asm.I32Const(4), asm.I32Load(0), asm.I32Const(4), asm.Call(do), asm.I64Store(0),
		asm.I32Const(1), asm.I32Const(16), asm.I32Const(8), asm.Call(write))
	mod, err := NewModule("user", m.Bytes(), testExtension)
	require.NoError(t, err)
	return mod
}

// runDo has testUser do something.
func runDo(t *testing.T, e *Engine, m *Module, what, arg uint32, change ...func(*Call)) (*Result, error) {
	t.Helper()
	c := &Call{Module: m, Node: "n", Export: "run", Outputs: 2, Inputs: []Input{
		{Type: "bytes", Absent: true}, {Bytes: binary.LittleEndian.AppendUint32(nil, what)}, {Bytes: binary.LittleEndian.AppendUint32(nil, arg)},
	}}
	for _, f := range change {
		f(c)
	}
	return e.Run(context.Background(), c)
}

func doResult(t *testing.T, res *Result, err error) int64 {
	t.Helper()
	require.NoError(t, err)
	defer res.Close()
	return int64(binary.LittleEndian.Uint64(res.Outputs[1].Bytes))
}

func TestExtension(t *testing.T) {
	e, m := newEngine(t), testUser(t)
	require.Equal(t, "test-1", m.Extension())
	require.Empty(t, guestModule(t).Extension())
	do := func(what, arg uint32, change ...func(*Call)) (*Result, error) {
		return runDo(t, e, m, what, arg, change...)
	}

	res, err := do(doModule, 0)
	require.NoError(t, err)
	require.Equal(t, uint64(len(m.code)), binary.LittleEndian.Uint64(res.Outputs[0].Bytes))
	require.False(t, res.DeviceClass)
	res, err = do(doDevice, 0)
	require.NoError(t, err)
	require.True(t, res.DeviceClass)

	big := random(t, 3<<20) // travels as a descriptor both ways
	res, err = do(doCopy, 0, func(c *Call) { c.Inputs[0] = Input{Type: "bytes", Bytes: big} })
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, outputBytes(t, res.Outputs[0])))
	require.GreaterOrEqual(t, res.PeakMemory, int64(len(big)))
	res.Close()

	got := func(what, arg uint32, change ...func(*Call)) int64 {
		res, err := do(what, arg, change...)
		return doResult(t, res, err)
	}
	require.Equal(t, int64(42), got(doDouble, 21))
	require.Equal(t, int64(len("unreachable")), got(doTrap, 0))
	require.Zero(t, got(doDirty, 0))
	require.Zero(t, got(doDirty, 0), "the next call finds the companion's memory zeroed")
	require.Equal(t, int64(1), got(doGrow, 1+1024, func(c *Call) { c.Limits.Companion = 64 << 20 }), "the page that it begins with is beside the limit")
	require.Zero(t, got(doGrow, 1+1025, func(c *Call) { c.Limits.Companion = 64 << 20 }))
	require.Equal(t, int64(1), got(doGrow, 65535, func(c *Call) { c.Limits.Companion = 1 << 40 }), "all that 32 bits reach")
	require.Zero(t, got(doGrow, 65536, func(c *Call) { c.Limits.Companion = 1 << 40 }))
	require.Equal(t, int64(1), e.Stats().Compiled, "one worker served them all")
}

func TestExtensionEndsCalls(t *testing.T) {
	e, m := newEngine(t), testUser(t)
	for what, want := range map[uint32]string{
		doBadView: "do: 2147483648 bytes at 4", doBadOutput: "do: there is no output port 77: the manifest has 2, numbered from 0", doHanded: "read: bad file descriptor",
	} {
		_, err := runDo(t, e, m, what, 0)
		var ge *Error
		require.ErrorAs(t, err, &ge)
		require.Equal(t, CodeBounds, ge.Code)
		require.Contains(t, ge.Detail, want)
	}
	res, err := runDo(t, e, m, doDouble, 3)
	require.Equal(t, int64(6), doResult(t, res, err), "the worker goes on")
}

func TestExtensionGetsADescriptor(t *testing.T) {
	e, m := newEngine(t), testUser(t)
	for i := range 3 {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		fmt.Fprintf(w, "hello %d", i)
		require.NoError(t, w.Close())
		res, err := runDo(t, e, m, doHanded, 0, func(c *Call) { c.Handed = r })
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("hello %d", i), string(res.Outputs[0].Bytes))
		require.NoError(t, r.Close())
	}
	_, err := e.Run(context.Background(), &Call{Module: guestModule(t), Export: "leave", Outputs: 1, Handed: os.Stdin})
	require.ErrorContains(t, err, "uses no extension")
}

// The native code of the companion is kept and vouched for with that of the module.
func TestExtensionNativeCode(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		e := newEngine(t, func(c *Config) { c.Dir = dir })
		m := testUser(t)
		res, err := runDo(t, e, m, doDouble, 4)
		require.Equal(t, int64(8), doResult(t, res, err))
		require.Equal(t, int64(1-i), e.Stats().Compiled)
		require.NoError(t, e.Close()) // by then native code is kept
		files, err := plainFiles(e.native.place(m.id))
		require.NoError(t, err)
		require.Len(t, files, 2, "the module's and the companion's")
		require.False(t, e.native.has(m.Hash), "it is kept under the extension's version too")
	}
}

func TestExtensionImports(t *testing.T) {
	var m asm.Module
	m.Import("test_v1", "do", "i32", "i64")
	m.Memory(1, 1)
	_, err := NewModule("x", m.Bytes(), testExtension)
	require.ErrorContains(t, err, "imports test_v1.do as (i32) -> i64, but it is (i32, i32, i32) -> i64")
	_, err = NewModule("x", m.Bytes(), nil)
	require.ErrorContains(t, err, `imports "do" from "test_v1", which this version does not offer`)
}
