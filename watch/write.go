package watch

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

const (
	newFileMode   = 0o644 // less the umask
	newFolderMode = 0o755
)

// WriteFile makes rel hold what r delivers, at most max bytes. Readers see the
// old file or the whole new one, also after a power cut: the bytes go to a hidden file beside it, which is
// synced and renamed. Missing folders are made. Only a regular file is ever replaced; a link, here or in a
// folder of the path, is a *RefusedError and nothing is written behind it.
func (d *Dir) WriteFile(rel string, r io.Reader, max int64) error {
	if err := CheckPath(rel); err != nil {
		return err
	}
	folder, name := path.Split(rel)
	parent, err := d.makeFolders(folder)
	if err != nil {
		return err
	}
	defer parent.Close()
	at := int(parent.Fd())

	var st unix.Stat_t
	if err := unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		if refused := refuseKind(rel, st.Mode); refused != nil {
			return refused
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return &RefusedError{rel, Directory, "a folder of this name is there already"}
		}
	}
	temp := ".levee-" + rand.Text() + ".tmp"
	err = writeTemp(at, temp, rel, r, max)
	if err == nil {
		if err = unix.Renameat(at, temp, at, name); err == nil {
			err = parent.Sync()
		}
		if err != nil {
			err = &fs.PathError{Op: "write", Path: rel, Err: err}
		}
	}
	if err != nil {
		unix.Unlinkat(at, temp, 0)
		return err
	}
	return nil
}

func writeTemp(at int, temp, rel string, r io.Reader, max int64) error {
	fd, err := retry(func() (int, error) {
		return unix.Openat(at, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, newFileMode)
	})
	if err != nil {
		return &fs.PathError{Op: "create", Path: rel, Err: err}
	}
	f := os.NewFile(uintptr(fd), rel)
	defer f.Close()
	if _, err := io.Copy(f, io.LimitReader(r, max)); err != nil {
		return err
	}
	var beyond [1]byte
	if m, _ := io.ReadFull(r, beyond[:]); m > 0 {
		return &RefusedError{rel, TooLarge, fmt.Sprintf("at most %d bytes are written", max)}
	}
	return f.Sync()
}

// makeFolders opens the folder of a file that is to be written, and makes what is missing of it.
// folder is "" or ends in a slash, and belongs to a checked path.
func (d *Dir) makeFolders(folder string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY
	if folder == "" {
		folder = "."
	} else {
		folder = folder[:len(folder)-1]
	}
	fd, err := d.openat(folder, flags)
	if errors.Is(err, unix.ENOENT) {
		above, name := path.Split(folder)
		parent, perr := d.makeFolders(above)
		if perr != nil {
			return nil, perr
		}
		defer parent.Close()
		at := int(parent.Fd())
		if err := unix.Mkdirat(at, name, newFolderMode); err != nil && err != unix.EEXIST {
			return nil, &fs.PathError{Op: "mkdir", Path: folder, Err: err}
		}
		if err := parent.Sync(); err != nil {
			return nil, err
		}
		fd, err = d.openBelow(at, name, flags)
	}
	if err != nil {
		return nil, d.openError(folder, err)
	}
	return os.NewFile(uintptr(fd), folder), nil
}

// Same reports whether rel is a readable file with exactly the size bytes that r delivers. A file that Open
// would refuse is not the same: let WriteFile judge it.
func (d *Dir) Same(rel string, r io.Reader, size int64) (bool, error) {
	f, info, err := d.Open(rel, size)
	var refused *RefusedError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &refused) && refused.Reason != BadName {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if info.Size() != size {
		return false, nil
	}
	return sameBytes(f, r)
}

func sameBytes(a, b io.Reader) (bool, error) {
	const chunk = 64 << 10
	x, y := make([]byte, chunk), make([]byte, chunk)
	for {
		n, aerr := io.ReadFull(a, x)
		m, berr := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		for _, err := range []error{aerr, berr} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return false, err
			}
		}
		if aerr != nil || berr != nil { // equal so far, and one is at its end: then both are
			return aerr != nil && berr != nil, nil
		}
	}
}
