// Package watch reads and watches one folder that other people write into.
//
// Dir opens, reads, writes and lists files below the folder and follows nothing out of it. Tree reports the
// changes below a folder once they have settled.
package watch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signature changes whenever a file's content may have: ctime moves with every write, also through a memory
// map or another hard link, and cannot be set back as mtime can. The zero Signature is no file.
type Signature struct {
	Size       int64
	ModTime    int64 // ns since 1970
	ChangeTime int64 // ns since 1970
	Device     uint64
	Inode      uint64
}

// SignatureOf is the signature of a file that Dir.Open returned.
func SignatureOf(info fs.FileInfo) Signature {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Signature{Size: info.Size(), ModTime: info.ModTime().UnixNano()}
	}
	return Signature{st.Size, st.Mtim.Nano(), st.Ctim.Nano(), uint64(st.Dev), st.Ino}
}

func statSignature(st *unix.Stat_t) Signature {
	return Signature{st.Size, st.Mtim.Nano(), st.Ctim.Nano(), uint64(st.Dev), st.Ino}
}

// Dir is an open folder. It stays the same folder when its name is given to another one.
// Its methods may be called from several goroutines.
type Dir struct {
	// AllowShared also accepts files that their group or everybody may write. Set it before use.
	AllowShared bool

	path    string
	root    *os.File
	device  uint64
	inode   uint64
	byHand  bool // the kernel has no openat2
	private func() (gid uint32, ok bool)
}

// OpenDir opens the folder that the operator named; links in this path are followed.
func OpenDir(name string) (*Dir, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return newDir(fd, name)
}

func newDir(fd int, name string) (*Dir, error) {
	d := &Dir{path: name, root: os.NewFile(uintptr(fd), name), private: sync.OnceValues(privateGroup)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		d.root.Close()
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	d.device, d.inode = uint64(st.Dev), st.Ino
	// EPERM is what container filters answer that are older than the call.
	probe, err := openat2(fd, ".", unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		unix.Close(probe)
	}
	d.byHand = errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM)
	return d, nil
}

// Sub opens a folder below d, under the same rules; "." is d's folder itself.
func (d *Dir) Sub(rel string) (*Dir, error) {
	if rel != "." {
		if err := CheckPath(rel); err != nil {
			return nil, err
		}
	}
	fd, err := d.openat(rel, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, d.openError(rel, err)
	}
	sub, err := newDir(fd, path.Join(d.path, rel))
	if err != nil {
		return nil, err
	}
	sub.AllowShared = d.AllowShared
	return sub, nil
}

// Close lets go of the folder. Files that were opened stay open.
func (d *Dir) Close() error { return d.root.Close() }

// Open opens a regular file below the folder for reading. It never blocks, follows no link and leaves the folder by no way.
// A file larger than max bytes, or one that others could have written or can write, is a *RefusedError;
// one that is not there is fs.ErrNotExist. Whoever hands the content on must read it once, from this file.
func (d *Dir) Open(rel string, max int64) (*os.File, fs.FileInfo, error) {
	if err := CheckPath(rel); err != nil {
		return nil, nil, err
	}
	// O_NONBLOCK: opening a FIFO would wait for a writer; O_NOCTTY: a terminal must not become ours.
	fd, err := d.openat(rel, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, nil, d.openError(rel, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, nil, &fs.PathError{Op: "stat", Path: rel, Err: err}
	}
	if refused := d.inspect(rel, &st, max); refused != nil {
		unix.Close(fd)
		return nil, nil, refused
	}
	// The file may be handed to a worker, which expects a plain one.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, nil, &fs.PathError{Op: "open", Path: rel, Err: err}
	}
	f := os.NewFile(uintptr(fd), rel)
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// ReadFile returns the content of a file that Open accepts. A file that changes meanwhile is refused (Changing):
// what is returned was the whole file at one moment.
func (d *Dir) ReadFile(rel string, max int64) ([]byte, error) {
	f, info, err := d.Open(rel, max)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// One byte more than the file has, so that growth shows; the size was checked against max.
	data := make([]byte, info.Size()+1)
	n, err := io.ReadFull(f, data)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, &fs.PathError{Op: "read", Path: rel, Err: err}
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if int64(n) != info.Size() || !sameContent(SignatureOf(info), SignatureOf(after)) {
		return nil, &RefusedError{rel, Changing, "it was written while it was read"}
	}
	return data[:n:n], nil
}

// sameContent leaves out the change time, which a rename moves too.
func sameContent(a, b Signature) bool {
	return a.Size == b.Size && a.ModTime == b.ModTime
}

// inspect refuses an open file that is not a plain file of ours.
func (d *Dir) inspect(rel string, st *unix.Stat_t, max int64) *RefusedError {
	if refused := refuseKind(rel, st.Mode); refused != nil {
		return refused
	}
	me := uint32(os.Geteuid())
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return &RefusedError{rel, Directory, "a file was expected"}
	case st.Nlink != 1:
		// A second name may lie where others write, so a check of this name says nothing. 0: it was just removed.
		return &RefusedError{rel, HardLink, fmt.Sprintf("it has %d names, it must have one", st.Nlink)}
	case st.Uid != me && st.Uid != 0:
		return &RefusedError{rel, Owner, fmt.Sprintf("it belongs to user %d; only files of user %d or root are read", st.Uid, me)}
	case st.Size > max:
		return &RefusedError{rel, TooLarge, fmt.Sprintf("%d bytes, at most %d", st.Size, max)}
	case st.Mode&0o002 != 0 && !d.AllowShared:
		return &RefusedError{rel, Mode, fmt.Sprintf("everybody may write it (mode %03o); chmod o-w", st.Mode&0o777)}
	case st.Mode&0o020 != 0 && !d.AllowShared && !d.privateGroup(st.Gid):
		return &RefusedError{rel, Mode, fmt.Sprintf("group %d may write it (mode %03o); chmod g-w", st.Gid, st.Mode&0o777)}
	}
	return nil
}

func (d *Dir) privateGroup(gid uint32) bool {
	private, ok := d.private()
	return ok && gid == private
}

// privateGroup finds the group that holds only this user. Ubuntu and Debian give each user one and make
// files group-writable for it (umask 002), so that refusing those would refuse what everybody drops.
func privateGroup() (uint32, bool) {
	u, err := user.Current()
	if err != nil {
		return 0, false
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil || g.Name != u.Username {
		return 0, false
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(gid), err == nil
}
