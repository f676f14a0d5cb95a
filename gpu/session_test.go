package gpu

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/graph/value"
)

// testGuest is a guest with one page of memory.
type testGuest struct {
	memory  [64 << 10]byte
	module  []byte
	types   []string
	inputs  [][]byte
	outputs []string
	written [4]bytes.Buffer

	referable bool
	referred  [][32]byte
}

// ended is how a call ends in the middle of a host function.
type ended struct{ code, detail string }

func (g *testGuest) Bounds(format string, args ...any) {
	panic(ended{"bounds", fmt.Sprintf(format, args...)})
}
func (g *testGuest) Lost(detail string) { panic(ended{"lost", detail}) }
func (g *testGuest) Module() []byte     { return g.module }

func (g *testGuest) View(what string, ptr, size uint32) []byte {
	if uint64(ptr)+uint64(size) > uint64(len(g.memory)) {
		g.Bounds("%s: %d bytes at %d", what, size, ptr)
	}
	return g.memory[ptr:][:size]
}

func (g *testGuest) Input(what string, port uint32) (string, int64) {
	if int64(port) >= int64(len(g.inputs)) {
		g.Bounds("%s: input %d", what, port)
	}
	if g.inputs[port] == nil {
		return g.types[port], -1
	}
	return g.types[port], int64(len(g.inputs[port]))
}

func (g *testGuest) ReadInput(port uint32, p []byte, off int64) int {
	return copy(p, g.inputs[port][off:])
}
func (g *testGuest) InputDigest(port uint32) [32]byte { return value.Sum(g.inputs[port]) }
func (g *testGuest) Output(what string, port uint32) string {
	if int64(port) >= int64(len(g.outputs)) {
		g.Bounds("%s: output %d", what, port)
	}
	return g.outputs[port]
}
func (g *testGuest) Referable(uint32) bool { return g.referable }
func (g *testGuest) ReferOutput(port uint32, digest [32]byte, _ []byte, _ int64) {
	g.referred = append(g.referred, digest)
	g.written[port].Reset()
}
func (g *testGuest) WriteOutput(port uint32, p []byte)      { g.written[port].Write(p) }
func (g *testGuest) words(at int, list ...uint64) (ptr int) { return g.put(at, le(list...)) }

func (g *testGuest) put(at int, b []byte) int { copy(g.memory[at:], b); return at }

func le(list ...uint64) (b []byte) {
	for _, n := range list {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// testMachine is the memory of an executor on the processors.
type testMachine struct{ mem []byte }

func (m *testMachine) Memory() []byte { return m.mem }
func (m *testMachine) Grow(n int64) bool {
	m.mem = append(m.mem, make([]byte, n)...)
	return true
}
func (m *testMachine) Call(string, ...uint64) (uint64, error) { return 0, errors.New("no functions") }

// caller calls host functions by name, as a guest does.
type caller struct {
	t     *testing.T
	guest *testGuest
	s     *Session
	funcs map[string]Function
}

func newCaller(t *testing.T) *caller {
	c := &caller{t: t, guest: &testGuest{}, funcs: map[string]Function{}}
	c.s = NewSession(c.guest, func() (Executor, error) { return OnCPU(&testMachine{}, nil, 1<<20), nil })
	for _, f := range Functions() {
		c.funcs[f.Module+"."+f.Name] = f
	}
	return c
}

func (c *caller) call(name string, args ...int) int64 {
	c.t.Helper()
	f, ok := c.funcs[ImportModule+"."+name]
	require.True(c.t, ok, name)
	stack := make([]uint64, max(1, len(args)))
	for i, a := range args {
		stack[i] = uint64(a)
		if f.Params[4*i:4*i+3] == "i32" {
			stack[i] |= 0xdead_0000_0000_0000 // wazero leaves garbage there
			stack[i] &= 0xdead_0000_ffff_ffff
		}
	}
	f.Call(c.s, stack)
	if f.Results == "i32" {
		return int64(int32(stack[0]))
	}
	return int64(stack[0])
}

// ends gives how a call was ended.
func (c *caller) ends(name string, args ...int) (e ended) {
	c.t.Helper()
	defer func() {
		got, ok := recover().(ended)
		require.True(c.t, ok, "it was not ended")
		e = got
	}()
	c.call(name, args...)
	return e
}

func (c *caller) lastError() string {
	n := c.call("last_error", 60000, 4096)
	return string(c.guest.memory[60000:][:n])
}

func (c *caller) graph(g op.Graph) (ptr, size int) {
	b := g.Append(nil)
	return c.guest.put(1000, b), len(b)
}

func TestSession(t *testing.T) {
	c := newCaller(t)
	shape := c.guest.words(0, 2, 3)
	a := c.call("tensor_new", int(op.I32), shape, 2)
	require.Positive(t, a)
	require.Equal(t, int64(24), c.call("tensor_desc", int(a), 100, 8), "the whole length, of which 8 bytes were written")
	require.Equal(t, append([]byte{2, 0, 0, 0, 2, 0, 0, 0}, 0, 0), c.guest.memory[100:110])
	require.Equal(t, int64(24), c.call("tensor_desc", int(a), 100, 24))
	require.Equal(t, le(2, 3), c.guest.memory[108:124])

	in := c.guest.put(200, []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0})
	require.Zero(t, c.call("tensor_write", int(a), 0, in, 24))
	b := c.call("tensor_new", int(op.I32), c.guest.words(0, 2, 1), 2)
	ptr, size := c.graph(op.Graph{Tensors: []op.Tensor{{Handle: op.Handle(a)}, {Handle: op.Handle(b)}},
		Ops: []op.Op{{Code: op.Reduce, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{op.Sum, 1}}}})
	require.Equal(t, int64(24), c.call("estimate", ptr, size, 300, 24))
	require.NotZero(t, binary.LittleEndian.Uint64(c.guest.memory[308:]), "bytes moved")
	fence := c.call("submit", ptr, size)
	require.Positive(t, fence)
	require.Zero(t, c.call("wait", int(fence), -1))
	require.Zero(t, c.call("tensor_read", int(b), 0, 300, 8))
	require.Equal(t, []byte{6, 0, 0, 0, 15, 0, 0, 0}, c.guest.memory[300:308])
	require.Zero(t, c.call("tensor_free", int(a)))
	require.False(t, c.s.Close(), "the same everywhere")
}

func TestSessionRefuses(t *testing.T) {
	c := newCaller(t)
	shape := c.guest.words(0, 8)
	a := int(c.call("tensor_new", int(op.U8), shape, 1))
	bad := c.guest.put(1000, []byte("no graph"))
	for _, tc := range []struct {
		name  string
		args  []int
		fault op.Fault
		text  string
	}{
		{"tensor_new", []int{0, shape, 1}, op.BadGraph, "unknown element type 0"},
		{"tensor_new", []int{300, shape, 1}, op.BadGraph, "element type 300"},
		{"tensor_new", []int{1, shape, 7}, op.BadGraph, "rank 7"},
		{"tensor_new", []int{1, c.guest.words(416, 1<<63), 1}, op.BadGraph, "at least 1"},
		{"tensor_new", []int{1, c.guest.words(400, 1<<39, 1<<39), 2}, op.BadGraph, "more than"},
		{"tensor_new", []int{7, c.guest.words(408, 1<<20), 1}, op.OverQuota, "no room"},
		{"tensor_free", []int{12345}, op.BadHandle, "0x3039"},
		{"tensor_desc", []int{0, 0, 0}, op.BadHandle, ""},
		{"tensor_write", []int{a, 1, 0, 8}, op.OutOfBounds, "8 bytes from 1"},
		{"tensor_read", []int{a, -1, 0, 1}, op.OutOfBounds, ""},
		{"tensor_read", []int{a, 1 << 62, 0, 1}, op.OutOfBounds, ""},
		{"submit", []int{bad, 8}, op.BadGraph, ""},
		{"submit", []int{0, op.MaxGraph + 1}, op.BadGraph, "at most"},
		{"estimate", []int{bad, 8, 0, 0}, op.BadGraph, ""},
		{"wait", []int{99, -1}, op.BadHandle, ""},
		{"kernel_code", []int{0, 1 << 20, 0, 1}, op.BadKernel, "at most"},
	} {
		require.Equal(t, -int64(tc.fault), c.call(tc.name, tc.args...), "%s %v: %s", tc.name, tc.args, c.s.last)
		require.Contains(t, c.lastError(), tc.fault.String(), tc.name)
		require.Contains(t, c.lastError(), tc.text, tc.name)
	}
	require.Equal(t, "bounds", c.ends("tensor_new", 1, 65530, 2).code)
	require.Equal(t, "bounds", c.ends("tensor_write", a, 0, 65530, 8).code)
	require.Equal(t, "bounds", c.ends("info", -1, -1).code)
	require.Equal(t, "bounds", c.ends("kernel", 0, 1000).code)
}

// What a guest may have seen of the device makes its result the device's.
func TestSessionClass(t *testing.T) {
	c := newCaller(t)
	n := c.call("info", 0, 4096)
	var told struct {
		Kind   string
		Memory int64
	}
	require.NoError(t, json.Unmarshal(c.guest.memory[:n], &told))
	require.Equal(t, "cpu", told.Kind)
	require.Equal(t, int64(1<<20), told.Memory)
	require.True(t, c.s.Close())

	c = newCaller(t)
	c.call("tensor_new", int(op.F64), c.guest.words(0, 1<<20), 1)
	require.True(t, c.s.Close(), "elsewhere there may have been room")

	c = newCaller(t)
	require.Empty(t, c.lastError())
	require.Equal(t, -int64(op.BadHandle), c.call("tensor_free", 1))
	require.False(t, c.s.Close(), "that is the same everywhere")
	c = newCaller(t)
	c.call("tensor_free", 1)
	require.NotEmpty(t, c.lastError())
	require.True(t, c.s.Close(), "elsewhere it is said in other words")

	c = newCaller(t)
	c.s.open = func() (Executor, error) { return nil, op.Errorf(op.Lost, "it died") }
	require.Equal(t, ended{"lost", "it died"}, c.ends("tensor_free", 1))
	c = newCaller(t)
	c.s.open = func() (Executor, error) { return nil, errors.New("no device") }
	require.Equal(t, -int64(op.Unavailable), c.call("tensor_free", 1))
	require.True(t, c.s.Close())
}

func TestSessionPorts(t *testing.T) {
	c := newCaller(t)
	picture := append([]byte{2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0}, 1, 2, 3, 4, 5, 6)
	deep := bytes.Clone(picture)
	deep[12] = 16
	matrix := append([]byte{2, 0, 0, 0}, append(le(1, 2), 1, 0, 0, 0, 2, 0, 0, 0)...)
	big := append(append([]byte{1, 0, 0, 0}, le(700_000)...), bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, 100_000)...)
	c.guest.types = []string{"image", "tensor<i32,[n,m]>", "tensor<u16,[1]>", "int", "image", "image", "tensor<u8,[700000]>", "tensor<i32,[n]>"}
	c.guest.inputs = [][]byte{picture, matrix, append([]byte{1, 0, 0, 0}, le(1)...), le(7), nil, deep, big, matrix[:16]}
	c.guest.outputs = []string{"image", "tensor<i32,[n,2]>", "any", "string"}

	image, mat, large := int(c.call("tensor_input", 0)), int(c.call("tensor_input", 1)), int(c.call("tensor_input", 6))
	require.Positive(t, image)
	require.Positive(t, mat)
	require.Positive(t, large)
	for port, want := range map[int]string{2: "no tensors of u16", 3: `"int", neither`, 4: "absent", 5: "16 bits", 7: "rank 2"} {
		require.Negative(t, c.call("tensor_input", port))
		require.Contains(t, c.lastError(), want)
	}
	require.Zero(t, c.call("tensor_output", 0, image))
	require.Equal(t, picture, c.guest.written[0].Bytes())
	require.Zero(t, c.call("tensor_output", 1, mat))
	require.Equal(t, matrix, c.guest.written[1].Bytes())
	require.Zero(t, c.call("tensor_output", 2, large))
	text := "tensor<u8,[700000]>"
	require.Equal(t, append([]byte{byte(len(text)), 0}, append([]byte(text), big...)...), c.guest.written[2].Bytes())
	for _, args := range [][]int{{0, mat}, {1, image}, {3, mat}, {0, 999}} {
		require.Negative(t, c.call("tensor_output", args...))
	}
	require.Equal(t, len(picture), c.guest.written[0].Len(), "what is refused writes nothing")
}

func TestKernelFunctionsAreForKernels(t *testing.T) {
	c := newCaller(t)
	n := 0
	for _, f := range Functions() {
		if f.Module == KernelModule {
			n++
			require.PanicsWithValue(t, ended{"bounds", KernelModule + "." + f.Name + ": it is there only inside of a kernel"}, func() { f.Call(c.s, []uint64{0}) })
		}
	}
	require.Equal(t, 33, n)
}
