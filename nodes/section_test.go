package nodes

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func custom(name, body string) []byte {
	inner := append(append(appendULEB(nil, uint32(len(name))), name...), body...)
	return append(appendULEB([]byte{0}, uint32(len(inner))), inner...)
}

// padded writes the size of a section as Go's linker does: five bytes whatever the number.
func padded(name, body string) []byte {
	inner := append(append([]byte{byte(len(name)) | 0x80, 0x80, 0x80, 0x80, 0}, name...), body...)
	n := len(inner)
	return append([]byte{0, byte(n&0x7f) | 0x80, byte(n>>7) | 0x80, 0x80, 0x80, 0}, inner...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestReadManifestSection(t *testing.T) {
	base := testModule(nil, []string{"run"})
	for _, c := range []struct {
		name, want, err string
		wasm            []byte
	}{
		{name: "none", wasm: base},
		{name: "others", wasm: join(base, custom("name", "x"), custom("levee2", "y"))},
		{name: "one", wasm: join(base, custom("levee", "{}")), want: "{}"},
		{name: "first of all", wasm: join(wasmMagic, custom("levee", "{}"), base[8:]), want: "{}"},
		{name: "padded sizes", wasm: join(base, padded("levee", "{}")), want: "{}"},
		{name: "padded neighbours", wasm: join(base, padded("go:buildid", "xx"), padded("levee", "{1}")), want: "{1}"},
		{name: "two", wasm: join(base, custom("levee", "{}"), custom("levee", "{}")), err: "two sections"},
		{name: "too large", wasm: join(base, custom("levee", string(make([]byte, maxManifest+1)))), err: "at most 262144"},
		{name: "text", wasm: []byte("#!/bin/sh\n"), err: "not a WebAssembly module"},
		{name: "empty", wasm: nil, err: "not a WebAssembly module"},
		{name: "component", wasm: []byte("\x00asm\x0d\x00\x01\x00"), err: "components are not supported"},
		{name: "size beyond the file", wasm: join(wasmMagic, []byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f}), err: "claims 4294967295 bytes"},
		{name: "size of 33 bits", wasm: join(wasmMagic, []byte{0, 0xff, 0xff, 0xff, 0xff, 0x1f}), err: "cut short"},
		{name: "size cut short", wasm: join(wasmMagic, []byte{1}), err: "cut short"},
		{name: "sections", wasm: join(wasmMagic, bytes.Repeat(custom("", ""), maxSections+1)), err: "more than 10000 sections"},
		{name: "name beyond the section", wasm: join(wasmMagic, []byte{0, 1, 5, 'l', 'e', 'v', 'e', 'e'}), err: "name that is cut short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := readManifestSection(bytes.NewReader(c.wasm), int64(len(c.wasm)))
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, string(doc))
		})
	}
}

func TestPack(t *testing.T) {
	base := testModule([]string{"file_read"}, []string{"upper", "read_it"})
	once, err := Pack(join(base, padded("producers", "go")), []byte(upperManifest))
	require.NoError(t, err)
	validate(t, once)
	m, err := readManifest(bytes.NewReader(once), int64(len(once)))
	require.NoError(t, err)
	require.Equal(t, "words", m.Name)
	require.Contains(t, string(once), "producers", "other custom sections stay")

	twice, err := Pack(once, []byte(upperManifest))
	require.NoError(t, err)
	require.Equal(t, once, twice, "packing again replaces the section")

	_, err = Pack(testModule(nil, []string{"upper"}), []byte(upperManifest))
	require.ErrorContains(t, err, `manifest.nodes[1] (load).export: the module exports no function "read_it"`)
	_, err = Pack(testModule([]string{"file_write"}, []string{"upper", "read_it"}), []byte(upperManifest))
	require.ErrorContains(t, err, `imports levee_v1.file_write, but no node type states "write" in its wants`)
	program := []string{"upper", "read_it", "_start"}
	_, err = Pack(testModule([]string{"file_read"}, program), []byte(upperManifest))
	require.ErrorContains(t, err, "the module is a program, whose functions can only be called while it runs")
	_, err = Pack(testModule([]string{"file_read"}, append(program, "_initialize")), []byte(upperManifest))
	require.NoError(t, err)
	_, err = Pack(testModule([]string{"file_read"}, program), []byte(strings.Replace(upperManifest, "read_it", "_start", 1)))
	require.NoError(t, err, "a program may be a node, too")
	_, err = Pack([]byte("text"), []byte(upperManifest))
	require.ErrorContains(t, err, "not a WebAssembly module")
}

// What a module could inflate is bounded: names that it exports and imports.
func TestFactsAreBounded(t *testing.T) {
	one := []byte{1, 'x', 0, 0}
	many := func(id byte, n uint32, item []byte) []byte {
		body := append(appendULEB(nil, n), bytes.Repeat(item, int(n))...)
		return append(appendULEB([]byte{id}, uint32(len(body))), body...)
	}
	f, err := readFacts(join(wasmMagic, many(sectionExport, 20_000, one)))
	require.NoError(t, err)
	require.Len(t, f.funcs, 1)
	names := make([]string, maxExports+1)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	_, err = readFacts(testModule(nil, names))
	require.ErrorContains(t, err, "more than 10000 exports")
	f, err = readFacts(testModule([]string{"input_len", "file_list", "file_list"}, nil))
	require.NoError(t, err)
	require.Equal(t, []string{"file_list"}, f.wanting)
	for _, body := range [][]byte{{0xff, 0xff, 0xff, 0xff, 0x0f}, {1, 5, 'a'}, {2, 1, 'x', 0, 0}} {
		_, err = readFacts(join(wasmMagic, append([]byte{sectionExport, byte(len(body))}, body...)))
		require.ErrorContains(t, err, "cannot be read")
	}
}

func FuzzSection(f *testing.F) {
	f.Add(testModule([]string{"file_read"}, []string{"a"}))
	f.Add(wordsModule(f))
	f.Add(join(testModule(nil, []string{"_start"}), padded("levee", "{}")))
	f.Add(join(wasmMagic, []byte{2, 5, 1, 0, 0, 1, 0}))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		doc, err := readManifestSection(bytes.NewReader(wasm), int64(len(wasm)))
		if err == nil && len(doc) > len(wasm) {
			t.Fatal("a manifest longer than its module")
		}
		if _, err := readFacts(wasm); err != nil {
			return
		}
		if _, err := ReadModule("x.wasm", wasm, nil); err != nil {
			return
		}
		out, err := Pack(wasm, []byte(`{"levee":1,"name":"a","version":"1.0.0","nodes":[{"name":"a"}]}`))
		if err != nil {
			return
		}
		if again, err := readManifestSection(bytes.NewReader(out), int64(len(out))); err != nil || again == nil {
			t.Fatalf("the packed module has no manifest: %v", err)
		}
	})
}
