//go:build linux

package runtime

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func testModule(t testing.TB, name string) *Module {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".wasm")
	require.NoError(t, err)
	m, err := NewModule(name, b, nil)
	require.NoError(t, err)
	return m
}

func TestStdio(t *testing.T) {
	e, m := newEngine(t), testModule(t, "stdio")
	in := random(t, 300_000)
	res, err := e.Run(context.Background(), &Call{Module: m, ABI: Stdio, Inputs: []Input{{Bytes: in}}, Outputs: 1})
	require.NoError(t, err)
	require.Equal(t, in, outputBytes(t, res.Outputs[0]))
	require.Equal(t, "done", string(res.Stderr))
	require.Empty(t, res.Stdout)
	res.Close()

	_, err = e.Run(context.Background(), &Call{Module: m, ABI: Stdio, Args: []string{"a", "b c"}, Outputs: 1})
	var ge *Error
	require.ErrorAs(t, err, &ge)
	require.Equal(t, CodeExit, ge.Code)
	require.Equal(t, uint32(2), ge.Exit)
	require.Equal(t, "done", string(ge.Stderr))

	// As a reactor it has no stdin, no arguments, and its stdout is kept beside the outputs.
	res, err = e.Run(context.Background(), &Call{Module: m, Export: "_start", Args: []string{"a"}, Inputs: []Input{{Bytes: []byte("x")}}})
	require.NoError(t, err)
	require.Empty(t, res.Stdout)
}

// folder serves files from a map.
type folder map[string]string

func (f folder) files(t testing.TB) *Files {
	return &Files{
		Read: func(_ context.Context, path string) (*os.File, int64, error) {
			text, ok := f[path]
			if !ok {
				return nil, 0, errors.New(path + " is not there")
			}
			fd, err := sealedCopy([]byte(text))
			return os.NewFile(uintptr(fd), path), int64(len(text)), err
		},
		List: func(_ context.Context, glob string) ([]string, error) { return []string{"a/" + glob, "b"}, nil },
		Write: func(_ context.Context, path string, data *os.File, size int64) error {
			if strings.HasPrefix(path, "/") {
				return errors.New("absolute paths are not allowed")
			}
			b, err := io.ReadAll(io.NewSectionReader(data, 0, size))
			require.NoError(t, err)
			f[path] = string(b)
			return nil
		},
	}
}

func TestFiles(t *testing.T) {
	e, m := newEngine(t), testModule(t, "files")
	disk := folder{"small": "hello", "large": strings.Repeat("0123456789", 50_000), "empty": ""}
	call := func(export string, inputs ...string) (*Result, error) {
		c := &Call{Module: m, Export: export, Outputs: 2, Files: disk.files(t)}
		for _, in := range inputs {
			c.Inputs = append(c.Inputs, Input{Bytes: []byte(in)})
		}
		return e.Run(context.Background(), c)
	}
	for _, name := range []string{"small", "large", "empty"} {
		res, err := call("read", name)
		require.NoError(t, err)
		require.Equal(t, disk[name], string(outputBytes(t, res.Outputs[0])))
		res.Close()
	}
	res, err := call("read", "nothing")
	require.NoError(t, err)
	require.Equal(t, "nothing is not there", string(res.Outputs[1].Bytes))

	res, err = call("list", "*.jpg")
	require.NoError(t, err)
	items, err := value.Items(res.Outputs[0].Bytes)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("a/*.jpg"), []byte("b")}, items)

	_, err = call("write", "new/file")
	require.NoError(t, err)
	require.Equal(t, "new/file", disk["new/file"])
	res, err = call("write", "/etc/passwd")
	require.NoError(t, err)
	require.Equal(t, "absolute paths are not allowed", string(res.Outputs[1].Bytes))

	big := string(random(t, 1<<20))
	for _, content := range []string{"tiny", big, ""} {
		_, err = call("write_input", "copy", content)
		require.NoError(t, err)
		require.Equal(t, content, disk["copy"])
	}
	res, err = call("many", "large")
	require.NoError(t, err)
	require.Contains(t, string(res.Outputs[1].Bytes), "may open 512 files")

	// Only what is granted can be reached, and the module's imports say what it may try.
	_, err = e.Run(context.Background(), &Call{Module: m, Export: "read", Files: &Files{Read: disk.files(t).Read}})
	var ge *Error
	require.ErrorAs(t, err, &ge)
	require.Equal(t, CodeRefused, ge.Code)
	require.Contains(t, ge.Detail, "imports file_list, file_write, file_write_input")
	_, err = e.Run(context.Background(), &Call{Module: m, Export: "read"})
	require.ErrorAs(t, err, &ge)
	require.Contains(t, ge.Detail, "file_read")
}

func TestFilesPanicFreeOnClosedCall(t *testing.T) {
	e, m := newEngine(t), testModule(t, "files")
	ctx, cancel := context.WithCancel(context.Background())
	disk := folder{}
	files := disk.files(t)
	write := files.Write
	files.Write = func(ctx context.Context, path string, data *os.File, size int64) error {
		cancel()
		<-ctx.Done()
		return write(ctx, path, data, size)
	}
	_, err := e.Run(ctx, &Call{Module: m, Export: "write", Inputs: []Input{{Bytes: []byte("x")}}, Outputs: 2, Files: files})
	require.ErrorIs(t, err, context.Canceled)
	_, err = e.Run(context.Background(), &Call{Module: m, Export: "read", Inputs: []Input{{Bytes: []byte("y")}}, Outputs: 2, Files: disk.files(t)})
	require.NoError(t, err)
}
