//go:build linux

package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/testdata/hostile/asm"
)

// run calls a function of the test guest with defaults.
func run(t testing.TB, e *Engine, m *Module, export string, change ...func(*Call)) (*Result, error) {
	t.Helper()
	c := &Call{Module: m, Node: "n", Export: export, Outputs: 1, Limits: Limits{Time: patience}}
	for _, f := range change {
		f(c)
	}
	return e.Run(context.Background(), c)
}

func TestTraps(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	for export, want := range map[string]string{
		"trap_unreachable": "unreachable",
		"trap_divide":      "integer divide by zero",
		"trap_overflow":    "integer overflow",
		"trap_convert":     "invalid conversion to integer",
		"trap_load":        "out of bounds memory access",
		"trap_null":        "invalid table access",
		"trap_index":       "invalid table access",
		"trap_type":        "indirect call type mismatch",
		"recurse":          "stack overflow",
	} {
		_, err := run(t, e, m, export)
		var ge *Error
		require.ErrorAs(t, err, &ge, export)
		require.Equal(t, CodeTrap, ge.Code, export)
		require.Equal(t, want, ge.Detail, export)
		require.Equal(t, "n", ge.Node)
		require.Contains(t, ge.Module, "guest (")
	}
	require.Equal(t, int64(1), e.Stats().Compiled, "one worker served them all")
	require.Zero(t, e.Stats().Crashed)
}

func TestFailures(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	small := func(c *Call) { c.Limits.Memory, c.Limits.Output = 1<<20, 1<<20 }
	for _, tc := range []struct{ export, code, detail, limit string }{
		{"fail", CodeFailed, "it does not work", ""},
		{"exit", CodeExit, "exit code 7", ""},
		{"spin", CodeTimeout, "ran longer", "time 200ms"},
		{"chatter", CodeTimeout, "ran longer", "time 200ms"},
		{"flood", CodeOutput, "more output", "output 1 MiB"},
		{"grow_all", CodeMemory, "unreachable after it was refused more memory", "memory 1 MiB"},
		{"bad_pointer", CodeBounds, "100 bytes at 131070", ""},
		{"bad_wrap", CodeBounds, "4294967295 bytes at 4294967295", ""},
		{"bad_input", CodeBounds, "there is no input port 17: the manifest has 0, numbered from 0", ""},
		{"bad_output", CodeBounds, "there is no output port 17: the manifest has 1, numbered from 0", ""},
		{"bad_handle", CodeBounds, "3 is no open handle", ""},
		{"nothing_there", CodeRefused, `no function "nothing_there"`, ""},
		{"takes_one", CodeRefused, "takes and returns nothing", ""},
		{"memory", CodeRefused, "is a memory", ""},
	} {
		_, err := run(t, e, m, tc.export, small, func(c *Call) {
			if tc.code == CodeTimeout {
				c.Limits.Time = 200 * time.Millisecond
			}
		})
		var ge *Error
		require.ErrorAs(t, err, &ge, tc.export)
		require.Equal(t, tc.code, ge.Code, "%s: %v", tc.export, err)
		require.Contains(t, ge.Detail, tc.detail, tc.export)
		require.Equal(t, tc.limit, ge.Limit, tc.export)
		require.Contains(t, err.Error(), "node n: "+tc.code)
	}
	_, err := run(t, e, m, "exit")
	var ge *Error
	require.ErrorAs(t, err, &ge)
	require.Equal(t, uint32(7), ge.Exit)
	_, err = run(t, e, m, "silent", func(c *Call) { c.Limits.Memory = 1 << 16 })
	require.ErrorAs(t, err, &ge)
	require.Equal(t, CodeMemory, ge.Code)
}

func TestPorts(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	in := random(t, 7*30000) // beyond what travels inline
	res, err := run(t, e, m, "backwards", func(c *Call) { c.Inputs = []Input{{Bytes: in}} })
	require.NoError(t, err)
	defer res.Close()
	var want []byte
	for i := len(in); i > 0; i -= 7 {
		want = append(want, in[i-7:i]...)
	}
	require.Equal(t, want, outputBytes(t, res.Outputs[0]))

	res, err = run(t, e, m, "describe", func(c *Call) {
		c.Inputs = []Input{{Type: "list<int>"}, {Type: "bytes", Absent: true}}
		c.Outputs = 3
	})
	require.NoError(t, err)
	require.Equal(t, int64(-1), int64(binary.LittleEndian.Uint64(res.Outputs[0].Bytes)))
	require.Equal(t, "list<int>", string(res.Outputs[1].Bytes))
	require.False(t, res.Outputs[2].Written)

	res, err = run(t, e, m, "leave")
	require.NoError(t, err, "exit code 0 is a normal end")
	require.Equal(t, "hello", string(res.Outputs[0].Bytes))
}

func TestInputFile(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	name := t.TempDir() + "/value"
	want := random(t, 1<<20)
	require.NoError(t, os.WriteFile(name, want, 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	with := func(f *os.File) func(*Call) {
		return func(c *Call) { c.Inputs = []Input{{File: f, Size: int64(len(want))}} }
	}
	res, err := run(t, e, m, "echo", with(f))
	require.NoError(t, err)
	require.Equal(t, want, outputBytes(t, res.Outputs[0]))

	// What one call wrote goes into the next one without a copy.
	res2, err := run(t, e, m, "echo", with(res.Outputs[0].File))
	require.NoError(t, err)
	require.Equal(t, want, outputBytes(t, res2.Outputs[0]))
	_, err = res2.Outputs[0].File.WriteAt([]byte{1}, 0)
	require.Error(t, err, "a value is sealed")
	res.Close()
	res2.Close()

	w, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	defer w.Close()
	_, err = run(t, e, m, "echo", with(w))
	require.ErrorContains(t, err, "open for writing")
}

func TestFreshInstances(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	for range 5 {
		res, err := run(t, e, m, "dirty")
		require.NoError(t, err)
		require.Equal(t, make([]byte, 16), res.Outputs[0].Bytes)
		require.Equal(t, int64(18<<16), res.PeakMemory)
	}
}

func TestMemoryLimit(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	for _, pages := range []uint64{3, 200, 1024} {
		res, err := run(t, e, m, "grow_count", func(c *Call) { c.Limits.Memory = int64(pages) << 16 })
		require.NoError(t, err)
		require.Equal(t, pages, binary.LittleEndian.Uint64(res.Outputs[0].Bytes))
	}
}

func TestDeterministic(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	seeded := func(b byte) []byte {
		res, err := run(t, e, m, "chance", func(c *Call) { c.Seed[0] = b })
		require.NoError(t, err)
		return res.Outputs[0].Bytes
	}
	first := seeded(1)
	require.Equal(t, first, seeded(1))
	require.NotEqual(t, first[:16], seeded(2)[:16])
	a, b := binary.LittleEndian.Uint64(first[16:]), binary.LittleEndian.Uint64(first[24:])
	require.Equal(t, uint64(time.Millisecond), b-a)
	require.Equal(t, 2020, time.Unix(0, int64(a)).UTC().Year())
}

func TestLog(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	res, err := run(t, e, m, "say")
	require.NoError(t, err)
	require.Equal(t, []LogLine{{1, "hello"}, {3, "hell"}}, res.Log)

	// killed runs a function until its time is up, which is when the worker has noted what it said.
	killed := func(export string, said func(streams) bool) (ge *Error) {
		ended := make(chan error)
		go func() {
			_, err := run(t, e, m, export)
			ended <- err
		}()
		running(t, e, func(w *worker) bool { return said(w.board.saved()) }).hasRunFor(time.Hour)
		require.ErrorAs(t, <-ended, &ge)
		require.Equal(t, CodeTimeout, ge.Code)
		return ge
	}
	ge := killed("say_and_spin", func(s streams) bool { return len(s.lines()) > 0 })
	require.Equal(t, []LogLine{{2, "hello"}}, ge.Log, "what was said before the kill is kept")

	ge = killed("chatter", func(s streams) bool { return s.dropped > 0 })
	size := 0
	for _, l := range ge.Log {
		size += len(l.Text)
	}
	require.LessOrEqual(t, size, streamMax)
	require.Greater(t, size, streamMax/2)
	require.Positive(t, ge.Dropped)

	res, err = run(t, e, m, "say")
	require.NoError(t, err)
	require.Len(t, res.Log, 2, "a new call begins with an empty log")
}

func TestProgress(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	var seen []int64
	_, err := run(t, e, m, "report", func(c *Call) {
		c.Progress = func(done, total int64) {
			require.Equal(t, int64(1000), total)
			seen = append(seen, done)
		}
	})
	require.NoError(t, err)
	require.NotEmpty(t, seen)
	require.Less(t, len(seen), 100, "reports are coalesced")
	require.True(t, slices.IsSorted(seen))
	require.Equal(t, int64(1000), seen[len(seen)-1])
}

func TestRefusedModules(t *testing.T) {
	for name, tc := range map[string]struct{ wasm, want string }{
		"unknown function": {"\x01\x04\x01\x60\x00\x00\x02\x0d\x01\x08levee_v1\x00\x00\x00", `imports "" from "levee_v1"`},
		"wrong type":       {"\x01\x04\x01\x60\x00\x00\x02\x14\x01\x08levee_v1\x07log\x00\x00\x00\x00\x00", ""},
	} {
		_, err := NewModule(name, []byte("\x00asm\x01\x00\x00\x00"+tc.wasm), nil)
		require.Error(t, err, name)
		if tc.want != "" {
			require.ErrorContains(t, err, tc.want)
		}
	}
	_, err := NewModule("x", []byte("\x7fELF"), nil)
	var me *ModuleError
	require.ErrorAs(t, err, &me)
	require.Equal(t, "E_NOT_WASM", me.Code)
}

func TestInvalidModule(t *testing.T) {
	// Sound in structure, but the body leaves a value too many: only the engine's validator sees that.
	wasm := "\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x07\x05\x01\x01f\x00\x00" +
		"\x0a\x06\x01\x04\x00\x41\x00\x0b"
	m, err := NewModule("bad", []byte(wasm), nil)
	require.NoError(t, err)
	e := newEngine(t)
	for range 2 {
		_, err = e.Run(context.Background(), &Call{Module: m, Export: "f"})
		var ge *Error
		require.ErrorAs(t, err, &ge)
		require.Equal(t, CodeCompile, ge.Code, err)
		require.False(t, strings.Contains(err.Error(), "\n"))
	}
	require.False(t, errors.Is(err, ErrClosed))
}

// An instance is made before its call is there only where nothing of the module runs by that.
func TestStartFunctionRunsInItsCall(t *testing.T) {
	var b asm.Module
	read := b.Import("levee_v1", "input_read", "i32 i64 i32 i32", "i32")
	write := b.Import("levee_v1", "output_write", "i32 i32 i32", "")
	b.Memory(1, 1)
	b.Start(b.Func("", "", "", asm.I32Const(0), asm.I64Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(read), asm.Op(asm.Drop)))
	b.Run("", asm.I32Const(0), asm.I32Const(0), asm.I32Const(8), asm.Call(write))
	m, err := NewModule("starts", b.Bytes(), nil)
	require.NoError(t, err)
	e := newEngine(t)
	for _, text := range []string{"12345678", "abcdefgh", "ABCDEFGH"} {
		res, err := run(t, e, m, "run", func(c *Call) { c.Inputs = []Input{{Bytes: []byte(text)}} })
		require.NoError(t, err)
		require.Equal(t, text, string(res.Outputs[0].Bytes))
	}
}
