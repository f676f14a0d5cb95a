package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The folder itself is moved away, is made anew, and is swapped for another through a link.
func TestTreeReplacedRoot(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "served")
	write(t, filepath.Join(root, "kept"), "1")
	write(t, filepath.Join(root, "gone"), "1")
	f := follow(t, Options{Root: root})
	replaced := func() int {
		return len(slices.Collect(func(yield func(int) bool) {
			for i, b := range f.batches {
				if b.Replaced && !yield(i) {
					return
				}
			}
		}))
	}
	require.NoError(t, os.Rename(root, root+".old"))
	f.until("everything removed", func() bool { return len(f.files) == 0 })
	write(t, filepath.Join(root, "kept"), "2")
	f.settled()
	f.until("replaced", func() bool { return replaced() == 1 })

	write(t, filepath.Join(base, "other/sub/new"), "3")
	require.NoError(t, os.RemoveAll(root))
	require.NoError(t, os.Symlink(filepath.Join(base, "other"), root))
	f.root = filepath.Join(base, "other")
	f.settled()
	f.until("replaced again", func() bool { return replaced() == 2 })
	write(t, filepath.Join(base, "other/sub/new"), "4 longer")
	f.settled()
}

// The folder is replaced while rescans rest: single looks go on in the new one.
func TestTreeReplacedWhileResting(t *testing.T) {
	root := filepath.Join(t.TempDir(), "served")
	require.NoError(t, os.Mkdir(root, 0o755))
	tr, err := newTree(Options{Root: root, rescan: time.Hour})
	require.NoError(t, err)
	defer tr.close()
	tr.pass(time.Now())
	require.NoError(t, os.Rename(root, root+".old"))
	write(t, filepath.Join(root, "d/f"), "x")
	tr.rescans.notBefore = time.Now().Add(time.Hour)
	tr.checkRoot()
	tr.look(time.Now(), "d", true)
	require.True(t, tr.settler.tracks("d/f"))
	require.True(t, tr.replaced)
}

// All events are lost, as when the queue has overflowed for good: rescans find everything.
func TestTreeLostEvents(t *testing.T) {
	root := t.TempDir()
	f := follow(t, Options{Root: root, rescan: 100 * time.Millisecond, faults: faults{drop: func(fsnotify.Event) bool { return true }}})
	for i := range 100 {
		write(t, filepath.Join(root, fmt.Sprintf("d%d/f", i%10), fmt.Sprint(i)), "x")
	}
	f.settled()
	require.NoError(t, os.RemoveAll(filepath.Join(root, "d1")))
	write(t, filepath.Join(root, "d2/f/2"), "y")
	f.settled()
}

// The queue overflows once: the looks that follow find what the lost events would have told.
func TestTreeOverflow(t *testing.T) {
	root := t.TempDir()
	tr, err := newTree(Options{Root: root, rescan: time.Hour, faults: faults{drop: func(fsnotify.Event) bool { return true }}})
	require.NoError(t, err)
	defer tr.close()
	tr.pass(time.Now())
	write(t, filepath.Join(root, "d/f"), "x")
	tr.pass(time.Now())
	require.Zero(t, tr.settler.size())
	tr.hints.fsn.Errors <- fsnotify.ErrEventOverflow
	<-tr.hints.wake
	tr.pass(time.Now().Add(time.Second))
	require.True(t, tr.settler.tracks("d/f"))
}

// More events than are remembered one by one, while the consumer is stuck.
func TestTreeStuckConsumer(t *testing.T) {
	root := t.TempDir()
	const files = maxTouched + 1000
	f := followWith(t, Options{Root: root}, func() {
		for i := range files {
			write(t, filepath.Join(root, fmt.Sprint(i%100), fmt.Sprint("f", i)), "x")
		}
	})
	f.settled()
	require.Equal(t, files, len(f.files))
}

// No watches left, or no events at all: it goes on, and says so once.
func TestTreeWithoutWatches(t *testing.T) {
	for name, broken := range map[string]faults{
		"watches":   {add: func(rel string) error { return unix.ENOSPC }},
		"instances": {hints: func() error { return unix.EMFILE }},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "a/b/c"), "x")
			f := follow(t, Options{Root: root, rescan: 100 * time.Millisecond, faults: broken})
			write(t, filepath.Join(root, "a/b/d"), "x")
			f.settled()
			write(t, filepath.Join(root, "a/b/d"), "longer")
			f.settled()
			f.mu.Lock()
			defer f.mu.Unlock()
			require.Len(t, f.logged, 1)
			var watchErr *WatchError
			require.ErrorAs(t, f.logged[0], &watchErr)
			require.Contains(t, watchErr.Error(), "raise fs.inotify")
		})
	}
}
