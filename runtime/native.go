//go:build linux

package runtime

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// nativeStore keeps compiled code on disk. Whoever can change a file there runs code in a worker, so: a worker that
// compiles writes into a directory of its own; the daemon copies plain files out of it and vouches for them with a MAC
// over module, engine and content; workers that load get that one directory, read-only, and what they loaded counts
// only after the daemon has checked the MAC.
type nativeStore struct {
	dir string
	key []byte

	mu      sync.Mutex
	checked map[[32]byte]bool // vouched for since this engine was made
}

const (
	keyName       = "native.key"
	macName       = "mac"
	maxNativeSize = 1 << 30
	maxNativeFile = 64
)

func openNative(dir string) (*nativeStore, error) {
	s := &nativeStore{dir: dir, checked: map[[32]byte]bool{}}
	err := s.folders()
	if err != nil {
		return nil, err
	}
	if s.key, err = readKey(s.path(keyName)); err != nil {
		return nil, err
	}
	// What a killed engine left behind; what another engine on this directory compiles just now is younger.
	old, _ := os.ReadDir(s.path("staging"))
	for _, e := range old {
		if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > time.Hour {
			_ = os.RemoveAll(s.path("staging", e.Name()))
		}
	}
	return s, nil
}

// folders makes the store's folders where they are not, or not any more: they lie in a cache, which people delete.
func (s *nativeStore) folders() error {
	for _, d := range []string{s.dir, s.path("native"), s.path("staging")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
		if err := checkOwn(d); err != nil {
			return err
		}
	}
	return nil
}

func (s *nativeStore) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// checkOwn refuses a directory that others could write to.
func checkOwn(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of this user", dir)
	}
	if st.Mode&0o022 != 0 {
		return fmt.Errorf("%s can be written by others; run chmod 700 on it", dir)
	}
	return nil
}

// readKey reads the key, or makes it. A key that others could read vouches for nothing and is made anew.
func readKey(name string) ([]byte, error) {
	if key := goodKey(name); key != nil {
		return key, nil
	}
	_ = os.Remove(name)
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), keyName+"-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(key)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, err
	}
	// Linked, not renamed: of two engines that make a key at once the first wins.
	if err := os.Link(temp.Name(), name); err != nil {
		if key := goodKey(name); key != nil {
			return key, nil
		}
		return nil, err
	}
	return key, nil
}

func goodKey(name string) []byte {
	st, err := os.Lstat(name)
	if err != nil || !st.Mode().IsRegular() || st.Mode().Perm()&0o077 != 0 {
		return nil
	}
	key, err := os.ReadFile(name)
	if err != nil || len(key) != 32 {
		return nil
	}
	return key
}

func (s *nativeStore) place(h [32]byte) string {
	return s.path("native", hex.EncodeToString(h[:])+"-"+EngineVersion()+"-"+nativeFormat)
}

// has says whether there is native code for a module, vouched for or not.
func (s *nativeStore) has(h [32]byte) bool {
	_, err := os.Lstat(filepath.Join(s.place(h), macName))
	return err == nil
}

// stage makes an empty directory for a worker that compiles.
func (s *nativeStore) stage() (string, error) {
	if err := s.folders(); err != nil {
		return "", err
	}
	return os.MkdirTemp(s.path("staging"), "w-*")
}

// verify checks the MAC of a module's native code, once per engine.
func (s *nativeStore) verify(h [32]byte) error {
	s.mu.Lock()
	ok := s.checked[h]
	s.mu.Unlock()
	if ok {
		return nil
	}
	dir := s.place(h)
	want, err := os.ReadFile(filepath.Join(dir, macName))
	if err != nil {
		return err
	}
	got, err := s.mac(h, dir, nil)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, got) {
		return errors.New("native code was changed")
	}
	s.vouch(h)
	return nil
}

func (s *nativeStore) vouch(h [32]byte) {
	s.mu.Lock()
	s.checked[h] = true
	s.mu.Unlock()
}

// remove forgets a module's native code.
func (s *nativeStore) remove(h [32]byte) {
	s.mu.Lock()
	delete(s.checked, h)
	s.mu.Unlock()
	_ = os.RemoveAll(s.place(h))
}

// adopt copies what a worker wrote into the store, vouches for it, and removes the staging directory.
func (s *nativeStore) adopt(h [32]byte, staging string) error {
	defer os.RemoveAll(staging)
	temp, err := os.MkdirTemp(s.path("native"), "new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	sum, err := s.mac(h, staging, func(name string) (io.WriteCloser, error) {
		to := filepath.Join(temp, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return nil, err
		}
		return os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(temp, macName), sum, 0o400); err != nil {
		return err
	}
	_ = os.RemoveAll(s.place(h))
	if err := os.Rename(temp, s.place(h)); err != nil {
		return err
	}
	s.vouch(h)
	return s.trim(maxNative, h)
}

// maxNative bounds the native code that is kept: everybody who can have modules run adds to it.
const maxNative = 4 << 30

// used notes that a module's native code is wanted.
func (s *nativeStore) used(h [32]byte) {
	now := time.Now()
	_ = os.Chtimes(s.place(h), now, now)
}

// trim removes the native code that was used least recently until the rest takes at most so many bytes, and what an engine
// left that was killed while it adopted some. That of module keep stays.
func (s *nativeStore) trim(most int64, keep [32]byte) error {
	type stored struct {
		dir  string
		size int64
		at   time.Time
	}
	dirs, err := os.ReadDir(s.path("native"))
	if err != nil {
		return err
	}
	var all []stored
	for _, d := range dirs {
		info, err := d.Info()
		if err != nil {
			continue // another engine removed it
		}
		have := stored{dir: s.path("native", d.Name()), at: info.ModTime()}
		_ = filepath.WalkDir(have.dir, func(_ string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				if info, err := e.Info(); err == nil {
					have.size += info.Size()
				}
			}
			return nil
		})
		most -= have.size
		all = append(all, have)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].at.Before(all[j].at) })
	for _, have := range all {
		switch unfinished := strings.HasPrefix(filepath.Base(have.dir), "new-"); {
		case have.dir == s.place(keep), unfinished && time.Since(have.at) < time.Hour, !unfinished && most >= 0:
			continue
		}
		most += have.size
		if err := os.RemoveAll(have.dir); err != nil {
			return err
		}
		s.mu.Lock()
		clear(s.checked) // whoever makes it again, it is to be checked again
		s.mu.Unlock()
	}
	return nil
}

// mac reads the files of a directory and of those in it, in the order of their names, and returns the MAC over them. copyTo, if
// not nil, takes a copy of each. Anything but plain files of bounded number and size is refused.
func (s *nativeStore) mac(h [32]byte, dir string, copyTo func(name string) (io.WriteCloser, error)) ([]byte, error) {
	names, err := plainFiles(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	m := hmac.New(sha256.New, s.key)
	fmt.Fprintf(m, "levee native %s %s\x00%x\x00", nativeFormat, EngineVersion(), h)
	for _, name := range names {
		if err := addFile(m, root, name, copyTo); err != nil {
			return nil, err
		}
	}
	return m.Sum(nil), nil
}

// plainFiles lists them, and looks at no more than there should be: a worker may leave as many as it likes.
func plainFiles(dir string) (names []string, err error) {
	left := maxNativeFile
	var list func(sub string) error
	list = func(sub string) error {
		f, err := os.Open(filepath.Join(dir, sub))
		if err != nil {
			return err
		}
		defer f.Close()
		entries, err := f.ReadDir(left + 1)
		if err != nil && err != io.EOF {
			return err
		}
		if left -= len(entries); left < 0 {
			return errors.New("native code: too many files")
		}
		for _, e := range entries {
			switch name := filepath.Join(sub, e.Name()); {
			case e.IsDir():
				if err := list(name); err != nil {
					return err
				}
			case !e.Type().IsRegular():
				return fmt.Errorf("native code: %s is no plain file", name)
			case name != macName:
				names = append(names, name)
			}
		}
		return nil
	}
	if err := list("."); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("native code: there is none")
	}
	sort.Strings(names)
	return names, nil
}

func addFile(m hash.Hash, root *os.Root, name string, copyTo func(string) (io.WriteCloser, error)) error {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 1 || st.Size > maxNativeSize {
		return fmt.Errorf("native code: %s is no plain file", name)
	}
	fmt.Fprintf(m, "%d %s %d\x00", len(name), name, st.Size)
	var to io.Writer = m
	var out io.WriteCloser
	if copyTo != nil {
		if out, err = copyTo(name); err != nil {
			return err
		}
		to = io.MultiWriter(m, out)
	}
	n, err := io.CopyBuffer(to, io.LimitReader(f, st.Size), make([]byte, 256<<10))
	if out != nil {
		err = errors.Join(err, out.Close())
	}
	if err == nil && n != st.Size {
		err = fmt.Errorf("native code: %s changed while it was read", name)
	}
	return err
}

func (s *nativeStore) discard(staging string) { _ = os.RemoveAll(staging) }
