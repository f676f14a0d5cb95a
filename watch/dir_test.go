package watch

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// openBoth runs a test with the kernel's own walk and with ours.
func openBoth(t *testing.T, test func(t *testing.T, d *Dir, root string)) {
	for name, byHand := range map[string]bool{"openat2": false, "by hand": true} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			d, err := OpenDir(root)
			require.NoError(t, err)
			defer d.Close()
			if !byHand && d.byHand {
				t.Skip("this kernel has no openat2")
			}
			d.byHand = byHand
			test(t, d, root)
		})
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
}

func requireRefused(t *testing.T, err error, want Reason) {
	t.Helper()
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason, err.Error())
}

func TestReadFile(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		write(t, filepath.Join(root, "inbox/Frühling 2024 (1).jpg"), "picture")
		write(t, filepath.Join(root, "empty"), "")
		data, err := d.ReadFile("inbox/Frühling 2024 (1).jpg", 7)
		require.NoError(t, err)
		require.Equal(t, "picture", string(data))
		data, err = d.ReadFile("empty", 0)
		require.NoError(t, err)
		require.Empty(t, data)

		_, err = d.ReadFile("inbox/Frühling 2024 (1).jpg", 6)
		requireRefused(t, err, TooLarge)
		_, err = d.ReadFile("absent", 7)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = d.ReadFile("empty/below", 7)
		require.Error(t, err)

		f, info, err := d.Open("inbox/Frühling 2024 (1).jpg", 7)
		require.NoError(t, err)
		defer f.Close()
		require.NotZero(t, SignatureOf(info).Inode)
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		require.NoError(t, err)
		require.Zero(t, flags&unix.O_NONBLOCK, "a worker must get a plain file")

		sub, err := d.Sub("inbox")
		require.NoError(t, err)
		defer sub.Close()
		_, err = sub.ReadFile("../empty", 7)
		requireRefused(t, err, BadName)
		_, err = d.Sub("../x")
		requireRefused(t, err, BadName)
	})
}

// Hostile inputs L1 to L8: each is refused for what it is, and none blocks.
func TestHostileFiles(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		at := func(name string) string { return filepath.Join(root, name) }
		outside := filepath.Join(t.TempDir(), "secret")
		write(t, outside, "secret")
		write(t, at("plain"), "x")
		require.NoError(t, os.Mkdir(at("folder"), 0o755))

		require.NoError(t, os.Symlink(outside, at("link out")))
		require.NoError(t, os.Symlink("plain", at("link in")))
		require.NoError(t, os.Symlink("loop", at("loop")))
		require.NoError(t, os.Symlink(filepath.Dir(outside), at("linked folder")))
		require.NoError(t, unix.Mkfifo(at("fifo"), 0o644))
		socket, err := net.Listen("unix", at("socket"))
		require.NoError(t, err)
		defer socket.Close()
		write(t, at("two names"), "x")
		require.NoError(t, os.Link(at("two names"), filepath.Join(t.TempDir(), "other")))
		write(t, at("shared"), "x")
		require.NoError(t, os.Chmod(at("shared"), 0o666))
		sparse, err := os.Create(at("sparse"))
		require.NoError(t, err)
		require.NoError(t, sparse.Truncate(1<<40))
		require.NoError(t, sparse.Close())

		for name, want := range map[string]Reason{
			"link out": Symlink, "link in": Symlink, "loop": Symlink, "linked folder/secret": Symlink,
			"fifo": FIFO, "socket": Socket, "folder": Directory, "two names": HardLink, "shared": Mode, "sparse": TooLarge,
			"../secret": BadName, outside: BadName, "folder/../plain": BadName, "./plain": BadName, "": BadName, "plain/": BadName,
		} {
			data, err := d.ReadFile(name, 1<<30)
			require.Nil(t, data, name)
			requireRefused(t, err, want)
		}

		d.AllowShared = true
		_, err = d.ReadFile("shared", 1)
		require.NoError(t, err)
		_, err = d.ReadFile("two names", 1)
		requireRefused(t, err, HardLink)
	})
}

func TestFilesOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make devices and give files away")
	}
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		name := filepath.Join(root, "theirs")
		write(t, name, "x")
		require.NoError(t, os.Chown(name, 4711, 4711))
		_, err := d.ReadFile("theirs", 1)
		requireRefused(t, err, Owner)

		require.NoError(t, os.Chown(name, 0, 4711))
		require.NoError(t, os.Chmod(name, 0o664))
		_, err = d.ReadFile("theirs", 1)
		requireRefused(t, err, Mode)

		device := filepath.Join(root, "zero")
		if err := unix.Mknod(device, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))); err == nil {
			_, err = d.ReadFile("zero", 1<<20)
			requireRefused(t, err, Device)
		}
	})
}

// A file that its owner's own group may write is what umask 002 makes: it is read.
func TestPrivateGroup(t *testing.T) {
	root := t.TempDir()
	d, err := OpenDir(root)
	require.NoError(t, err)
	defer d.Close()
	write(t, filepath.Join(root, "f"), "x")
	require.NoError(t, os.Chmod(filepath.Join(root, "f"), 0o664))
	gid := uint32(os.Getegid())
	d.private = func() (uint32, bool) { return gid, true }
	_, err = d.ReadFile("f", 1)
	require.NoError(t, err)
	d.private = func() (uint32, bool) { return 0, false }
	_, err = d.ReadFile("f", 1)
	requireRefused(t, err, Mode)
}

// L9: whatever a neighbour puts under the name, what comes back was one whole file, once.
func TestSwapWhileRead(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		a, b := strings.Repeat("a", 5000), strings.Repeat("b", 9000)
		name := filepath.Join(root, "module.wasm")
		write(t, name, a)
		stop := make(chan struct{})
		var swapper sync.WaitGroup
		swapper.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				temp := filepath.Join(root, "next")
				os.Remove(temp)
				switch i % 3 {
				case 0:
					os.WriteFile(temp, []byte(a), 0o644)
				case 1:
					os.WriteFile(temp, []byte(b), 0o644)
				case 2:
					os.Symlink("/etc/hostname", temp)
				}
				os.Rename(temp, name)
			}
		})
		for range 2000 {
			data, err := d.ReadFile("module.wasm", 1<<20)
			if err != nil {
				continue
			}
			if s := string(data); s != a && s != b {
				t.Errorf("read %d bytes that were never a file", len(s))
				break
			}
		}
		close(stop)
		swapper.Wait()
	})
}

// A file that is written in place while it is read is refused, never returned in part.
func TestGrowWhileRead(t *testing.T) {
	root := t.TempDir()
	d, err := OpenDir(root)
	require.NoError(t, err)
	defer d.Close()
	f, err := os.Create(filepath.Join(root, "f"))
	require.NoError(t, err)
	defer f.Close()
	line := bytes.Repeat([]byte("x"), 4096)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 0; n < 1<<23; n += len(line) {
			select {
			case <-stop:
				return
			default:
				f.Write(line)
			}
		}
	})
	for range 100 {
		data, err := d.ReadFile("f", 1<<30)
		if err == nil && len(data)%len(line) != 0 {
			t.Errorf("%d bytes", len(data))
		}
		if err != nil {
			requireRefused(t, err, Changing)
		}
	}
	close(stop)
	writer.Wait()
}

func TestReplacedFolder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "served")
	write(t, filepath.Join(root, "f"), "old")
	d, err := OpenDir(root)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, os.Rename(root, root+".old"))
	write(t, filepath.Join(root, "f"), "new")
	data, err := d.ReadFile("f", 10)
	require.NoError(t, err)
	require.Equal(t, "old", string(data))
	_, err = OpenDir(filepath.Join(root, "f"))
	require.Error(t, err)
}

func BenchmarkReadFile(b *testing.B) {
	root := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(root, "f"), make([]byte, 1000), 0o644))
	d, err := OpenDir(root)
	require.NoError(b, err)
	defer d.Close()
	b.Run("safe", func(b *testing.B) {
		for b.Loop() {
			d.ReadFile("f", 4096)
		}
	})
	b.Run("os.ReadFile", func(b *testing.B) {
		for b.Loop() {
			os.ReadFile(filepath.Join(root, "f"))
		}
	})
}
