package watch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestWriteFile(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		err := d.WriteFile("out/2024/report.csv", strings.NewReader("a,b\n"), 100)
		require.NoError(t, err)
		data, err := d.ReadFile("out/2024/report.csv", 100)
		require.NoError(t, err)
		require.Equal(t, "a,b\n", string(data))

		err = d.WriteFile("out/2024/report.csv", strings.NewReader("second"), 6)
		require.NoError(t, err)
		same, err := d.Same("out/2024/report.csv", strings.NewReader("second"), 6)
		require.NoError(t, err)
		require.True(t, same)
		for _, other := range []string{"Second", "secon", "second!"} {
			same, err = d.Same("out/2024/report.csv", strings.NewReader(other), int64(len(other)))
			require.NoError(t, err)
			require.False(t, same, other)
		}
		same, err = d.Same("absent", strings.NewReader(""), 0)
		require.NoError(t, err)
		require.False(t, same)
	})
}

// A write that fails leaves the old file and nothing else.
func TestWriteFails(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		write(t, filepath.Join(root, "f"), "old")
		err := d.WriteFile("f", strings.NewReader("too long"), 7)
		requireRefused(t, err, TooLarge)
		broken := errors.New("broken")
		err = d.WriteFile("f", iotest.ErrReader(broken), 7)
		require.ErrorIs(t, err, broken)
		data, err := os.ReadFile(filepath.Join(root, "f"))
		require.NoError(t, err)
		require.Equal(t, "old", string(data))
		left, err := os.ReadDir(root)
		require.NoError(t, err)
		require.Len(t, left, 1)
	})
}

func TestWriteStaysInside(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		outside := t.TempDir()
		write(t, filepath.Join(outside, "f"), "theirs")
		require.NoError(t, os.Symlink(outside, filepath.Join(root, "linked")))
		require.NoError(t, os.Symlink(filepath.Join(outside, "f"), filepath.Join(root, "link")))
		require.NoError(t, os.Mkdir(filepath.Join(root, "folder"), 0o755))
		write(t, filepath.Join(root, "file"), "x")
		for name, want := range map[string]Reason{
			"linked/f": Symlink, "linked/new/f": Symlink, "link": Symlink, "folder": Directory,
			"../f": BadName, "/f": BadName, "a//b": BadName, "a/\x1b": BadName,
		} {
			err := d.WriteFile(name, strings.NewReader("ours"), 100)
			requireRefused(t, err, want)
		}
		err := d.WriteFile("file/below", strings.NewReader("ours"), 100)
		require.Error(t, err)
		data, err := os.ReadFile(filepath.Join(outside, "f"))
		require.NoError(t, err)
		require.Equal(t, "theirs", string(data))
		left, err := os.ReadDir(outside)
		require.NoError(t, err)
		require.Len(t, left, 1)
	})
}

// Hammer: writers of one new file in new folders, and readers; each read is one of the whole contents.
func TestWriteHammer(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		contents := []string{strings.Repeat("a", 100), strings.Repeat("b", 70_000), ""}
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for k := range 10 {
					err := d.WriteFile("deep/er/f", strings.NewReader(contents[(i+k)%len(contents)]), 1<<20)
					if err != nil {
						t.Error(err)
					}
				}
			})
			all.Go(func() {
				for range 100 {
					if data, err := d.ReadFile("deep/er/f", 1<<20); err == nil && len(data) != 0 && len(data) != 100 && len(data) != 70_000 {
						t.Errorf("read %d bytes", len(data))
					}
				}
			})
		}
		all.Wait()
	})
}
