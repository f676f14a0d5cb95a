package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/graph/value"
)

// memory returns a sealed memory file, as a worker hands its outputs over.
func memory(t *testing.T, content []byte, seals int) *os.File {
	fd, err := unix.MemfdCreate("test", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "memfd")
	t.Cleanup(func() { f.Close() })
	_, err = f.Write(content)
	require.NoError(t, err)
	_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals)
	require.NoError(t, err)
	return f
}

const allSeals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

func TestEveryWayOfPuttingGivesTheSameValue(t *testing.T) {
	for _, size := range []int{0, 1, 4096, value.InlineMax, value.InlineMax + 1, 3 << 20} {
		c := open(t, t.TempDir(), Options{})
		content := blob(uint64(size), size)
		want, err := c.PutValue(t.Context(), value.Bytes, content)
		require.NoError(t, err)
		require.Equal(t, value.Sum(content), want.Digest)
		_, inline := want.Inline()
		require.Equal(t, size <= value.InlineMax, inline)

		plain, err := os.CreateTemp(t.TempDir(), "")
		require.NoError(t, err)
		defer plain.Close()
		_, err = plain.Write(content)
		require.NoError(t, err)
		for name, put := range map[string]func() (value.Value, error){
			"memory file": func() (value.Value, error) { return c.PutFile(t.Context(), value.Bytes, memory(t, content, allSeals)) },
			"plain file":  func() (value.Value, error) { return c.PutFile(t.Context(), value.Bytes, plain) },
			"reader":      func() (value.Value, error) { return c.PutReader(t.Context(), bytes.NewReader(content)) },
			"choppy reader": func() (value.Value, error) {
				return c.PutReader(t.Context(), iotest.HalfReader(bytes.NewReader(content)))
			},
		} {
			got, err := put()
			require.NoError(t, err, name)
			require.Equal(t, want, got, name)
			b, err := c.Bytes(t.Context(), got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, b), name)
		}
		u, err := c.Usage(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, u.Files, int64(1), "equal content is one file")
	}
}

func TestPutChecksEncodings(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	var bad *EncodingError
	_, err := c.PutValue(t.Context(), value.Int, []byte("short"))
	require.ErrorAs(t, err, &bad)
	large := bytes.Repeat([]byte{0xff}, value.InlineMax+1)
	_, err = c.PutFile(t.Context(), value.String, memory(t, large, allSeals))
	require.ErrorAs(t, err, &bad)
	_, err = c.PutFile(t.Context(), value.String, memory(t, large, unix.F_SEAL_GROW))
	require.ErrorContains(t, err, "sealed", "what can still change cannot be checked")

	// JSON that is large as it was written and small in its canonical form.
	spaced := append(bytes.Repeat([]byte(" "), value.InlineMax), `{"b":1, "a":2}`...)
	v, err := c.PutFile(t.Context(), value.JSON, memory(t, spaced, allSeals))
	require.NoError(t, err)
	enc, ok := v.Inline()
	require.True(t, ok)
	require.Equal(t, `{"a":2,"b":1}`, string(enc))

	_, err = c.PutReader(t.Context(), io.MultiReader(bytes.NewReader(large), iotest.ErrReader(errors.New("mine"))))
	require.ErrorContains(t, err, "mine")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.PutReader(ctx, bytes.NewReader(large))
	require.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(c.files.tmp())
	require.NoError(t, err)
	require.Empty(t, left, "failed puts leave nothing")
}

// lookedAt is a context that counts how often somebody looks whether it has ended, and ends after some looks.
type lookedAt struct {
	context.Context
	looks, most int
}

func (c *lookedAt) Err() error {
	if c.looks++; c.looks > c.most {
		return context.Canceled
	}
	return nil
}

func TestPutEndsWithItsContext(t *testing.T) {
	for typ, enc := range map[value.Type][]byte{value.JSON: []byte("[0" + strings.Repeat(`,"sixteen letters."`, 1<<14) + "]"), value.Bytes: blob(1, 3<<20)} {
		all := &lookedAt{t.Context(), 0, 1 << 30}
		_, err := open(t, t.TempDir(), Options{}).PutFile(all, typ, memory(t, enc, allSeals))
		require.NoError(t, err)
		c := open(t, t.TempDir(), Options{})
		for most := range all.looks {
			_, err := c.PutFile(&lookedAt{t.Context(), 0, most}, typ, memory(t, enc, allSeals))
			require.ErrorIs(t, err, context.Canceled, "%s after %d looks of %d", typ, most, all.looks)
			var bad *EncodingError
			require.False(t, errors.As(err, &bad), "the node did nothing wrong")
		}
		left, err := os.ReadDir(c.files.tmp())
		require.NoError(t, err)
		require.Empty(t, left)
		require.False(t, c.files.has(value.Sum(enc), int64(len(enc))))
	}
}

func TestOpenVerifies(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	content := blob(1, 1<<20)
	put := func() (value.Value, string) {
		v, err := c.PutValue(t.Context(), value.Bytes, content)
		require.NoError(t, err)
		path := c.files.path(v.Digest)
		require.NoError(t, os.Chmod(path, 0o600)) // the test is going to damage it
		return v, path
	}
	for name, damage := range map[string]func(path string) error{
		"flipped": func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte{content[777] ^ 1}, 777)
			return errors.Join(err, os.Chtimes(path, time.Time{}, clk.now())) // the clock that files have may not have ticked since
		},
		"cut":     func(path string) error { return os.Truncate(path, 1<<19) },
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"grown":   func(path string) error { return os.Truncate(path, 1<<21) },
		"removed": os.Remove,
	} {
		v, path := put()
		clk.add(time.Second) // old enough for its state to be remembered
		for range 2 {
			f, err := c.Open(t.Context(), v)
			require.NoError(t, err)
			_, err = f.Write([]byte("x"))
			require.Error(t, err, "read-only")
			require.NoError(t, f.Close())
		}
		require.NoError(t, damage(path), name)
		_, err := c.Open(t.Context(), v)
		require.ErrorIs(t, err, ErrLost, name)
		require.NoFileExists(t, path, name)
		require.False(t, c.files.has(v.Digest, v.Size))
	}
	v, path := put()
	require.NoError(t, os.Truncate(path, 10))
	again, err := c.PutValue(t.Context(), value.Bytes, content)
	require.NoError(t, err, "putting it again repairs it")
	require.Equal(t, v, again)
	b, err := c.Bytes(t.Context(), v)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, b))

	_, err = c.Open(t.Context(), value.Stored(value.Bytes, v.Digest, v.Size+1))
	require.ErrorIs(t, err, ErrLost)
}

func TestVerdictIsKeptOnlyForTheSameState(t *testing.T) {
	clk := &clock{at: time.Now()}
	c := open(t, t.TempDir(), Options{now: clk.now})
	v, err := c.PutValue(t.Context(), value.Bytes, blob(1, 1<<20))
	require.NoError(t, err)
	known := func() bool {
		c.files.mu.Lock()
		defer c.files.mu.Unlock()
		_, ok := c.files.verified[v.Digest]
		return ok
	}
	require.True(t, c.files.whole(t.Context(), v.Digest, v.Size))
	require.False(t, known(), "changed a moment ago: another change would not show")
	clk.add(time.Second)
	require.True(t, c.files.whole(t.Context(), v.Digest, v.Size))
	require.True(t, known())
}
