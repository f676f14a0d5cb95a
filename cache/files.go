package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"levee/graph/value"
)

// fileStore keeps values over value.InlineMax as files values/aa/<digest>. A file appears under its name only when it is
// whole and on disk. A file's modification time is its last use, in steps of useStep.
type fileStore struct {
	dir string
	now func() time.Time

	mu       sync.Mutex
	verified map[value.Digest]verdict // guarded by mu
}

// verdict says which state of a file had the right digest. The kernel changes ctime with every write, so an unchanged
// stamp is unchanged content, as far as anything but a failing disk goes; after recheck it is hashed again for that.
type verdict struct {
	stamp stamp
	at    time.Time
}

const (
	recheck = 10 * time.Minute
	// settle guards against a write in the same tick of the file system's clock as the hashing.
	settle      = 50 * time.Millisecond
	maxVerdicts = 1 << 14
	useStep     = 5 * time.Minute
	copyBuffer  = 256 << 10
)

// errDamaged is a value file that is not what its name says.
var errDamaged = errors.New("value file is damaged")

func newFileStore(dir string, now func() time.Time) *fileStore {
	return &fileStore{dir: dir, now: now, verified: map[value.Digest]verdict{}}
}

func (s *fileStore) path(d value.Digest) string {
	name := d.String()
	return filepath.Join(s.dir, name[:2], name)
}

func (s *fileStore) tmp() string { return filepath.Join(s.dir, "tmp") }

// has reports whether the file is there with the right size, and notes the use, because whoever asks is about to hand
// the value on; its content is verified when it is opened.
func (s *fileStore) has(d value.Digest, size int64) bool {
	info, err := os.Lstat(s.path(d))
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return false
	}
	s.note(s.path(d), info)
	return true
}

// open returns a read-only descriptor whose content was verified. A damaged file is removed.
func (s *fileStore) open(ctx context.Context, d value.Digest, size int64) (*os.File, error) {
	f, err := os.Open(s.path(d))
	if err != nil {
		return nil, err
	}
	s.touch(f) // before verify, because it changes the stamp
	if err := s.verify(ctx, f, d, size); err != nil {
		if errors.Is(err, errDamaged) {
			s.removeSame(d, f)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// verify hashes the content, unless this very state of the file was hashed a short time ago. It leaves the offset at 0.
func (s *fileStore) verify(ctx context.Context, f *os.File, d value.Digest, size int64) error {
	before, err := statFile(f)
	if err != nil {
		return err
	}
	if before.size != size {
		return fmt.Errorf("%w: %s has %d bytes, want %d", errDamaged, d.Short(), before.size, size)
	}
	s.mu.Lock()
	known, ok := s.verified[d]
	s.mu.Unlock()
	if ok && known.stamp == before && s.now().Sub(known.at) < recheck {
		return nil
	}
	got, n, err := hashFile(ctx, f)
	if err != nil {
		return err
	}
	after, err := statFile(f)
	if err != nil {
		return err
	}
	if got != d || n != size {
		return fmt.Errorf("%w: %s has the content of %s", errDamaged, d.Short(), got.Short())
	}
	if after == before { // else somebody noted a use, or put the same content in its place
		s.remember(d, after)
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

func (s *fileStore) remember(d value.Digest, st stamp) {
	now := s.now()
	if now.Sub(st.changed) < settle {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) >= maxVerdicts {
		clear(s.verified)
	}
	s.verified[d] = verdict{stamp: st, at: now}
}

func (s *fileStore) forget(d value.Digest) {
	s.mu.Lock()
	delete(s.verified, d)
	s.mu.Unlock()
}

func hashFile(ctx context.Context, f *os.File) (value.Digest, int64, error) {
	var h value.Hasher
	buf := make([]byte, copyBuffer)
	for off := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return value.Digest{}, 0, err
		}
		n, err := f.ReadAt(buf, off)
		h.Write(buf[:n])
		off += int64(n)
		if err == io.EOF {
			return h.Sum(), off, nil
		}
		if err != nil {
			return value.Digest{}, 0, err
		}
	}
}

// touch notes the use of an open file.
func (s *fileStore) touch(f *os.File) {
	if info, err := f.Stat(); err == nil {
		s.note(f.Name(), info)
	}
}

// note puts the time of use into the modification time. One that is not noted costs a value at worst, and only a rarely
// used one, so errors are left alone.
func (s *fileStore) note(path string, info os.FileInfo) {
	if now := s.now(); now.Sub(info.ModTime()) > useStep {
		_ = os.Chtimes(path, time.Time{}, now)
	}
}

// put writes what fill writes, under its digest. It returns the digest and the size; an error of fill or of the disk, or the
// end of ctx before all is written, leaves no file.
func (s *fileStore) put(ctx context.Context, fill func(io.Writer) (value.Digest, int64, error)) (value.Digest, int64, error) {
	if err := os.MkdirAll(s.tmp(), 0o700); err != nil {
		return value.Digest{}, 0, err
	}
	f, err := os.CreateTemp(s.tmp(), "put-")
	if err != nil {
		return value.Digest{}, 0, err
	}
	d, size, err := fill(&fileWriter{ctx: ctx, file: f})
	if err == nil {
		err = f.Chmod(0o400)
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = s.publish(f.Name(), d)
	}
	if err != nil {
		os.Remove(f.Name())
		return d, size, err
	}
	return d, size, nil
}

// fileWriter writes a value file until ctx ends. Nothing ends a sync early, and it takes as long as what the kernel has not written
// yet, so there is one for every syncEvery bytes; that takes no longer than a single one for all of them.
type fileWriter struct {
	ctx    context.Context
	file   *os.File
	behind int // bytes since the last sync
}

const writePiece, syncEvery = 1 << 20, 32 << 20

func (w *fileWriter) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if err := w.ctx.Err(); err != nil {
			return n, err
		}
		if w.behind >= syncEvery {
			if err := w.file.Sync(); err != nil {
				return n, err
			}
			w.behind = 0
		}
		k, err := w.file.Write(b[n:min(len(b), n+writePiece)])
		n, w.behind = n+k, w.behind+k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (s *fileStore) publish(temp string, d value.Digest) error {
	path := s.path(d)
	folder := filepath.Dir(path)
	err := os.Mkdir(folder, 0o700)
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s.forget(d)
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(folder)
}

// whole reports whether the value is there, verified, and notes the use; a damaged file is removed.
func (s *fileStore) whole(ctx context.Context, d value.Digest, size int64) bool {
	f, err := s.open(ctx, d, size)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// removeSame removes the value file unless it was replaced since f was opened.
func (s *fileStore) removeSame(d value.Digest, f *os.File) {
	opened, err := f.Stat()
	if err != nil {
		return
	}
	if now, err := os.Lstat(s.path(d)); err == nil && os.SameFile(opened, now) {
		s.remove(d)
	}
}

func (s *fileStore) remove(d value.Digest) {
	s.forget(d)
	os.Remove(s.path(d))
}

// file is a value file as a walk finds it.
type file struct {
	digest value.Digest
	size   int64
	used   time.Time
}

func (s *fileStore) stat(d value.Digest) (file, error) {
	info, err := os.Lstat(s.path(d))
	if err != nil {
		return file{}, err
	}
	return file{digest: d, size: info.Size(), used: info.ModTime()}, nil
}

// walk calls each for every value file. Files that a crash left in tmp and that are older than stale are removed.
func (s *fileStore) walk(ctx context.Context, stale time.Duration, each func(file) error) error {
	folders, err := os.ReadDir(s.dir)
	if err != nil {
		return ignoreAbsent(err)
	}
	for _, folder := range folders {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := os.ReadDir(filepath.Join(s.dir, folder.Name()))
		if err != nil {
			continue // not a folder, or gone meanwhile
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			d, err := value.ParseDigest(e.Name())
			switch {
			case err == nil && strings.HasPrefix(e.Name(), folder.Name()):
				if err := each(file{digest: d, size: info.Size(), used: info.ModTime()}); err != nil {
					return err
				}
			case folder.Name() == "tmp" && s.now().Sub(info.ModTime()) > stale:
				os.Remove(filepath.Join(s.tmp(), e.Name()))
			}
		}
	}
	return nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
