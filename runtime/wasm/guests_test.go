package wasm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"levee/testdata/guests"
)

// The go command passes over packages below testdata, so the small guests are tested here, against a host of a few
// lines: a test that fails elsewhere may then take them as right.

var errGuestFailed = errors.New("guest failed")

// play is a host that knows just what the small guests ask for.
type play struct {
	inputs  [][]byte
	files   map[string]string
	outputs bytes.Buffer
	said    []string
	blob    []byte
	lastErr string
}

func (p *play) run(t *testing.T, wasm []byte) error {
	rt := engine(t)
	text := func(m api.Module, ptr, n uint32) string {
		b, ok := m.Memory().Read(ptr, n)
		require.True(t, ok)
		return string(b)
	}
	give := func(m api.Module, from []byte, offset int64, ptr, n uint32) uint32 {
		from = from[min(int(offset), len(from)):]
		from = from[:min(int(n), len(from))]
		require.True(t, m.Memory().Write(ptr, from))
		return uint32(len(from))
	}
	host := rt.NewHostModuleBuilder("levee_v1")
	add := func(name string, f any) { host.NewFunctionBuilder().WithFunc(f).Export(name) }
	add("input_read", func(_ context.Context, m api.Module, port uint32, off int64, ptr, n uint32) uint32 {
		return give(m, p.inputs[port], off, ptr, n)
	})
	add("output_write", func(_ context.Context, m api.Module, _, ptr, n uint32) { p.outputs.WriteString(text(m, ptr, n)) })
	add("fail", func(_ context.Context, m api.Module, ptr, n uint32) {
		p.said = append(p.said, text(m, ptr, n))
		panic(errGuestFailed)
	})
	add("log", func(_ context.Context, m api.Module, _, ptr, n uint32) { p.said = append(p.said, text(m, ptr, n)) })
	add("progress", func(done, total int64) { require.Equal(t, int64(2), done*total) })
	add("file_read", func(_ context.Context, m api.Module, ptr, n uint32) int64 {
		content, ok := p.files[text(m, ptr, n)]
		if p.blob = []byte(content); ok {
			return 7
		}
		p.lastErr = "no such file"
		return -1
	})
	add("blob_read", func(_ context.Context, m api.Module, h, off int64, ptr, n uint32) uint32 {
		require.Equal(t, int64(7), h)
		return give(m, p.blob, off, ptr, n)
	})
	add("file_write", func(_ context.Context, m api.Module, ptr, n, data, size uint32) int32 {
		p.files[text(m, ptr, n)] = text(m, data, size)
		return 0
	})
	add("last_error", func(_ context.Context, m api.Module, ptr, n uint32) uint32 {
		return give(m, []byte(p.lastErr), 0, ptr, n)
	})
	_, err := host.Instantiate(t.Context())
	require.NoError(t, err)
	mod, err := rt.InstantiateWithConfig(t.Context(), sanitized(t, wasm), wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	require.NoError(t, err)
	_, err = mod.ExportedFunction("run").Call(t.Context())
	return err
}

func TestGuests(t *testing.T) {
	long := []byte(strings.Repeat("0123456789", 3*guests.Buffer/10+1))
	le := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	for name, c := range map[string]struct {
		wasm   []byte
		inputs [][]byte
		want   []byte
		said   []string
		err    string
	}{
		"echo":       {wasm: guests.Echo(), inputs: [][]byte{long}, want: long},
		"echo empty": {wasm: guests.Echo(), inputs: [][]byte{nil}},
		"add":        {wasm: guests.Add(), inputs: [][]byte{le(40), le(1<<64 - 82)}, want: le(1<<64 - 42)},
		"count":      {wasm: guests.Count(false), want: le(1)},
		"initialize": {wasm: guests.Count(true), want: le(101)},
		"trap":       {wasm: guests.Trap(), err: "unreachable"},
		"nothing":    {wasm: guests.Nothing()},
		"grow":       {wasm: guests.Grow(17)},
		"grow much":  {wasm: guests.Grow(4097), err: "unreachable"},
		"fail":       {wasm: guests.Fail("too bad"), said: []string{"too bad"}, err: "guest failed"},
		"log":        {wasm: guests.Log(2, "careful"), said: []string{"careful"}},
		"read":       {wasm: guests.ReadFile("in.txt"), want: long},
		"read none":  {wasm: guests.ReadFile("none"), said: []string{"no such file"}, err: "guest failed"},
	} {
		p := play{inputs: c.inputs, files: map[string]string{"in.txt": string(long)}}
		err := p.run(t, c.wasm)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
		} else {
			require.NoError(t, err, name)
		}
		require.Equal(t, string(c.want), p.outputs.String(), name)
		require.Equal(t, c.said, p.said, name)
	}
	p := play{files: map[string]string{}}
	require.NoError(t, p.run(t, guests.WriteFile("a/b", "text")))
	require.Equal(t, map[string]string{"a/b": "text"}, p.files)
}

func TestStdioGuest(t *testing.T) {
	rt := engine(t)
	wasi_snapshot_preview1.MustInstantiate(t.Context(), rt)
	input := strings.Repeat("x", 2*guests.Buffer+1)
	for _, status := range []int32{0, 3} {
		var out, errs bytes.Buffer
		cfg := wazero.NewModuleConfig().WithName("").WithStdin(strings.NewReader(input)).WithStdout(&out).WithStderr(&errs)
		_, err := rt.InstantiateWithConfig(t.Context(), sanitized(t, guests.Stdio(status)), cfg)
		if status != 0 {
			var exit *sys.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, uint32(status), exit.ExitCode())
		} else {
			require.NoError(t, err)
		}
		require.Equal(t, input, out.String())
		require.Equal(t, "done", errs.String())
	}
}
