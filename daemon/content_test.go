package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/watch"
)

// endsMidway is a file during whose reading the run is cancelled.
type endsMidway struct {
	io.Reader
	end func()
}

func (r endsMidway) Read(p []byte) (int, error) {
	r.end()
	return r.Reader.Read(p[:min(len(p), 1000)])
}

func TestLargeFilesAreLeftWhenTheRunIsCancelled(t *testing.T) {
	asked := errors.New("asked for")
	content := bytes.Repeat([]byte("x"), 1<<20)
	path := t.TempDir()
	dir, err := watch.OpenDir(path)
	require.NoError(t, err)
	defer dir.Close()
	require.NoError(t, dir.WriteFile("a.txt", bytes.NewReader([]byte("old")), 100))
	r := &Run{dir: dir}

	ctx, cancel := context.WithCancelCause(t.Context())
	midway := func() io.Reader {
		return whileWanted{ctx, endsMidway{bytes.NewReader(content), func() { cancel(asked) }}}
	}
	_, _, _, err = sealCopy(midway(), int64(len(content)))
	require.ErrorIs(t, err, asked)
	_, _, _, err = r.seal(ctx, "a.txt", func(int64) error { return nil })
	require.ErrorIs(t, err, asked)

	ctx, cancel = context.WithCancelCause(t.Context())
	defer cancel(nil)
	_, err = r.replace("a.txt", midway, int64(len(content)))
	require.ErrorIs(t, err, asked)
	kept, err := os.ReadFile(path + "/a.txt")
	require.NoError(t, err)
	require.Equal(t, "old", string(kept))
	left, err := os.ReadDir(path)
	require.NoError(t, err)
	require.Len(t, left, 1, "what was begun is gone")
}
