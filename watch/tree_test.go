package watch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTreeInitial(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "b/c.txt"), "c")
	write(t, filepath.Join(root, "a.txt"), "a")
	write(t, filepath.Join(root, ".git/x"), "x")
	f := follow(t, Options{Root: root})
	require.Equal(t, []string{"a.txt", "b/c.txt"}, added(f.initial()))
	require.EqualValues(t, 1, f.initial().Added[0].Signature.Size)

	write(t, filepath.Join(root, "a.txt"), "longer")
	require.NoError(t, os.RemoveAll(filepath.Join(root, "b")))
	f.settled()
}

func TestTreeEmpty(t *testing.T) {
	f := follow(t, Options{Root: t.TempDir()})
	require.Empty(t, f.initial().Added)
	require.Error(t, Tree(t.Context(), Options{Root: filepath.Join(f.root, "absent")}, nil))
}

// What lies there at the start is in the initial batch, however late the first look comes.
func TestTreeSlowStart(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.txt"), "a")
	tr, err := newTree(Options{Root: root, Settle: time.Hour, rescan: 1000 * time.Hour})
	require.NoError(t, err)
	defer tr.close()
	late := time.Now().Add(100 * time.Hour)
	tr.pass(late)
	_, ok := tr.batch(late)
	require.False(t, ok)
	late = late.Add(time.Hour)
	tr.pass(late)
	b, ok := tr.batch(late)
	require.True(t, ok)
	require.True(t, b.Initial)
	require.Equal(t, []string{"a.txt"}, added(b))
}

// A thousand files, written in pieces as cp does, and a thousand renamed into place from a neighbour folder:
// none is missed, and each is delivered once, when it is whole.
func TestTreeThousands(t *testing.T) {
	const files, pieces = 1000, 4
	piece := strings.Repeat("0123456789abcdef", 64)
	root, outside := t.TempDir(), t.TempDir()
	f := follow(t, Options{Root: root})
	var writers sync.WaitGroup
	writers.Go(func() {
		require.NoError(t, os.Mkdir(filepath.Join(root, "copied"), 0o755))
		for i := range files {
			out, err := os.Create(filepath.Join(root, "copied", fmt.Sprint(i)))
			require.NoError(t, err)
			for range pieces {
				_, err = io.WriteString(out, piece)
				require.NoError(t, err)
			}
			require.NoError(t, out.Close())
		}
	})
	writers.Go(func() {
		require.NoError(t, os.Mkdir(filepath.Join(root, "moved"), 0o755))
		for i := range files {
			temp := filepath.Join(outside, fmt.Sprint(i))
			require.NoError(t, os.WriteFile(temp, []byte(strings.Repeat(piece, pieces)), 0o644))
			require.NoError(t, os.Rename(temp, filepath.Join(root, "moved", fmt.Sprint(i))))
		}
	})
	writers.Wait()
	f.settled()
	require.Equal(t, 2*files, len(f.files))
	for path, sig := range f.files {
		require.EqualValues(t, len(piece)*pieces, sig.Size, path)
	}
}

// A file that grows all the time is not delivered while it does, and holds nothing back.
func TestTreeGrowingFile(t *testing.T) {
	root := t.TempDir()
	f := follow(t, Options{Root: root})
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		out, err := os.Create(filepath.Join(root, "big"))
		require.NoError(t, err)
		defer out.Close()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				out.WriteString("more")
			}
		}
	})
	for i := range 3 {
		small := fmt.Sprintf("small%d", i)
		write(t, filepath.Join(root, small), "x")
		f.until(small, func() bool { return f.files[small] != Signature{} })
	}
	f.mu.Lock()
	_, early := f.files["big"]
	f.mu.Unlock()
	close(stop)
	writer.Wait()
	f.settled()
	// On a machine that stalls the writer for longer than the quiet window an early delivery is what the rules ask for; then it
	// must have been followed by the whole.
	if early {
		t.Log("the writer was stalled")
	}
}

// Files in folders that are made, filled, moved and removed faster than they can be watched.
func TestTreeFolders(t *testing.T) {
	root := t.TempDir()
	f := follow(t, Options{Root: root})
	for i := range 50 {
		deep := filepath.Join(root, fmt.Sprintf("d%d/e/f", i))
		write(t, filepath.Join(deep, "one"), "1")
		write(t, filepath.Join(filepath.Dir(deep), "two"), "2")
	}
	f.settled()
	require.Len(t, f.files, 100)
	for i := range 10 { // folders that are watched get new names: what happens in them must be seen under these
		require.NoError(t, os.Rename(filepath.Join(root, fmt.Sprintf("d%d", i)), filepath.Join(root, fmt.Sprintf("m%d", i))))
	}
	f.settled()
	for i := range 10 {
		write(t, filepath.Join(root, fmt.Sprintf("m%d/e/f/one", i)), "changed")
		write(t, filepath.Join(root, fmt.Sprintf("m%d/e/three", i)), "3")
	}
	f.settled()
	require.NoError(t, os.Rename(filepath.Join(root, "m0"), filepath.Join(t.TempDir(), "away")))
	for i := 20; i < 30; i++ {
		require.NoError(t, os.RemoveAll(filepath.Join(root, fmt.Sprintf("d%d", i))))
	}
	write(t, filepath.Join(root, "d20/e/f/one"), "again")
	f.settled()
	write(t, filepath.Join(root, "d20/e/f/one"), "and again")
	f.settled()
}

// How editors save: a new file over the old name, or the old one moved aside first.
func TestTreeEditors(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "a.flow.yaml")
	write(t, name, "old")
	f := follow(t, Options{Root: root})
	for i := range 3 {
		before, began := len(f.batches), time.Now()
		if i == 1 {
			require.NoError(t, os.Rename(name, name+"~"))
		}
		temp := filepath.Join(root, ".a.flow.yaml.swp")
		write(t, filepath.Join(root, "4913"), "")
		require.NoError(t, os.Remove(filepath.Join(root, "4913")))
		write(t, temp, fmt.Sprint("new", i))
		require.NoError(t, os.Rename(temp, name))
		took := time.Since(began)
		f.settled()
		if took >= settle { // so long was there no such file, perhaps, and the rules ask to tell so
			t.Log("the writer was stalled for", took)
			continue
		}
		f.mu.Lock()
		require.Len(t, f.batches, before+1)
		require.Len(t, f.batches[before].Changed, 1)
		f.mu.Unlock()
	}
}

func TestTreeRefusesAndLimits(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	write(t, at("a"), "x")
	require.NoError(t, os.Symlink(root, at("self")))
	f := follow(t, Options{Root: root, maxFiles: 3})
	require.Len(t, f.initial().Refused, 1)
	require.Equal(t, Symlink, f.initial().Refused[0].Reason)

	reasons := map[string]Reason{}
	require.NoError(t, unix.Mkfifo(at("fifo"), 0o644))
	write(t, at("bad\nname"), "x")
	write(t, at("b"), "x")
	require.NoError(t, os.Remove(at("a")))
	require.NoError(t, os.Symlink("b", at("a")))
	f.until("refusals", func() bool {
		for _, b := range f.batches {
			for _, r := range b.Refused {
				reasons[r.Path] = r.Reason
			}
		}
		_, isFile := f.files["a"]
		return len(reasons) == 4 && !isFile && len(f.files) == 1
	})
	require.Equal(t, map[string]Reason{"self": Symlink, "fifo": FIFO, "bad\nname": BadName, "a": Symlink}, reasons)

	for i := range 5 {
		write(t, at(fmt.Sprint("more", i)), "x")
	}
	f.until("the limit", func() bool { return len(f.files) == 3 && len(f.logged) == 1 })
	var limit *LimitError
	require.ErrorAs(t, f.logged[0], &limit)
}

// After everything has settled, nothing wakes it up before the next rescan.
func TestTreeIdles(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a/b"), "x")
	tr, err := newTree(Options{Root: root, Settle: time.Millisecond, rescan: time.Hour})
	require.NoError(t, err)
	defer tr.close()
	now := time.Now()
	tr.pass(now)
	tr.pass(now.Add(2 * time.Millisecond))
	_, ok := tr.batch(now.Add(time.Second))
	require.True(t, ok)
	require.Greater(t, time.Until(tr.nextPass()), 50*time.Minute)
}

// How long after the quiet window a dropped file is delivered.
func BenchmarkDrop(b *testing.B) {
	root := b.TempDir()
	const settle = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	delivered := make(chan Batch)
	var running sync.WaitGroup
	running.Go(func() { Tree(ctx, Options{Root: root, Settle: settle}, func(batch Batch) { delivered <- batch }) })
	<-delivered
	i := 0
	for b.Loop() {
		i++
		require.NoError(b, os.WriteFile(filepath.Join(root, fmt.Sprint(i)), []byte("x"), 0o644))
		<-delivered
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)-float64(settle.Microseconds()), "us-after-settle")
	cancel()
	running.Wait()
}

// A rescan of 10,000 files in which nothing has changed.
func BenchmarkRescan(b *testing.B) {
	root := b.TempDir()
	for i := range 10_000 {
		name := filepath.Join(root, fmt.Sprint("d", i%100), fmt.Sprint(i))
		require.NoError(b, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(b, os.WriteFile(name, []byte("x"), 0o644))
	}
	tr, err := newTree(Options{Root: root, rescan: time.Hour})
	require.NoError(b, err)
	defer tr.close()
	tr.lookAtAll(time.Now(), nil)
	for b.Loop() {
		tr.lookAtAll(time.Now(), nil)
	}
}

// Hammer: many writers, movers and removers at once; in the end what was told is what is there.
func TestTreeHammer(t *testing.T) {
	root := t.TempDir()
	f := follow(t, Options{Root: root})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			dir := filepath.Join(root, fmt.Sprintf("w%d", w%2))
			for i := range 150 {
				os.MkdirAll(dir, 0o755)
				name := filepath.Join(dir, fmt.Sprint(i%40))
				switch i % 7 {
				case 3:
					os.Remove(name)
				case 4:
					os.Rename(name, name+".moved")
				case 6:
					if i%5 == 0 {
						os.Rename(dir, fmt.Sprintf("%s-%d-%d", dir, w, i))
					}
				default:
					os.WriteFile(name, []byte(strings.Repeat("x", i)), 0o644)
				}
			}
		})
	}
	all.Wait()
	f.settled()
}
